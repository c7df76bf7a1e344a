"""Reading item benchmarks: a reader adds the items of each record to a builder; malformed records are set aside.

A reader is one small file with a `CARD`, a function `add_items(builder)` and `BENCHMARK = ItemReader(CARD, add_items)`.
It names images by their path below the data root; whether an image exists is checked by the evaluator, so that an item
without its image is expected and not scored. Each record is read in a block of `ItemBuilder.record`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from nearmiss.base.errors import InputError, reason
from nearmiss.base.files import numbered_lines, parse_json, sha256
from nearmiss.base.tables import conform, table
from nearmiss.engine.benchmarks.benchmark import Card, Coverage, EmbeddedImage, ItemBenchmark, Measurement, Options
from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.engine.benchmarks.fields import Reading, Record, Unreadable, read_document
from nearmiss.engine.formats.records import REMEDY
from nearmiss.engine.images.decode import pixel_box

_TWICE = "two records of a file have one id"


@dataclass
class ItemBuilder:
    """The items of one benchmark as a reader finds them, and the records that it could not use."""

    card: Card
    root: DataRoot
    options: Options = field(default_factory=Options)
    coverage: Coverage = field(default_factory=Coverage)
    reading: Reading = field(default_factory=Reading)
    embedded: dict[str, EmbeddedImage] = field(default_factory=dict)
    """The images that lie inside of the benchmark's own files, by the name that items give them."""
    rows: list[dict[str, Any]] = field(default_factory=list)
    """The items so far, as rows of table `items`, in the order of the files."""
    _ids: set[str] = field(default_factory=set)

    def files(self) -> list[Path]:
        """All files of the card's patterns, hashed. Raises InputError where there is none at all."""
        patterns = [pattern.format(split=self.options.split) for pattern in self.card.files]
        found = {pattern: self.root.files(pattern) for pattern in patterns}
        self.coverage.files_missing = [pattern for pattern, files in found.items() if not files]
        if not any(found.values()):
            raise InputError(
                f"no file of benchmark {self.card.name} exists",
                file=self.root.path(patterns[0].split("/")[0]),
                record=", ".join(patterns),
                remedy=f"get them from {self.card.origin}",
            )
        every = [file for files in found.values() for file in files]
        self.coverage.hashes.update({self.root.name(file): sha256(file) for file in every})
        return every

    def record(self, value: Any, file: Path, name: str) -> AbstractContextManager[Record]:
        """A block that reads one record and adds its items. Where it raises, the record is set aside."""
        return self.reading.record(value, file, name, self.root.name(file))

    def exclude(self, reason: str) -> None:
        """Count a record that the benchmark's own rules exclude."""
        self.coverage.excluded[reason] += 1

    def add(
        self,
        subset: str,
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
        """Add one item to `subset`, averaged with the others of its `stratum`.

        Raises InputError, which sets the record aside, for an id that occurs twice, a caption that is empty or not a
        text, an image whose path leaves its folder, and a crop (x, y, w, h in pixels) that holds no pixel.
        """
        name = f"{self.card.name}/{subset}/{number}"
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
            self.coverage.equal_captions.append(name)
        self.rows.append(
            {
                "item_id": name,
                "benchmark": self.card.name,
                "subset": subset,
                "concept": concept,
                "operator": operator,
                "template_id": None,
                "condition": "iid",
                "images": list(images),
                "captions": list(captions),
                "truth": [list(row) for row in truth],
                "crop": box,
                "stratum": stratum or subset,
            }
        )

    def build(self) -> ItemBenchmark:
        """The benchmark. Raises InputError where no item is left."""
        self.coverage.malformed = self.reading.records
        first = self.reading.first
        if not self.rows and first is not None:
            raise InputError(
                f"none of the {len(self.reading.records):,} records of benchmark {self.card.name} can be used: "
                f"{first.problem}",
                file=first.file,
                record=first.record,
                remedy=REMEDY,
            )
        if not self.rows:
            raise InputError(
                f"benchmark {self.card.name} has no items", record=dict(self.coverage.excluded), remedy=REMEDY
            )
        # by Arrow: nested lists of hundreds of thousands of items take it seconds, and polars a minute
        schema = table("items", []).with_columns(stratum=pl.lit(None, pl.String)).to_arrow().schema
        typed = pl.DataFrame(pl.from_arrow(pa.Table.from_pylist(self.rows, schema=schema)))
        measurement = self.card.rules(released=self.options.released)
        self.coverage.n_read = typed.height
        items = counted(conform(typed, "items", file=self.root.root), measurement).sort("item_id")
        return ItemBenchmark(self.card, measurement, items, self.coverage, self.embedded)

    def _wrong(self, problem: str, item: str) -> InputError:
        file, record = self.reading.now or (None, item)
        return InputError(problem, file=file, record=record, remedy=REMEDY)


def counted(items: pl.DataFrame, measurement: Measurement) -> pl.DataFrame:
    """The items, in the order of their files, that a measurement counts."""
    if measurement.max_items is not None:
        items = items.filter(pl.int_range(pl.len()).over("subset") < measurement.max_items)
    items = items.filter(~pl.col("stratum").is_in(list(measurement.excluded_strata)))
    least = pl.col("subset").replace_strict(dict(measurement.min_items), default=1, return_dtype=pl.Int64)
    return items.filter(pl.len().over("subset", "stratum") >= least)


@dataclass(frozen=True)
class ItemReader:
    """A `Reader` (engine/benchmarks/benchmark.py) of an item benchmark."""

    card: Card
    add_items: Callable[[ItemBuilder], None]

    def exists(self, root: DataRoot, options: Options) -> bool:
        return any(root.files(pattern.format(split=options.split)) for pattern in self.card.files)

    def load(self, root: DataRoot, options: Options) -> ItemBenchmark:
        builder = ItemBuilder(self.card, root, options)
        with readable(self.card.name, root.path(self.card.files[0].split("/")[0])):
            self.add_items(builder)
        return builder.build()


def rows(file: Path) -> list[Any]:
    """The records of a file that is one JSON list. Raises InputError where it is something else."""
    document = read_document(file)
    if not isinstance(document, list):
        raise InputError("the file is not a JSON list of records", file=file, remedy=REMEDY)
    return document


def keyed(file: Path) -> dict[str, Any]:
    """The records of a file that is one JSON object, by their ids; `Unreadable` where an id occurs twice.

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


def _equal(captions: Sequence[str], truth: Sequence[Sequence[bool]]) -> bool:
    """Whether equal captions have different truth values for the same image."""
    for row in truth:
        right = {caption for caption, value in zip(captions, row, strict=True) if value}
        if any(caption in right for caption, value in zip(captions, row, strict=True) if not value):
            return True
    return False


@contextmanager
def readable(benchmark: str, location: Path) -> Iterator[None]:
    """A block that reads a benchmark's files; exceptions become an InputError. `location` is their folder."""
    try:
        yield
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise InputError(
            f"a record of benchmark {benchmark} is not what its authors publish: {type(error).__name__} {error}",
            file=location,
            remedy=REMEDY,
        ) from None
    except OSError as error:
        raise InputError(
            f"a file of benchmark {benchmark} cannot be read: {reason(error)}",
            file=error.filename or location,
            remedy="make it readable, or restore it from its source",
        ) from None
