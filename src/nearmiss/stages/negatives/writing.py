"""The tables of one run of the stage under the name of a single file."""

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType

from nearmiss.base.outputs import COST, MANIFEST, OutputFile, beside, move_into, refuse_overlap

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
