"""Record every training and evaluation of an experiment in the MLflow store."""

import re
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base import tracking
from nearmiss.base.files import sha256, write_json
from nearmiss.base.tracking import Tracked
from nearmiss.stages.compare import runs
from nearmiss.stages.compare.overview import overview
from nearmiss.stages.compare.runs import Evaluation, Runs, Training


def run(*, experiment: str, evaluations: list[Path], trainings: list[Path], data: Path, store: Path, out: Path) -> None:
    """Write one MLflow run for each folder into the sqlite file `store` and the receipt `out` (a JSON file).

    The receipt names each run and the hashes it is tagged with; it holds no id and no time, so that equal results give
    an equal receipt.
    """
    recorded = collect(evaluations, trainings, data)
    tracking.track(store, experiment, recorded)
    write_json(out, {"experiment": experiment, "runs": {one.name: one.tags for one in recorded}})


def collect(evaluations: list[Path], trainings: list[Path], data: Path) -> list[Tracked]:
    """What is recorded of each run: trainings first, in the order given."""
    found = runs.read(evaluations, trainings)
    made = sha256(Path(data) / "manifest.json")
    return [
        *[_training(one, made) for one in found.trainings],
        *[_evaluation(one, found, made) for one in found.evaluations],
    ]


def _training(one: Training, data: str) -> Tracked:
    figures = {f"cost.{name}": value for name, value in _numbers(one.cost).items()}
    return Tracked(
        name=f"pretrain/{one.arm}/{one.seed}",
        params={"arm": one.arm, "seed": one.seed, **_flat(one.options), **_flat(one.shared)},
        metrics=figures,
        tags=_tags("pretrain", one.arm, one.seed, one.manifest, data, weights=one.folder / "checkpoint"),
        curve=[_numbers(entry) for entry in one.curve if "step" in entry],
    )


def _evaluation(one: Evaluation, found: Runs, data: str) -> Tracked:
    training = found.training(one.arm, one.seed)
    shown = overview(Runs([one], [], [one.arm], [one.seed]))
    headline = {f"headline.{name}": cell.value for name, cell in shown.cells[one.arm].items()}
    figures = {f"cost.{name}": value for name, value in _numbers(one.cost).items()}
    rows = one.metrics.filter(pl.col("model") != "blind")
    options = training.options if training is not None else {}
    return Tracked(
        name=f"evaluate/{one.arm}/{one.seed}",
        params={"arm": one.arm, "seed": one.seed, "split": rows["split"][0], **_flat(options)},
        metrics={**headline, **{_name(row): row["value"] for row in rows.iter_rows(named=True)}, **figures},
        tags=_tags("evaluate", one.arm, one.seed, one.manifest, data),
    )


def _tags(
    stage: str, arm: str, seed: int, manifest: dict[str, Any], data: str, weights: Path | None = None
) -> dict[str, str]:
    """Hashes of configuration, code, environment and data; weights as a pointer (folder and hash), never as a file."""
    identity = manifest.get("identity") or {}
    tags = {"stage": stage, "arm": arm, "seed": str(seed), "data": data}
    if identity:
        tags |= {"code": str(identity.get("code")), "lock": str(identity.get("lock"))}
        tags["config"] = tracking.digest(identity.get("config"))
    if weights is not None and "checkpoint" in manifest.get("outputs", {}):
        tags |= {
            "weights": f"pretrain/{arm}/{seed}/{weights.name}",
            "weights_sha256": manifest["outputs"]["checkpoint"],
        }
    return tags


def _name(row: dict[str, Any]) -> str:
    """An endpoint as a metric name: benchmark/concept/operator/condition/subset/metric, empty parts left out."""
    parts = ("benchmark", "task", "concept", "operator", "condition", "subset", "metric")
    return re.sub(r"[^\w./ -]", "_", "/".join(str(row[part]) for part in parts if row[part] is not None))


def _numbers(record: dict[str, Any]) -> dict[str, float]:
    return {
        str(name): float(value)
        for name, value in record.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _flat(record: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as dotted names."""
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat
