"""What readers of published benchmarks share: where files lie, what a question is, and the sheet that they fill.

A reader is one small file with a `SOURCE` and a function `fill(sheet)`. It names images by their path below the data
root; whether a picture is there is asked later, so that a question without its image is expected and not scored. It
reads each record in a block of `Sheet.record`: a malformed one is left out and reported, and the others are asked.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import polars as pl
import pyarrow as pa
from PIL import Image

from nearmiss.base.errors import InputError
from nearmiss.base.files import numbered_lines, parse_json, sha256
from nearmiss.base.tables import conform, table
from nearmiss.engine.benchmarks.fields import Reading, Record, Unreadable, read_document
from nearmiss.engine.formats.records import REMEDY
from nearmiss.engine.images.decode import pixel_box

Ties = Literal["wrong", "right"]
_TWICE = "two records of a file have one id"
Asked = Literal["captions", "images", "both"]


@dataclass(frozen=True)
class Carried:
    """A picture that lies inside of a benchmark's own file: what opens it, and what changes when it does."""

    opened: Callable[[], Image.Image]
    stamp: str


@dataclass(frozen=True)
class Rule:
    """When an item is right, and how items become one figure. Source: each benchmark's own evaluator."""

    ties: Ties = "wrong"
    asked: Asked = "captions"
    """Which decisions an item must win: between captions, between images, or both."""
    macro: bool = False
    """The mean over the strata of a part, each counted alike, instead of the mean over items."""
    least: Mapping[str, int] = field(default_factory=dict)
    """part -> items that a stratum of it must have to count."""
    without: frozenset[str] = frozenset()
    """Strata that are left out by name."""
    first: int | None = None
    """Only the first items of each file, in its order."""
    alone: bool = False
    """Each caption is also judged by itself, true or false of its image: AUROC and accuracy at a fitted threshold."""


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
    """Further figures: the unweighted mean of the parts that fit a pattern. `mean` of all parts is always there."""


@dataclass(frozen=True)
class Folders:
    """A data root in which any folder may lie elsewhere: `moved` maps a path below the root to where it is."""

    root: Path
    moved: Mapping[str, Path] = field(default_factory=dict)
    tagger: str | None = None
    """A spaCy pipeline, by name or folder, for benchmarks that change the order of words."""

    def path(self, name: str) -> Path:
        """Where `name`, a path below the root, lies; the longest moved beginning of it counts."""
        parts = name.split("/")
        for count in range(len(parts), 0, -1):
            if (moved := self.moved.get("/".join(parts[:count]))) is not None:
                return Path(moved).joinpath(*parts[count:])
        return self.root.joinpath(*parts)

    def name(self, file: Path) -> str:
        """The path of a file below the root, whatever folder it lies in; its last two parts where it is below none."""
        for name, moved in sorted(self.moved.items()):
            if file.is_relative_to(moved):
                return f"{name}/{file.relative_to(moved).as_posix()}"
        return file.relative_to(self.root).as_posix() if file.is_relative_to(self.root) else "/".join(file.parts[-2:])

    def files(self, pattern: str) -> list[Path]:
        """The files of a pattern with stars, sorted."""
        parts = pattern.split("/")
        plain = next((place for place, part in enumerate(parts) if "*" in part), len(parts) - 1)
        folder = self.path("/".join(parts[:plain]))
        return sorted(file for file in folder.glob("/".join(parts[plain:])) if file.is_file())


def moves(given: Sequence[str]) -> dict[str, Path]:
    """`Folders.moved` from texts like coco/val2017=/data/coco. Raises InputError for another form."""
    found = {}
    for each in given:
        name, equals, path = each.partition("=")
        if not (name.strip("/") and equals and path):
            raise InputError(
                "a moved folder is not NAME=PATH", record=each, remedy="write it as coco/val2017=/data/coco"
            )
        found[name.strip("/")] = Path(path)
    return found


