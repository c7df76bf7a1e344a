"""The interface of a data source: its options, what it makes of them, and how. Imports nothing heavy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from nearmiss.base.typed import Typed

if TYPE_CHECKING:
    from nearmiss.stages.data.overlap import Exclusion

Purpose = Literal["base", "continued", "negatives", "inpaint"]
"""What a caption set is used for: the two phases of pretraining, negatives, and counterfactual pairs."""

TABLES = ("images", "captions", "objects", "relations")
"""The tables that every source writes; those of a source without annotations have no rows."""


@dataclass(frozen=True)
class Declaration:
    """Outputs of a source, known before it runs. Files are paths, relative to the working directory.

    The workflow's rules and the checks of a configuration read this and never the source's name.
    """

    splits: tuple[str, ...]
    """Splits that have images."""
    caption_sets: tuple[str, ...]
    """Values of column `set` of table `captions`."""
    default_sets: Mapping[Purpose, str]
    """The set that is used for a purpose where the configuration names none."""
    image_root: str
    """The folder that column `file` of table `images` is relative to."""
    images: str
    """The input of a rule that stands for all image files: it is newer whenever they have changed."""
    words: str
    """The words of a model that is trained from random weights, one a line."""
    inputs: tuple[str, ...] = ()
    """Files of the user that the source reads."""
    downloads: tuple[str, ...] = ()
    """Entries of the catalog of downloads (`nearmiss download`) that have some of `inputs`."""
    tables: tuple[str, ...] = TABLES
    """Tables that are written, by name: `TABLES`, and those of benchmarks and tasks that the source has.

    items_<split>, retrieval_<split>, classification_<split>, examples_<task>.
    """
    files: tuple[str, ...] = ()
    """Further files that are written."""
    folders: tuple[str, ...] = ()
    """Folders that are written."""
    closed_vocabulary: bool = False
    """Whether captions use only the words of the built-in tagger."""
    photographs: bool = True
    """Whether images are photographs, which a published benchmark may show too."""
    masks: bool = False
    """Whether objects have masks."""
    reserved: str | None = None
    """Combinations that no negative may name, a JSON file."""
    truth: tuple[str, ...] = ()
    """The full description of every image, JSON files in one folder; empty if unknown."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Keys of the configuration that messages name: `images` and `benchmarks` of a split."""

    @property
    def benchmark_splits(self) -> tuple[str, ...]:
        """Splits that have some benchmark of the source's own."""
        names = ("items", "retrieval", "classification")
        return tuple(split for split in self.splits if any(f"{name}_{split}" in self.tables for name in names))

    @property
    def tasks(self) -> tuple[str, ...]:
        """Downstream tasks of which the source has examples."""
        return tuple(name.removeprefix("examples_") for name in self.tables if name.startswith("examples_"))


def nothing_provided(path: Path) -> bool:
    """No path is downloaded."""
    return False


class DataSource(Typed):
    """Options of a source. A subclass sets the type of `name` to its own name and fills in the methods."""

    name: str

    def declare(self, data: str) -> Declaration:
        """What the source makes; `data` is the folder that `write` fills. Reads no file."""
        raise NotImplementedError

    def check(self, provided: Callable[[Path], bool] = nothing_provided) -> None:
        """Raise `InputError` where a part of the source is missing; called before any job starts.

        `provided(path)` is whether a job downloads a path.
        """

    def write(
        self, data: Path, workers: int, exclusion: "Exclusion | None" = None
    ) -> tuple[dict[str, object], dict[str, str]]:
        """Fill the folder `data`: its tables below tables/ and everything else that `declare` names.

        A source of photographs applies the `exclusion`, if there is one, to table `images` before it is written.
        Returns the content of summary.json and the SHA-256 of each input by name. Raises `InputError`, before anything
        is written, where an input is missing or nothing of it can be used. The bytes do not depend on `workers`.
        """
        raise NotImplementedError

    def smaller(self) -> Self:
        """The same source at the size of `quick: true`."""
        return self
