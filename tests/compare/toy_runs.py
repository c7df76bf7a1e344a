"""Finished runs of a toy experiment: scores with a planted skill for each arm and concept, and made-up curves."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from nearmiss.base.files import write_json
from nearmiss.base.json_digest import with_digest
from nearmiss.base.seeding import array_rng
from nearmiss.base.tables import write_table
from nearmiss.engine.benchmarks import registry
from nearmiss.engine.benchmarks.benchmark import Benchmark, ItemBenchmark, Options, RetrievalBenchmark
from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.engine.scoring import blind, classes, decisions, metrics, ranking
from nearmiss.engine.scoring.endpoints import Endpoint, ordered
from nearmiss.engine.scoring.metrics import Bootstrap, References, Run

sys.path.insert(0, str(Path(__file__).parents[1] / "evaluate"))
import toy_experiment

BENCHMARKS = ("world", "retrieval", "classification")
# How much a true pair exceeds a false one, in units of the noise.
SKILLS = {
    "base": {"color": 2.0, "retrieval": 1.5},
    "clip": {"color": 3.0, "retrieval": 2.0},
    "random": {"color": 2.5, "retrieval": 1.8},
    "hnc": {"color": 2.5, "relation": 2.0, "retrieval": 1.2},
}
SUMMARY = {
    "images": {"train": 8, "test": 8},
    "separability": {
        "batch": 64,
        "drawn": 100,
        "batches": 0.26,
        "captions": 0.03,
        "kinds": {"relation": {"batches": 0.1, "captions": 0.02}},
    },
    "oracles": {
        "test": [
            {
                "oracle": "bag_of_words",
                "concept": "relation",
                "operator": "reverse",
                "condition": "iid",
                "subset": "2x2",
                "accuracy": 0.5,
                "decisions": 800,
                "expected": "chance",
                "holds": True,
            }
        ]
    },
}
HOW = Bootstrap(100, 0.95)
NONE: frozenset[tuple[str, str]] = frozenset()
TRAINED = {"hnc": frozenset({("relation", "reverse"), ("color", "replace")})}


def write(folder: Path, *, seeds=(0,), questions=12, arms=tuple(SKILLS), pairs=None) -> dict:
    """Write data, negatives, pretrain and evaluate folders under `folder`; the arguments of compare's run.

    `pairs` is a file in InpaintCOCO's schema that is asked as well.
    """
    toy_experiment.write_tables(folder / "data", questions=questions)
    write_json(folder / "data" / "manifest.json", {"stage": "data", "outputs": {}})
    write_json(folder / "data" / "cost.json", with_digest({"seconds": 12.5, "cpu_seconds": 12.0, "peak_memory": 10**8}))
    write_json(folder / "data" / "summary.json", SUMMARY)
    toy_experiment.write_negatives(folder / "negatives" / "toy", [("relation", "reverse"), ("color", "replace")])
    counts = {"method": "toy", "negatives": 2, "captions": {"processed": 4}}
    write_json(folder / "negatives" / "toy" / "summary.json", counts)
    truth = {"n": 2, "true": 0, "undefined": 0, "unparsed": 0, "false": 2}
    write_json(
        folder / "negatives" / "toy" / "truth.json",
        {
            "method": "toy",
            "negatives": truth,
            "by_concept": {"relation": truth},
            "positives": truth,
            "captions": {"processed": 16, "with_negative": 2, "yield": 0.125},
            "examples": {"true": [{"image_id": "x", "sentence": "a <b>bold</b> & false negative"}]},
        },
    )
    root = root_of(folder, pairs)
    loaded = load_benchmarks(root, BENCHMARKS if pairs is None else (*BENCHMARKS, "inpaintcoco"))
    for arm in arms:
        for seed in seeds:
            _training(folder / "pretrain" / arm / str(seed), arm, seed)
            evaluation(folder, arm, seed, loaded)
    return {
        "experiment": "toy",
        "evaluations": [folder / "evaluate" / arm / str(seed) for arm in arms for seed in seeds],
        "trainings": [folder / "pretrain" / arm / str(seed) for arm in arms for seed in seeds],
        "data": folder / "data",
        "root": root,
    }


def root_of(folder: Path, pairs: Path | None = None) -> DataRoot:
    """The folders of the benchmarks of an experiment."""
    moved = {"tables": folder / "data" / "tables", "source": folder / "data" / "published"}
    return DataRoot(None, moved if pairs is None else {**moved, "inpaintcoco": pairs.parent})


def _training(folder: Path, arm: str, seed: int) -> None:
    folder.mkdir(parents=True)
    lines = [{"step": step, "loss": 4.0 / (1 + step / 100) + 0.01 * seed} for step in range(0, 500, 50)]
    (folder / "curve.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    write_json(
        folder / "cost.json", with_digest({"seconds": 90.0 + len(arm), "images": 64000, "texts": 64000, "flops": 1e12})
    )
    options = {
        "method": "toy" if arm == "hnc" else None,
        "objective": [{"term": "contrastive", "weight": 1.0}],
        "image_lr": 2e-3,
        "text_lr": 1e-3,
        "num_negatives": 4,
    }
    fingerprint = {
        "stage": "pretrain",
        "config": {"shared": {"batch_size": 64}, "arm": options},
        "code": "c0",
        "lock": "10",
    }
    write_json(
        folder / "manifest.json",
        {"stage": "pretrain", "fingerprint": fingerprint, "outputs": {"checkpoint": "ab" * 32}},
    )


@dataclass(frozen=True)
class Loaded:
    """Benchmarks, the rows of table metrics of their blind baselines, and the best of their values: for every arm."""

    benchmarks: list[Benchmark]
    blind: pl.DataFrame
    best: dict[Endpoint, float]


def load_benchmarks(root: DataRoot, names) -> Loaded:
    """The benchmarks of these names and their blind baselines."""
    benchmarks, absent = registry.load(names, root, Options())
    assert not absent
    best: dict[Endpoint, float] = {}
    outcomes: dict[str, list[pl.DataFrame]] = {}
    for benchmark in benchmarks:
        for name, found in blind.baselines(benchmark, ["a red cube left of a blue ball"]).items():
            outcomes.setdefault(name, []).append(found)
            for key, value in metrics.values(found).items():
                best[key] = max(value, best.get(key, 0))
    references = References({}, best, {}, {})
    rows = [
        metrics.rows(ordered(found), Run("blind", name, 0, "evaluate", "test"), HOW, references)
        for name, found in sorted(outcomes.items())
    ]
    return Loaded(benchmarks, pl.concat(rows), best)


def evaluation(root: Path, arm: str, seed: int, loaded: Loaded) -> Path:
    """Write the folder that stage evaluate makes for one run."""
    trained = TRAINED.get(arm, NONE)
    found = [planted_outcomes(benchmark, arm, seed) for benchmark in loaded.benchmarks]
    outcomes = ordered([each for each, _ in found])
    run = Run("toy", arm, seed, "evaluate", "test")
    own = metrics.rows(outcomes, run, HOW, References({}, loaded.best, {}, {}, trained))
    folder = root / "evaluate" / arm / str(seed)
    write_table(
        pl.concat([own, loaded.blind.with_columns(seed=pl.lit(seed, pl.Int64))]), folder / "metrics.parquet", "metrics"
    )
    write_table(outcomes, folder / "outcomes.parquet", "outcomes")
    nothing = pl.lit(None, pl.String)
    scores = pl.concat([similarity for _, similarity in found if similarity is not None]).sort("item_id")
    scores = scores.with_columns(
        model=pl.lit("toy"), arm=pl.lit(arm), seed=pl.lit(seed), scorer=pl.lit("cosine"), corruption=nothing
    ).with_columns(severity=pl.lit(None, pl.Int64))
    write_table(scores, folder / "scores.parquet", "scores")
    write_json(folder / "cost.json", with_digest({"seconds": 9.5, "images": 100, "texts": 70, "peak_memory": 10**9}))
    described = {each.name: {"files": each.coverage.hashes, "complete": True} for each in loaded.benchmarks}
    write_json(folder / "measurement.json", {"model": {"name": "toy", "activation": "GELU"}, "benchmarks": described})
    fingerprint = {"stage": "evaluate", "config": {"split": "test"}, "code": "c1", "lock": "10"}
    write_json(folder / "manifest.json", {"stage": "evaluate", "fingerprint": fingerprint, "outputs": {}})
    return folder


def planted_outcomes(benchmark: Benchmark, arm: str, seed: int) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    """Outcomes of an arm with its planted skill, and the similarities of items."""
    if isinstance(benchmark, ItemBenchmark):
        similarity = of_items(benchmark.items, arm, seed)
        return decisions.outcomes(benchmark, similarity), similarity
    skills = SKILLS[arm]
    if isinstance(benchmark, RetrievalBenchmark):
        rows = [
            _planted(f"retrieval/{Path(image).stem}", [right], skills["retrieval"], arm, seed)[0]
            for image, right in zip(benchmark.images, benchmark.right, strict=True)
        ]
        return ranking.recalls(benchmark, np.asarray(rows, dtype=np.float32)), None
    found = []
    for task in benchmark.tasks:
        rows = [
            _planted(
                f"classification/{task.name}/{Path(image).stem}",
                [[number == label for number in range(len(task.classes))]],
                skills["color"],
                arm,
                seed,
            )[0]
            for image, label in zip(task.images, task.labels, strict=True)
        ]
        found.append(np.asarray(rows, dtype=np.float32))
    return classes.ranks(benchmark, found), None


def of_items(items: pl.DataFrame, arm: str, seed: int, *, noise: float = 1.0) -> pl.DataFrame:
    """Similarities of items: true pairs exceed false ones by the arm's skill, with this `noise`."""
    rows = [
        (row["item_id"], _planted(row["item_id"], row["truth"], SKILLS[arm].get(row["concept"], 0.0), arm, seed, noise))
        for row in items.iter_rows(named=True)
    ]
    schema = {"item_id": pl.String, "similarity": pl.List(pl.List(pl.Float32))}
    return pl.DataFrame(rows, schema=schema, orient="row").sort("item_id")


def _planted(item_id: str, truth, skill: float, arm: str, seed: int, noise: float = 1.0) -> list:
    drawn = array_rng(seed, "toy", arm, item_id).normal(0, 1, np.shape(truth))
    return (0.05 * (noise * drawn + skill * np.asarray(truth, dtype=float))).tolist()
