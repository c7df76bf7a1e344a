"""What readers of published benchmarks share: where files lie, what a question is, and the sheet that they fill.

A reader is one small file with a `SOURCE` and a function `fill(sheet)`. It names images by their path below the data
root; whether a picture is there is asked later, so that a question without its image is expected and not scored.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, sha256
from nearmiss.base.tables import table
from nearmiss.engine.formats.records import REMEDY

Ties = Literal["wrong", "right"]
Asked = Literal["captions", "images", "both"]


@dataclass(frozen=True)
class Rule:
    """When an item is right, and how items become one figure. Source: each benchmark's own evaluator."""

    ties: Ties = "wrong"
    asked: Asked = "captions"
    """Which decisions an item must win: between captions, between images, or both."""
    macro: bool = False
    """The mean over the groups of a part, each counted alike, instead of the mean over items."""
    least: int = 1
    """Groups with fewer items are left out."""
    without: frozenset[str] = frozenset()
    """Groups that are left out by name."""
    first: int | None = None
    """Only the first items of each file, in its order."""


@dataclass(frozen=True)
class Source:
    """A published benchmark: what a user needs to know before getting it, and how it is counted."""

    name: str
    paper: str
    licence: str
    origin: str
    """Where its files come from, in words."""
    files: tuple[str, ...]
    """The authors' files as patterns below the data root; a pattern that matches nothing is a missing file."""
    images: tuple[str, ...]
    """Folders of images below the data root."""
    rule: Rule
    as_published: Rule
    notes: str = ""
    averages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Further figures: the unweighted mean of the named parts. `mean` of all parts is always there."""


@dataclass(frozen=True)
class Folders:
    """A data root in which any folder may lie elsewhere: `moved` maps a path below the root to where it is."""

    root: Path
    moved: Mapping[str, Path] = field(default_factory=dict)
    tagger: str | None = None
    """spaCy pipeline for the benchmarks that move words about; None is the world's own lexicon."""

    def path(self, name: str) -> Path:
        """Where `name`, a path below the root, lies; the longest moved beginning of it counts."""
        parts = name.split("/")
        for count in range(len(parts), 0, -1):
            if (moved := self.moved.get("/".join(parts[:count]))) is not None:
                return Path(moved).joinpath(*parts[count:])
        return self.root.joinpath(*parts)

    def files(self, pattern: str) -> list[Path]:
        """The files of a pattern whose last part may have stars, sorted."""
        folder, _, last = pattern.rpartition("/")
        return sorted(file for file in self.path(folder).glob(last) if file.is_file())


@dataclass
class Sheet:
    """The questions of one benchmark as a reader finds them, and what it left out, by reason."""

    source: Source
    folders: Folders
    left_out: Counter[str] = field(default_factory=Counter)
    alike: list[str] = field(default_factory=list)
    """Items whose caption equals its negative: no model can tell them apart, so they count as ties."""
    hashes: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    """The patterns of the source that no file fits."""
    _rows: list[dict[str, Any]] = field(default_factory=list)
    _groups: list[dict[str, Any]] = field(default_factory=list)
    _ids: set[str] = field(default_factory=set)

    def open(self) -> dict[str, list[Path]]:
        """The files of each pattern, hashed. Raises InputError where there is none at all."""
        found = {pattern: self.folders.files(pattern) for pattern in self.source.files}
        self.missing = [pattern for pattern, files in found.items() if not files]
        if not any(found.values()):
            raise InputError(
                f"no file of benchmark {self.source.name} is there",
                file=self.folders.path(self.source.files[0].split("/")[0]),
                record=", ".join(self.source.files),
                remedy=f"get them from {self.source.origin}",
            )
        for files in found.values():
            self.hashes.update({"/".join(file.parts[-2:]): sha256(file) for file in files})
        return found

    def listed(self) -> Iterable[Path]:
        """All files that `open` finds, pattern by pattern."""
        return [file for files in self.open().values() for file in files]

    def add(
        self,
        part: str,
        number: object,
        images: Sequence[str],
        captions: Sequence[str],
        truth: Sequence[Sequence[bool]],
        *,
        concept: str | None = None,
        operator: str | None = None,
        crop: Sequence[float] | None = None,
        group: str | None = None,
    ) -> None:
        """One question of `part`. Raises InputError for an id that stands twice and for a caption without words."""
        name = f"{self.source.name}/{part}/{number}"
        if name in self._ids:
            raise InputError("two items of a benchmark have one id", record=name, remedy=REMEDY)
        if not all(isinstance(caption, str) and caption.strip() for caption in captions):
            self.left_out["a caption without words"] += 1
            return
        self._ids.add(name)
        true = {caption for row in truth for caption, right in zip(captions, row, strict=True) if right}
        if len(captions) > 1 and len(set(captions)) < len(captions) and _equal(captions, truth):
            self.alike.append(name)
        assert true or len(captions) == 1
        self._rows.append(
            {
                "item_id": name,
                "benchmark": self.source.name,
                "subset": _form(len(images), len(captions), truth),
                "concept": concept,
                "operator": operator,
                "template_id": None,
                "condition": "iid",
                "images": list(images),
                "captions": list(captions),
                "truth": [list(row) for row in truth],
                "crop": None if crop is None else [float(value) for value in crop],
            }
        )
        self._groups.append({"item_id": name, "part": part, "group": group or part, "place": len(self._groups)})

    def items(self) -> pl.DataFrame:
        """Table `items`, sorted by item_id. Raises InputError where no question is left."""
        if not self._rows:
            raise InputError(f"benchmark {self.source.name} has no question", record=dict(self.left_out), remedy=REMEDY)
        return table("items", self._rows).sort("item_id")

    def groups(self) -> pl.DataFrame:
        """item_id, part, group, and place (its number in the order of the files), sorted by item_id."""
        return pl.DataFrame(self._groups).sort("item_id")


Fill = Callable[[Sheet], None]


def rows(file: Path) -> list[Any]:
    """The records of a file that is one JSON list; an InputError where it is something else."""
    document = read_json(file)
    if not isinstance(document, list):
        raise InputError("the file is not a JSON list of records", file=file, remedy=REMEDY)
    return document


def _form(images: int, captions: int, truth: Sequence[Sequence[bool]]) -> str:
    if images == 1 and captions > 2:
        return "1x3" if captions == 3 and sum(truth[0]) == 2 else "1xN"
    return f"{images}x{captions}"


def _equal(captions: Sequence[str], truth: Sequence[Sequence[bool]]) -> bool:
    """Whether some caption is true of an image as one place and false of it as another."""
    for row in truth:
        right = {caption for caption, value in zip(captions, row, strict=True) if value}
        if any(caption in right for caption, value in zip(captions, row, strict=True) if not value):
            return True
    return False
