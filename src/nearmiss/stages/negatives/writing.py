"""The stage's tables, written part by part: what has been made lies on disk, not in memory.

Parts are Arrow files in a scratch folder; at the end each table becomes one Parquet file with row groups of a fixed
number of rows, so that its bytes are those of the same rows in any other parts.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType

import polars as pl

from nearmiss.base.files import replacing
from nearmiss.base.tables import conform

_ROW_GROUP = 1 << 17  # rows


class Tables:
    """Collects parts of named tables and writes `folder`/NAME.parquet for each on leaving, sorted as they came."""

    def __init__(self, folder: Path) -> None:
        self._folder = Path(folder)
        self._scratch = self._folder / ".parts"
        self._parts: dict[str, list[Path]] = {}

    def __enter__(self) -> "Tables":
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir(parents=True)
        return self

    def add(self, name: str, frame: pl.DataFrame) -> None:
        """Rows that follow those added before; a table that gets none is written empty."""
        parts = self._parts.setdefault(name, [])
        if frame.height or not parts:
            path = self._scratch / f"{name}-{len(parts):07d}.arrow"
            conform(frame, name, file=path).write_ipc(path, compression="lz4")
            parts.append(path)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                for name, parts in sorted(self._parts.items()):
                    self._write(name, parts)
        finally:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _write(self, name: str, parts: list[Path]) -> None:
        with replacing(self._folder / f"{name}.parquet") as partial:
            pl.scan_ipc(parts).sink_parquet(
                partial, statistics=False, row_group_size=_ROW_GROUP, maintain_order=True, engine="streaming"
            )


@contextmanager
def beside(out: Path) -> Iterator[Path]:
    """Yield an empty folder; on success its files move beside `out`, and its negatives.parquet to `out` itself, last.

    What an earlier call left goes first: whoever finds a file at `out` finds what belongs to it.
    """
    out = Path(out)
    with TemporaryDirectory(dir=_made(out.parent), prefix=f".{out.name}.", suffix=".partial") as scratch:
        folder = Path(scratch)
        yield folder
        out.unlink(missing_ok=True)
        for name in ("captions.parquet", "paraphrases.parquet"):
            (out.parent / name).unlink(missing_ok=True)
        for file in sorted(folder.iterdir()):
            if file.name != "negatives.parquet":
                file.replace(out.parent / file.name)
        (folder / "negatives.parquet").replace(out)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
