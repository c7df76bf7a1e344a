"""Metadata of every output: `manifest.json` (its inputs) and `cost.json` (its cost).

The manifest has no absolute path and no time, so that equal results give equal bytes. The cost is in no fingerprint.
"""

import importlib.metadata
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nearmiss.base.errors import InputError
from nearmiss.base.files import files_below, folder_sha256, read_json, sha256, sha256_of_hashes, write_json
from nearmiss.base.fingerprint_file import read_fingerprint
from nearmiss.base.json_digest import with_digest, without_digest
from nearmiss.base.outputs import COST, MANIFEST, Hashes, Record, read_record

_VERSIONS = ("numpy", "open_clip_torch", "opencv-python-headless", "pillow", "polars", "pyarrow", "spacy", "torch")
OF_IMAGES = "/images"
"""How the name of an input ends that is a hash over the image files which another input lists."""
_LEVELS = 6  # folders above a file in which its record is looked for


def verify_inputs(inputs: Mapping[str, Path | None]) -> dict[str, str]:
    """Hash the named inputs, files or folders, and compare each file with the record of whoever wrote it.

    Returns the SHA-256 of each, for `write_manifest`. A file that no record names, such as a user's own, is hashed
    only. Called before any compute, so that no damaged file is used.

    Raises:
        InputError: a file is missing, differs from what was written there, or lies next to a damaged manifest.
    """
    records = _Records()
    given = {name: Path(path) for name, path in sorted(inputs.items()) if path is not None}
    for name, path in given.items():
        if not path.exists():
            raise InputError(
                f"an input is missing: {name}", file=path, remedy="run the stage that makes it, or correct the path"
            )
    return {name: _verified(path, records) for name, path in given.items()}


def image_folder(root: Path) -> Path | None:
    """The folder of images below the root that the synthetic world writes; None where images are the user's own."""
    folder = Path(root) / "images"
    return folder if folder.is_dir() else None


def verify_files(root: Path, files: Iterable[str], digest_of: Callable[[Path], str] = sha256) -> str:
    """SHA-256 over some files below `root`, by their names; each is compared with its record, as in `verify_inputs`.

    `digest_of` gives the SHA-256 of one of them.
    """
    records = _Records()
    return sha256_of_hashes({file: records.verified(Path(root) / file, digest_of) for file in sorted(files)})


def verify_written(files: Iterable[Path]) -> None:
    """Compare those of many files that a record names with it; others are not read, since nothing is known of them.

    Raises:
        InputError: a file differs from what was written there.
    """
    records = _Records()
    for file in files:
        if file.is_file() and records.hashes(file):
            records.verified(file)


def _verified(path: Path, records: "_Records") -> str:
    if path.is_file():
        return records.verified(path)
    return sha256_of_hashes({name: records.verified(file) for name, file in sorted(files_below(path).items())})


class _Records:
    """The records of folders, each read once."""

    def __init__(self) -> None:
        self._of: dict[Path, Record] = {}

    def verified(self, file: Path, digest_of: Callable[[Path], str] = sha256) -> str:
        """SHA-256 of a file, which must be what its record says."""
        digest, hashes = digest_of(file), self.hashes(file)
        if hashes and digest not in hashes:
            raise InputError(
                "a file is not what was written there: it was changed or is damaged",
                file=file,
                remedy="delete it and run the stage that makes it again",
            )
        return digest

    def hashes(self, file: Path) -> Hashes | None:
        """The entry of a file in the nearest record; None where no record names it."""
        whole = file.absolute()
        for folder in list(whole.parents)[:_LEVELS]:
            if folder not in self._of:
                self._of[folder] = read_record(folder)
                if self._of[folder].files and (folder / MANIFEST).is_file():
                    _check_manifest(folder / MANIFEST)
            found = self._of[folder].hashes(whole.relative_to(folder).as_posix())
            if found is not None:
                return found
        return None


def _check_manifest(file: Path) -> None:
    if not isinstance(read_json(file), dict):
        raise InputError(
            "a manifest is damaged", file=file, remedy="delete it and run the stage that makes the folder again"
        )


def _hash(path: Path) -> str:
    return folder_sha256(path) if path.is_dir() else sha256(path)


def versions() -> dict[str, str]:
    """Versions of nearmiss, Python and the packages that decide bits."""
    found = {name: importlib.metadata.version(name) for name in _VERSIONS}
    return {**found, "python": sys.version.split()[0]}


def write_manifest(
    folder: Path, *, stage: str, fingerprint: Path | None, inputs: Mapping[str, str], outputs: list[str]
) -> None:
    """Write `folder/manifest.json`: fingerprint, hashes of inputs (see `verify_inputs`) and of outputs, versions.

    Written last, so that a folder with a manifest is whole.
    """
    write_json(
        Path(folder) / MANIFEST,
        {
            "stage": stage,
            "fingerprint": read_fingerprint(fingerprint) if fingerprint is not None else None,
            "inputs": dict(sorted(inputs.items())),
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
        """Write `folder/cost.json`; peak memory in bytes, own process and its children each at their peak.

        Also the time of writing (UTC) and the machine, so that the job lasted for `seconds` until `ended`.
        """
        own = resource.getrusage(resource.RUSAGE_SELF)
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        unit = 1 if sys.platform == "darwin" else 1024
        content: dict[str, Any] = {
            "seconds": round(time.perf_counter() - self._wall, 3),
            "cpu_seconds": round(time.process_time() - self._cpu + children.ru_utime + children.ru_stime, 3),
            "peak_memory": max(own.ru_maxrss, children.ru_maxrss) * unit,
            "ended": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "machine": machine(),
            **self.counts,
        }
        write_json(Path(folder) / COST, with_digest(content))


def read_cost(file: Path) -> dict[str, Any]:
    """The content of a `cost.json`. Raises `InputError` where it is missing, damaged or edited.

    Costs differ by run, so that the record of a folder does not hold their hash: the file holds its own.
    """
    remedy = "run the stage that makes the folder again"
    try:
        value = read_json(file)
    except InputError as error:
        raise InputError(f"a cost file is damaged: {error.problem}", file=file, remedy=remedy) from None
    content, whole = without_digest(value) if isinstance(value, dict) else ({}, False)
    if not whole:
        raise InputError("a cost file is damaged or was edited", file=file, remedy=remedy)
    return content


def machine() -> str:
    """The kind of this machine, without its name: system, processor, number of processors."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    processor = models[0] if models else platform.processor() or platform.machine()
    return f"{platform.system()}, {processor}, {os.cpu_count()} CPUs"
