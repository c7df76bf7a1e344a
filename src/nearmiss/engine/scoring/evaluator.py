"""The evaluator scores one model on any benchmarks: similarities of every item, outcomes, and table `metrics`.

Stage evaluate uses it for clean images and captions, stage robustness for corrupted ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from nearmiss.base.caption_sets import read_caption_set
from nearmiss.base.tables import read_table, table
from nearmiss.engine.benchmarks.benchmark import (
    Benchmark,
    ClassificationBenchmark,
    ItemBenchmark,
    RetrievalBenchmark,
)
from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.engine.scoring import blind, classes, decisions, metrics, ranking, single_captions
from nearmiss.engine.scoring.embeddings import Embeddings
from nearmiss.engine.scoring.endpoints import ENDPOINT, Endpoint, endpoints
from nearmiss.engine.scoring.metrics import Bootstrap, References, Run
from nearmiss.engine.text.phrases import skeleton

BLIND = "blind"
"""The column `model` of blind baselines' rows."""
_TAUGHT = 0.01
"""Minimum share of an arm's negatives: rarer pairs arise from captions of other images that differ by one word."""
_MOST = 20_000  # training negatives of the text classifier: more change the result by less than its interval


@dataclass(frozen=True)
class Training:
    """Known training data of a model, for blind baselines and the marks seen, wording, concept, unseen."""

    captions: Sequence[str] = ()
    """Captions of training images."""
    negatives: pl.DataFrame | None = None
    """Table `negatives`."""

    def edited(self) -> frozenset[tuple[str, str]]:
        """The (concept, operator) pairs that at least 1 % of the negatives have."""
        if self.negatives is None:
            return frozenset()
        counts = self.negatives.group_by("concept", "operator").len().drop_nulls()
        counts = counts.filter(pl.col("len") >= _TAUGHT * self.negatives.height)
        return frozenset(counts.select("concept", "operator").iter_rows())

    def wordings(self) -> frozenset[tuple[str, str, str]]:
        """(concept, operator, wording) of the negatives that have a template; see `skeleton`."""
        if self.negatives is None:
            return frozenset()
        keys = ("concept", "operator", "template_id")
        one_of_each = self.negatives.drop_nulls(keys).unique(keys, keep="first", maintain_order=True)
        found = one_of_each.select("concept", "operator", "positive").iter_rows()
        return frozenset((concept, operator, skeleton(text)) for concept, operator, text in found)


def read_negatives(file: Path | None) -> pl.DataFrame | None:
    """Table `negatives` of a file, or of the folder of a method; None for None."""
    if file is None:
        return None
    return read_table(file / "negatives.parquet" if Path(file).is_dir() else Path(file), "negatives")


def training_captions(captions: Path | None, caption_set: str | None, root: DataRoot) -> list[str]:
    """Captions of training images, in the order of their ids."""
    if captions is None:
        return []
    found = read_caption_set(captions, caption_set)
    images = root.path("tables/images.parquet")
    if images.is_file():
        training = read_table(images, "images").filter(pl.col("split") == "train")
        found = found.join(training, on="image_id", how="semi")
    return found.sort("caption_id")["text"].to_list()


def similarities(benchmark: Benchmark, embeddings: Embeddings) -> pl.DataFrame:
    """item_id and similarity (images x captions) of every scored item; empty for retrieval and classification."""
    if isinstance(benchmark, ItemBenchmark):
        return decisions.similarities(benchmark.items, embeddings)
    return pl.DataFrame(schema={"item_id": pl.String, "similarity": decisions.NESTED})


def outcomes(benchmark: Benchmark, embeddings: Embeddings, similarity: pl.DataFrame | None = None) -> pl.DataFrame:
    """Table `outcomes`. `similarity` replaces the cosines of items, for example by a cross-encoder's logits."""
    if isinstance(benchmark, RetrievalBenchmark):
        return ranking.outcomes(benchmark, embeddings)
    if isinstance(benchmark, ClassificationBenchmark):
        return classes.outcomes(benchmark, embeddings)
    known = decisions.similarities(benchmark.items, embeddings) if similarity is None else similarity
    return decisions.outcomes(benchmark, known)


