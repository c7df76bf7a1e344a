"""Writes the tables of the stage part by part, to bound memory.

Parts are Arrow files in a scratch folder; at the end each table becomes one Parquet file with row groups of a fixed
number of rows, so that its bytes do not depend on the parts.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType

import polars as pl

from nearmiss.base.files import replacing
from nearmiss.base.outputs import COST, MANIFEST, OutputFile, beside, move_into, refuse_overlap
from nearmiss.base.tables import conform

_ROW_GROUP = 1 << 17  # rows


class Tables:
    """Collects parts of named tables and writes `folder`/NAME.parquet for each on exit, in the order added."""

    def __init__(self, folder: Path) -> None:
        self._folder = Path(folder)
        self._scratch = self._folder / ".parts"
        self._parts: dict[str, list[Path]] = {}

    def __enter__(self) -> "Tables":
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir(parents=True)
        return self

    def add(self, name: str, frame: pl.DataFrame) -> None:
        """Append rows to a table; a table without rows is written empty."""
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
            pl.scan_ipc(parts, glob=False).sink_parquet(
                partial, statistics=False, row_group_size=_ROW_GROUP, maintain_order=True, engine="streaming"
            )


SIDE = ("captions.parquet", "paraphrases.parquet", "rejected.parquet", "summary.json", COST, MANIFEST)


class NamedOutputs:
    """The tables of one run as files named after `out`: x.parquet, x.captions.parquet, x.summary.json and so on.

    `with NamedOutputs(out, inputs=[...]) as folder` yields an empty folder for negatives.parquet and `SIDE`; on success
    they are moved, `out` last. Only files that an earlier run wrote are replaced or removed.

    Raises:
        InputError: at construction and when files are moved, if a name is taken by another file or is an input.
    """

    def __init__(self, out: Path, *, inputs: Iterable[Path | None] = ()) -> None:
        refuse_overlap(out, inputs := [*inputs])
        self._out = OutputFile(out, inputs=inputs).path
        for name in SIDE:
            OutputFile(beside(self._out, name), inputs=inputs)

    def __enter__(self) -> Path:
        self._out.parent.mkdir(parents=True, exist_ok=True)
        prefix = f".{self._out.name[:100]}."
        self._scratch = TemporaryDirectory(dir=self._out.parent, prefix=prefix, suffix=".partial")
        return Path(self._scratch.name)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._scratch as scratch:
            if kind is not None:
                return
            made = {name: Path(scratch) / name for name in SIDE if (Path(scratch) / name).is_file()}
            files = {beside(self._out, name).name: file for name, file in made.items()}
            gone = [beside(self._out, name).name for name in SIDE if name not in made]
            move_into(self._out.parent, {**files, self._out.name: Path(scratch) / "negatives.parquet"}, gone=gone)
