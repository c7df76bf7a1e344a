"""Finished runs of a small registered study on disk: manifests, costs, metrics and outcomes, without any training."""

import json
from pathlib import Path

import polars as pl

from nearmiss.base.files import write_json
from nearmiss.base.tables import table, write_table
from nearmiss.config import Experiment, resolve
from nearmiss.experiment_parts import Fingerprints, parts

ENDPOINTS = {
    "relation": {"benchmark": "world", "subset": "1x2+2x2", "concept": "relation", "operator": "reverse"},
    "retrieval": {"benchmark": "retrieval", "subset": "text_to_image"},
}
METRICS = {"relation": "accuracy", "retrieval": "recall@1"}
ARMS = {
    "base": {"objective": "clip", "num_negatives": 0},
    "clip": {"objective": "clip", "num_negatives": 0},
    "clip_compute": {"objective": "clip", "num_negatives": 0, "steps": 3000},
    "hnc": {"method": "scene_graph", "objective": "hnc"},
}
STUDY = {
    "comparisons": {"hnc": ["clip", "clip_compute"]},
    "primary": [
        {"name": "relation", "where": {**ENDPOINTS["relation"], "metric": "accuracy"}},
        {"name": "retrieval", "where": {**ENDPOINTS["retrieval"], "metric": "recall@1"}, "margin": 0.03},
    ],
    "equal_compute": "clip_compute",
    "resamples": 200,
}
FLOPS = {"base": 3e12, "clip": 6e12, "clip_compute": 9e12, "hnc": 9e12}


def experiment(**changed) -> Experiment:
    """A study of three arms and four seeds."""
    return resolve(
        {
            "experiment": "small",
            "seeds": [0, 1, 2, 3],
            "arms": ARMS,
            "compare": {"controls": ["clip"], "study": STUDY},
            **changed,
        }
    )


def today(of: Experiment) -> Fingerprints:
    """Fingerprints of this configuration, with short hashes for the code and the lock."""
    return {
        name: {"stage": part.stage, "config": part.config, "code": "c", "lock": "l"} for name, part in parts(of).items()
    }


def outcomes(values: dict[str, list[float]]) -> pl.DataFrame:
    """Table `outcomes`: for each endpoint the value of each item, every item a cluster of its own."""
    rows = [
        {
            "benchmark": None,
            "subset": None,
            "concept": None,
            "operator": None,
            "condition": "iid",
            "task": None,
            **ENDPOINTS[name],
            "metric": METRICS[name],
            "item_id": f"{name}-{number}",
            "cluster": number,
            "value": value,
            "weight": 1.0,
            "ties": 0,
            "chance": 0.5,
        }
        for name, of in values.items()
        for number, value in enumerate(of)
    ]
    return table("outcomes", rows)


def write(results: Path, of: Experiment, *, items=None) -> Path:
    """Every run of the study, complete and made by today's code; `items(arm, seed)` are the values of its outcomes."""
    fingerprints = json.loads(json.dumps(today(of)))
    for part, content in fingerprints.items():
        if part.partition("/")[0] in ("data", "negatives"):
            write_json(results / of.experiment / part / "manifest.json", {"fingerprint": content})
    for arm in of.arms:
        for seed in of.seeds:
            trained = results / of.experiment / "pretrain" / arm / str(seed)
            scored = results / of.experiment / "evaluate" / arm / str(seed)
            checkpoint = f"{arm}-{seed}"
            manifest = {"fingerprint": fingerprints[f"pretrain/{arm}"], "outputs": {"checkpoint": checkpoint}}
            write_json(trained / "manifest.json", manifest)
            write_json(trained / "cost.json", {"flops": FLOPS[arm]})
            manifest = {"fingerprint": fingerprints["evaluate"], "inputs": {"checkpoint": checkpoint}}
            write_json(scored / "manifest.json", manifest)
            values = items(arm, seed) if items else {"relation": [0.5, 1.0], "retrieval": [1.0, 0.0]}
            write_table(outcomes(values), scored / "outcomes.parquet", "outcomes")
    return results
