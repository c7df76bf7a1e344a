"""What lies beside every output: `manifest.json` (what it is made of) and `cost.json` (what it cost).

The manifest has no absolute path and no time, so that equal work gives equal bytes; the cost is no part of identity.
"""

import importlib.metadata
import resource
import sys
import time
from pathlib import Path
from typing import Any

from nearmiss.base.files import folder_sha256, read_json, sha256, write_json

_VERSIONS = ("numpy", "open_clip_torch", "opencv-python-headless", "pillow", "polars", "pyarrow", "spacy", "torch")


def _hash(path: Path) -> str:
    return folder_sha256(path) if path.is_dir() else sha256(path)


def versions() -> dict[str, str]:
    """Versions of nearmiss, Python and the packages that decide bits."""
    found = {name: importlib.metadata.version(name) for name in _VERSIONS}
    return {**found, "python": sys.version.split()[0]}


def write_manifest(
    folder: Path, *, stage: str, identity: Path | None, inputs: dict[str, Path], outputs: list[str]
) -> None:
    """Write `folder/manifest.json`: identity, hashes of named inputs and of outputs (relative names), versions.

    Written last, so that a folder with a manifest is whole.
    """
    write_json(
        Path(folder) / "manifest.json",
        {
            "stage": stage,
            "identity": read_json(identity) if identity is not None else None,
            "inputs": {name: _hash(Path(path)) for name, path in sorted(inputs.items())},
            "outputs": {name: _hash(Path(folder) / name) for name in sorted(outputs)},
            "versions": versions(),
        },
    )


class Cost:
    """Measures a job from its construction: wall and CPU seconds, peak memory; counts are added by the job."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        self.counts: dict[str, Any] = {}

    def write(self, folder: Path) -> None:
        """Write `folder/cost.json`; peak memory in bytes, own process and its children each at their peak."""
        own = resource.getrusage(resource.RUSAGE_SELF)
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        unit = 1 if sys.platform == "darwin" else 1024
        write_json(
            Path(folder) / "cost.json",
            {
                "seconds": round(time.perf_counter() - self._wall, 3),
                "cpu_seconds": round(time.process_time() - self._cpu + children.ru_utime + children.ru_stime, 3),
                "peak_memory": max(own.ru_maxrss, children.ru_maxrss) * unit,
                **self.counts,
            },
        )
