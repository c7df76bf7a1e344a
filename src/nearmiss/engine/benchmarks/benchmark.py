"""A benchmark: its description (`Card`), its scoring rules (`Measurement`), and its items.

There are three kinds: items (images x captions with a truth matrix), retrieval and classification. The world's own
benchmarks and published ones are the same kinds, read by the same code and scored by the same evaluator
(engine/scoring).
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
import polars as pl
from PIL import Image

from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.engine.benchmarks.fields import LeftOut

Ties = Literal["wrong", "right"]
Primary = Literal["text", "image", "group"]


@dataclass(frozen=True)
class Measurement:
    """How the items of a benchmark are scored and averaged. Source: each benchmark's own evaluator.

    An item's similarities are compared in decisions: of one image, a true against a false caption (`text`), or of one
    caption, a true against a false image (`image`). `group` requires both.
    """

    ties: Ties = "wrong"
    """How an item with a tied decision counts. `accuracy` of single decisions always counts a tie as half."""
    margin: float = 0.0
    """Similarities within this distance are a tie."""
    primary: Primary = "text"
    """Which decisions an item must win for the metric `score`."""
    single_decisions: bool = False
    """Report `accuracy` of single decisions per concept, operator and condition, in place of `score` per subset."""
    macro: bool = False
    """The mean over the strata of a subset, each counted alike, instead of the mean over items."""
    min_items: Mapping[str, int] = field(default_factory=dict)
    """Subset -> the number of items that a stratum needs in order to count."""
    excluded_strata: frozenset[str] = frozenset()
    max_items: int | None = None
    """Only the first items of each subset, in the order of its file."""
    single_captions: bool = False
    """Each caption is also classified as true or false by itself: AUROC, and accuracy at a fitted threshold."""
    pooled_subsets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Name -> subsets whose single decisions are also counted together."""
    pooled_concepts: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    """Name -> (operator, concepts) whose single decisions are also counted together."""
    groups: tuple[str, ...] = ()
    """Optional columns of the items: the single decisions of each value are also counted apart."""


@dataclass(frozen=True)
class Card:
    """Description of a benchmark and its files."""

    name: str
    paper: str
    license: str
    origin: str
    """Where its files come from."""
    files: tuple[str, ...]
    """The files as patterns below the data root, with {split} for a split; no match is a missing file."""
    images: tuple[str, ...] = ()
    """Folders of images below the data root."""
    measurement: Measurement = field(default_factory=Measurement)
    released: Measurement | None = None
    """The rules of the authors' released evaluator where they differ from `measurement`."""
    averages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Name -> patterns of subsets whose unweighted mean is also reported. `mean` over all subsets always is."""
    notes: str = ""
    complete: bool = False
    """Whether every image must exist (data that nearmiss wrote itself); published benchmarks report missing ones."""
    robustness_subsets: tuple[str, ...] = ()
    """The subsets whose items stage robustness corrupts; empty: all of them."""
    headline: tuple["Headline", ...] = ()
    """The metrics that represent the benchmark in an overview."""

    def rules(self, *, released: bool) -> Measurement:
        """The measurement that applies."""
        return self.released if released and self.released is not None else self.measurement


@dataclass(frozen=True)
class Headline:
    """A column of an overview: a metric that represents the benchmark."""

    name: str
    title: str
    description: str
    where: Mapping[str, str]
    """Columns of table `metrics` and their values, which select one row of a run."""
    short: str = ""
    """The title where there is little room, at most 8 characters."""
    cost: bool = False
    """Whether it measures what training on negatives may cost, not what it may improve."""


@dataclass(frozen=True)
class EmbeddedImage:
    """An image inside a benchmark's file: a function that opens it, and a hash of its content."""

    open: Callable[[], Image.Image]
    digest: str


@dataclass
class Coverage:
    """Coverage of a benchmark's files: what was read, and what was not."""

    hashes: dict[str, str] = field(default_factory=dict)
    """SHA-256 of each file by its path below the data root."""
    files_missing: list[str] = field(default_factory=list)
    """Patterns that no file matches, and folders and classes without images."""
    excluded: Counter[str] = field(default_factory=Counter)
    """Records that the benchmark's own rules exclude, by reason: the result is complete without them."""
    malformed: list[LeftOut] = field(default_factory=list)
    """Records that cannot be read: the result is incomplete without them."""
    equal_captions: list[str] = field(default_factory=list)
    """Items whose caption equals its negative, letter by letter."""
    n_read: int = 0
    """Items that were read, before `Measurement` excluded some."""


@dataclass(frozen=True)
class ItemBenchmark:
    """Items (table `items`, sorted by item_id, `images` as paths below the data root) and how they are scored."""

    card: Card
    measurement: Measurement
    items: pl.DataFrame
    coverage: Coverage
    embedded: Mapping[str, EmbeddedImage] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.card.name


@dataclass(frozen=True)
class RetrievalBenchmark:
    """A gallery of images (I, paths below the data root) and captions (C), retrieved in both directions."""

    card: Card
    images: list[str]
    captions: list[str]
    caption_ids: list[str]
    right: np.ndarray
    """(I, C) bool: the caption is true of the image, by any annotation."""
    own: np.ndarray
    """(I, C) bool: the caption was written for the image."""
    recall_at: tuple[int, ...]
    coverage: Coverage
    embedded: Mapping[str, EmbeddedImage] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.card.name


@dataclass(frozen=True)
class ClassificationTask:
    """Zero-shot classification of images (N, paths below the data root) among classes with prompts."""

    name: str | None
    images: list[str]
    labels: list[int]
    classes: list[str]
    prompts: list[list[str]]


@dataclass(frozen=True)
class ClassificationBenchmark:
    """One or more classification tasks."""

    card: Card
    tasks: list[ClassificationTask]
    top_k: tuple[int, ...]
    coverage: Coverage
    embedded: Mapping[str, EmbeddedImage] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.card.name


Benchmark = ItemBenchmark | RetrievalBenchmark | ClassificationBenchmark

Crop = tuple[float, float, float, float]
"""x, y, w, h of the part of an image that is shown, in pixels."""


def views_of(benchmark: Benchmark) -> set[tuple[str, Crop | None]]:
    """Path and crop of each image that a benchmark shows."""
    if isinstance(benchmark, ItemBenchmark):
        rows = benchmark.items.select("images", "crop").unique().iter_rows()
        return {(path, None if crop is None else tuple(crop)) for paths, crop in rows for path in paths}
    if isinstance(benchmark, RetrievalBenchmark):
        return {(path, None) for path in benchmark.images}
    return {(path, None) for task in benchmark.tasks for path in task.images}


@dataclass(frozen=True)
class Options:
    """Options of a reader besides the data root."""

    split: str = "test"
    """Of the benchmarks of an experiment's own data; published benchmarks have the split of their files."""
    released: bool = False
    """Use the rules of the authors' released evaluators where they differ from ours."""
    recall_at: Sequence[int] = (1, 5, 10)
    tagger: str | None = None
    """A spaCy pipeline, by name or folder, for benchmarks that permute words."""


class Reader(Protocol):
    """The interface of a benchmark's module."""

    @property
    def card(self) -> Card: ...

    def exists(self, root: DataRoot, options: Options) -> bool:
        """Whether some of its files exist."""

    def load(self, root: DataRoot, options: Options) -> Benchmark:
        """Read it. Raises InputError where a file is malformed as a whole, or nothing of it can be used."""
