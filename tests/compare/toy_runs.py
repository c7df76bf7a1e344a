"""Finished runs of a toy experiment: scores with a planted skill for each arm and concept, and made-up curves."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from nearmiss.engine.scoring.exam import Exam

from nearmiss.base.files import write_json
from nearmiss.base.seeding import array_rng
from nearmiss.base.tables import write_table
from nearmiss.engine.scoring import exam, metrics
from nearmiss.engine.scoring.metrics import Interval, Key, Scored

sys.path.insert(0, str(Path(__file__).parents[1] / "evaluate"))
import toy_experiment

BENCHMARKS = ("world", "retrieval", "classification")
# How far a true pair stands above a false one, in units of the noise.
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
HOW = Interval(100, 0.95)
NONE: frozenset[tuple[str, str]] = frozenset()
TRAINED = {"hnc": frozenset({("relation", "reverse"), ("color", "replace")})}


def write(folder: Path, *, seeds=(0,), questions=12, arms=tuple(SKILLS), pairs=None) -> dict:
    """Write data, negatives, pretrain and evaluate folders under `folder`; the arguments of compare's run.

    `pairs` is a file in InpaintCOCO's schema that is asked as well.
    """
    toy_experiment.write_tables(folder / "data", questions=questions)
    write_json(folder / "data" / "manifest.json", {"stage": "data", "outputs": {}})
    write_json(folder / "data" / "cost.json", {"seconds": 12.5, "cpu_seconds": 12.0, "peak_memory": 10**8})
    write_json(folder / "data" / "summary.json", SUMMARY)
    toy_experiment.write_negatives(folder / "negatives" / "toy", [("relation", "reverse"), ("color", "replace")])
    write_json(folder / "negatives" / "toy" / "summary.json", {"method": "toy", "negatives": 2})
    truth = {"n": 2, "true": 0, "undefined": 0, "unparsed": 0, "false": 2}
    write_json(
        folder / "negatives" / "toy" / "truth.json",
        {
            "method": "toy",
            "negatives": truth,
            "by_concept": {"relation": truth},
            "positives": truth,
            "captions": {"asked": 16, "with_negative": 2, "yield": 0.125},
            "examples": {"true": [{"image_id": "x", "sentence": "a <b>bold</b> & false negative"}]},
        },
    )
    asked = _ask(folder / "data" / "tables", pairs)
    for arm in arms:
        for seed in seeds:
            _training(folder / "pretrain" / arm / str(seed), arm, seed)
            _evaluation(folder, arm, seed, asked)
    return {
        "experiment": "toy",
        "evaluations": [folder / "evaluate" / arm / str(seed) for arm in arms for seed in seeds],
        "trainings": [folder / "pretrain" / arm / str(seed) for arm in arms for seed in seeds],
        "data": folder / "data",
    }


def _training(folder: Path, arm: str, seed: int) -> None:
    folder.mkdir(parents=True)
    lines = [{"step": step, "loss": 4.0 / (1 + step / 100) + 0.01 * seed} for step in range(0, 500, 50)]
    (folder / "curve.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    write_json(folder / "cost.json", {"seconds": 90.0 + len(arm), "images": 64000, "texts": 64000, "flops": 1e12})
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
class _Asked:
    """The exam, the rows of table metrics of its text-only baselines, and the best of their figures: for every arm."""

    exam: Exam
    blind: pl.DataFrame
    best: dict[Key, float]


def _ask(tables: Path, pairs: Path | None) -> _Asked:
    asked = exam.read(tables, "test", BENCHMARKS if pairs is None else (*BENCHMARKS, "inpaintcoco"), (1, 5, 10), pairs)
    blind = asked.blind(["a red cube left of a blue ball"])
    best: dict[Key, float] = {}
    for outcomes in blind.values():
        for key, figure in metrics.figures(outcomes).items():
            best[key] = max(figure, best.get(key, 0))
    rows = [
        metrics.rows(
            outcomes, Scored("blind", name, 0, "evaluate", "test"), HOW, n_expected={}, blind=best, trained=NONE
        )
        for name, outcomes in sorted(blind.items())
    ]
    return _Asked(asked, pl.concat(rows), best)


def _evaluation(root: Path, arm: str, seed: int, asked: _Asked) -> None:
    similarity = _similarity(asked.exam, arm, seed)
    scored, trained = Scored("toy", arm, seed, "evaluate", "test"), TRAINED.get(arm, NONE)
    outcomes = asked.exam.outcomes(similarity)
    own = metrics.rows(outcomes, scored, HOW, n_expected={}, blind=asked.best, trained=trained)
    rows = [own, asked.blind.with_columns(seed=pl.lit(seed, pl.Int64))]
    folder = root / "evaluate" / arm / str(seed)
    write_table(pl.concat(rows), folder / "metrics.parquet", "metrics")
    nothing = pl.lit(None, pl.String)
    table = similarity.with_columns(
        model=pl.lit("toy"), arm=pl.lit(arm), seed=pl.lit(seed), scorer=pl.lit("cosine"), corruption=nothing
    ).with_columns(severity=pl.lit(None, pl.Int64))
    write_table(table, folder / "scores.parquet", "scores")
    write_json(folder / "cost.json", {"seconds": 9.5, "images": 100, "texts": 70, "peak_memory": 10**9})
    write_json(folder / "measurement.json", {"model": {"name": "toy", "activation": "GELU"}, "benchmarks": []})
    fingerprint = {"stage": "evaluate", "config": {"split": "test"}, "code": "c1", "lock": "10"}
    write_json(folder / "manifest.json", {"stage": "evaluate", "fingerprint": fingerprint, "outputs": {}})


def of_items(items: pl.DataFrame, arm: str, seed: int, *, noise: float = 1.0) -> pl.DataFrame:
    """Similarities of items: what is true stands above what is false by the arm's skill, beside `noise`."""
    rows = [
        (row["item_id"], _planted(row["item_id"], row["truth"], SKILLS[arm].get(row["concept"], 0.0), arm, seed, noise))
        for row in items.iter_rows(named=True)
    ]
    schema = {"item_id": pl.String, "similarity": pl.List(pl.List(pl.Float32))}
    return pl.DataFrame(rows, schema=schema, orient="row").sort("item_id")


def _planted(item_id: str, truth, skill: float, arm: str, seed: int, noise: float = 1.0) -> list:
    drawn = array_rng(seed, "toy", arm, item_id).normal(0, 1, np.shape(truth))
    return (0.05 * (noise * drawn + skill * np.asarray(truth, dtype=float))).tolist()


def _similarity(asked, arm: str, seed: int) -> pl.DataFrame:
    skills = SKILLS[arm]
    parts = [asked.items, asked.inpainted]
    frames = [of_items(part.frame, arm, seed) for part in parts if part is not None]
    ids, nested = [], []

    def add(item_id, truth, skill):
        ids.append(item_id)
        nested.append(_planted(item_id, truth, skill, arm, seed))

    for place, image_id in enumerate(asked.retrieval.image_ids):
        add(f"retrieval/{image_id}", [asked.retrieval.right[place]], skills["retrieval"])
    for row in asked.classification.frame.iter_rows(named=True):
        truth = [[number == row["label"] for number in range(len(row["classes"]))]]
        add(f"classification/{row['task']}/{row['image_id']}", truth, skills["color"])
    frame = pl.DataFrame({"item_id": ids, "similarity": pl.Series(nested, dtype=pl.List(pl.List(pl.Float32)))})
    return pl.concat([*frames, frame]).sort("item_id")