class Comparison:
    """Reference values of a benchmark's metrics; computed once, applied to several outcomes."""

    def __init__(self, benchmark: Benchmark, training: Training, embeddings: Embeddings) -> None:
        self._benchmark = benchmark
        self.baselines = blind.baselines(benchmark, training.captions)
        """Outcomes of each blind baseline."""
        self._embeddings = embeddings
        self._probe: dict[Endpoint, float] = {}
        prior: dict[Endpoint, float] = {}
        if isinstance(benchmark, ItemBenchmark):
            prior = metrics.values(outcomes(benchmark, embeddings.text_prior()))
            if training.negatives is not None and training.negatives.height:
                negatives = training.negatives
                fitted_on = negatives.sort("negative_id").sample(min(negatives.height, _MOST), seed=0)
                probe = decisions.outcomes(benchmark, blind.trained(benchmark.items, fitted_on))
                self._probe = metrics.values(probe)
        best: dict[Endpoint, float] = {}
        for each in self.baselines.values():
            for key, value in metrics.values(each).items():
                best[key] = max(value, best.get(key, 0.0))
        worded = _worded(benchmark, training.wordings())
        self._references = References({}, best, prior, self._probe, training.edited(), worded)

    def rows(self, found: pl.DataFrame, run: Run, how: Bootstrap) -> pl.DataFrame:
        """Table `metrics` of a model's outcomes."""
        references = replace(self._references, n_expected=_expected(self._benchmark, found))
        made = metrics.rows(found, run, how, references)
        if isinstance(self._benchmark, ItemBenchmark) and self._benchmark.measurement.single_captions:
            made = pl.concat([made, single_captions.rows(self._benchmark, self._embeddings, run, how)])
        return made

    def blind_rows(self, run: Run, how: Bootstrap) -> pl.DataFrame:
        """Table `metrics` of the blind baselines: model `blind`, the baseline's name as arm."""
        parts = [
            metrics.rows(
                found,
                replace(run, model=BLIND, arm=name),
                how,
                replace(self._references, trained=frozenset(), worded={}, text_prior={}, training_probe={}),
            )
            for name, found in sorted(self.baselines.items())
        ]
        return pl.concat([table("metrics", []), *parts])

    @property
    def references(self) -> References:
        """Reference values, without numbers of items."""
        return self._references


def _worded(benchmark: Benchmark, trained: frozenset[tuple[str, str, str]]) -> dict[str, bool]:
    """Whether a training negative of an item's concept and operator has its wording, by item id.

    Empty if the items or the negatives have no templates.
    """
    if not isinstance(benchmark, ItemBenchmark) or not trained or "template_id" not in benchmark.items.columns:
        return {}
    items = benchmark.items.filter(pl.col("template_id").is_not_null())
    keys = ("concept", "operator", "template_id")
    known = {
        tuple(row[key] for key in keys): (row["concept"], row["operator"], skeleton(row["captions"][0])) in trained
        for row in items.unique(keys, keep="first", maintain_order=True).iter_rows(named=True)
    }
    return {row[0]: known[row[1:]] for row in items.select("item_id", *keys).iter_rows()}


def _expected(benchmark: Benchmark, found: pl.DataFrame) -> Mapping[Endpoint, int]:
    """Number of items of each endpoint, scored or not."""
    if isinstance(benchmark, ItemBenchmark):
        return {key: group.height for key, group in endpoints(decisions.expected(benchmark).sort(ENDPOINT))}
    if isinstance(benchmark, RetrievalBenchmark):
        by_direction = ranking.expected(benchmark)
        return {key: by_direction[str(key[1])] for key, _ in endpoints(found)}
    by_task = classes.expected(benchmark)
    return {key: by_task[key[5]] for key, _ in endpoints(found)}