@dataclass
class Sheet:
    """The questions of one benchmark as a reader finds them, and what it left out."""

    source: Source
    folders: Folders
    not_asked: Counter[str] = field(default_factory=Counter)
    """Records that the benchmark's own rules leave out, by reason: the result is complete without them."""
    reading: Reading = field(default_factory=Reading)
    """Records that could not be read: the result is incomplete without them."""
    alike: list[str] = field(default_factory=list)
    """Items whose caption equals its negative: no model can tell them apart, so they count as ties."""
    hashes: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    """The patterns of the source that no file fits."""
    carried: dict[str, Carried] = field(default_factory=dict)
    """The pictures that lie inside of the benchmark's own files, by the name that items give them."""
    _rows: list[dict[str, Any]] = field(default_factory=list)
    _groups: list[dict[str, Any]] = field(default_factory=list)
    _ids: set[str] = field(default_factory=set)

    @property
    def left_out(self) -> Counter[str]:
        """How many records are left out for each reason, those of `not_asked` and of `reading`."""
        return self.not_asked + Counter(each.reason for each in self.reading.records)

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
            self.hashes.update({self.folders.name(file): sha256(file) for file in files})
        return found

    def listed(self) -> Iterable[Path]:
        """All files that `open` finds, pattern by pattern."""
        return [file for files in self.open().values() for file in files]

    def record(self, value: Any, file: Path, name: str) -> AbstractContextManager[Record]:
        """A block that reads one record and adds its questions. Where it raises, the record is left out."""
        return self.reading.record(value, file, name, self.folders.name(file))

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
        stratum: str | None = None,
    ) -> None:
        """One question of `part`, counted with others of its `stratum`.

        Raises InputError, which leaves a record out, for an id that stands twice, a caption that is empty or no text,
        an image whose path leaves its folder, and a crop (x, y, w, h in pixels) that is no box or holds no pixel.
        """
        name = f"{self.source.name}/{part}/{number}"
        if name in self._ids:
            raise self._wrong("two items of a benchmark have one id", name)
        if isinstance(captions, str) or not all(isinstance(caption, str) and caption.strip() for caption in captions):
            raise self._wrong("a caption has no words", name)
        if isinstance(images, str) or not all(map(inside, images)):
            raise self._wrong("the name of an image is no path in its folder", name)
        box = None if crop is None else [float(value) for value in crop]
        if box is not None:
            try:
                pixel_box(box)
            except ValueError as error:
                raise self._wrong(str(error), name) from None
        self._ids.add(name)
        if len(captions) > 1 and len(set(captions)) < len(captions) and _equal(captions, truth):
            self.alike.append(name)
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
                "crop": box,
            }
        )
        self._groups.append({"item_id": name, "part": part, "stratum": stratum or part, "place": len(self._groups)})

    def refuse_empty(self) -> None:
        """Raise InputError where every record was left out because it could not be read."""
        if not self._rows and self.reading.first is not None:
            first = self.reading.first
            raise InputError(
                f"none of the {len(self.reading.records):,} records of benchmark {self.source.name} can be used: "
                f"{first.problem}",
                file=first.file,
                record=first.record,
                remedy=REMEDY,
            )

    def _wrong(self, problem: str, item: str) -> InputError:
        file, record = self.reading.now or (None, item)
        return InputError(problem, file=file, record=record, remedy=REMEDY)

    def items(self) -> pl.DataFrame:
        """Table `items`, sorted by item_id. Raises InputError where no question is left."""
        if not self._rows:
            raise InputError(f"benchmark {self.source.name} has no question", record=dict(self.left_out), remedy=REMEDY)
        # by Arrow: nested lists of hundreds of thousands of items take it seconds, and polars a minute
        typed = pa.Table.from_pylist(self._rows, schema=table("items", []).to_arrow().schema)
        return conform(pl.DataFrame(pl.from_arrow(typed)), "items", file=self.folders.root).sort("item_id")

    def groups(self) -> pl.DataFrame:
        """item_id, part, stratum, and place (its number in the order of the files), sorted by item_id."""
        return pl.DataFrame(self._groups).sort("item_id")


Fill = Callable[[Sheet], None]


def rows(file: Path) -> list[Any]:
    """The records of a file that is one JSON list. Raises InputError where it is something else."""
    document = read_document(file)
    if not isinstance(document, list):
        raise InputError("the file is not a JSON list of records", file=file, remedy=REMEDY)
    return document


def keyed(file: Path) -> dict[str, Any]:
    """The records of a file that is one JSON object, by their ids; `Unreadable` where an id stands twice.

    Raises InputError where the file is something else.
    """
    document = read_document(file)
    if not isinstance(document, dict):
        raise InputError("the file is not a JSON object of records by id", file=file, remedy=REMEDY)
    twice = getattr(document, "doubled", ())
    return {key: Unreadable(_TWICE) if key in twice else value for key, value in document.items()}


def json_lines(file: Path) -> Iterator[tuple[int, Any]]:
    """The records of a JSONL file by their line from 1; `Unreadable` where a line is not JSON.

    Lines are those of `base.files.numbered_lines`. Raises InputError where the file is missing or is not UTF-8.
    """
    for number, line in numbered_lines(file):
        try:
            yield number, parse_json(line, file=file, line=number)
        except InputError:
            yield number, Unreadable("a line is not JSON")


def inside(path: object) -> bool:
    """Whether a path below the data root stays in its folder."""
    return isinstance(path, str) and "\0" not in path and ".." not in path.split("/") and not path.endswith("/")


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


def filled(source: Source, fill: Fill, folders: Folders) -> Sheet:
    """The questions of a benchmark; malformed records are left out (`Sheet.reading`).

    Raises InputError where no file is there, where one is malformed as a whole or cannot be read, and where no record
    can be used.
    """
    sheet = Sheet(source, folders)
    with readable(source.name, folders.path(source.files[0].split("/")[0])):
        fill(sheet)
    sheet.refuse_empty()
    return sheet


@contextmanager
def readable(benchmark: str, place: Path) -> Iterator[None]:
    """A block that reads a benchmark's files; what it raises becomes an InputError. `place` is where they lie."""
    try:
        yield
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise InputError(
            f"a record of benchmark {benchmark} is not what its authors publish: {type(error).__name__} {error}",
            file=place,
            remedy=REMEDY,
        ) from None
    except OSError as error:
        raise InputError(
            f"a file of benchmark {benchmark} cannot be read: {error.strerror or error}",
            file=error.filename or place,
            remedy="make it readable, or restore it from its source",
        ) from None
