"""Location of benchmark files: one folder, the data root, in which any folder may be replaced by another one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nearmiss.base.errors import InputError

SOURCE = "source"
"""The name below the root of the images of an experiment's data source."""


@dataclass(frozen=True)
class DataRoot:
    """A data root. `moved` maps a path below the root to its actual location.

    Without a root only moved paths exist.
    """

    root: Path | None
    moved: Mapping[str, Path] = field(default_factory=dict)

    def path(self, name: str) -> Path:
        """The location of `name`, a path below the root; its longest moved prefix counts."""
        parts = name.split("/")
        for count in range(len(parts), 0, -1):
            if (moved := self.moved.get("/".join(parts[:count]))) is not None:
                return Path(moved).joinpath(*parts[count:])
        return (Path("no-data-root") if self.root is None else self.root).joinpath(*parts)

    def inputs(self) -> list[Path | None]:
        """The root and the moved folders, without the images of a data source: results may lie below their folder."""
        return [self.root, *(moved for name, moved in self.moved.items() if name != SOURCE)]

    def name(self, file: Path) -> str:
        """The path of a file below the root, whatever folder it lies in; its last two parts where it is below none."""
        for name, moved in sorted(self.moved.items()):
            if file.is_relative_to(moved):
                return f"{name}/{file.relative_to(moved).as_posix()}"
        if self.root is not None and file.is_relative_to(self.root):
            return file.relative_to(self.root).as_posix()
        return "/".join(file.parts[-2:])

    def files(self, pattern: str) -> list[Path]:
        """The files that match a pattern with stars, sorted."""
        parts = pattern.split("/")
        first = next((at for at, part in enumerate(parts) if "*" in part), len(parts) - 1)
        folder = self.path("/".join(parts[:first]))
        return sorted(file for file in folder.glob("/".join(parts[first:])) if file.is_file())

    def check(self) -> None:
        """Raise InputError where a moved folder does not exist."""
        for name, moved in self.moved.items():
            if not Path(moved).exists():
                raise InputError("a moved folder does not exist", file=moved, record=name, remedy="correct --move")


def moves(given: Sequence[str]) -> dict[str, Path]:
    """`DataRoot.moved` from texts like coco/val2017=/data/coco. Raises InputError for another form."""
    found = {}
    for each in given:
        name, equals, path = each.partition("=")
        if not (name.strip("/") and equals and path):
            raise InputError("--move is not NAME=PATH", record=each, remedy="write it as coco/val2017=/data/coco")
        found[name.strip("/")] = Path(path)
    return found
