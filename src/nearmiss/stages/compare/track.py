"""Record every training, fine-tuning and evaluation of an experiment in the MLflow store."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base import tracking
from nearmiss.base.files import sha256, write_json
from nearmiss.base.manifest import verify_written
from nearmiss.base.outputs import OutputFile
from nearmiss.base.tracking import Tracked
from nearmiss.stages.compare import runs
from nearmiss.stages.compare.overview import overview
from nearmiss.stages.compare.runs import Evaluation, Finetuning, Robustness, Runs, Training


def run(
    *,
    experiment: str,
    evaluations: list[Path],
    trainings: list[Path],
    data: Path,
    store: Path,
    out: Path,
    finetunings: Sequence[Path] = (),
    robustnesses: Sequence[Path] = (),
) -> None:
    """Write one MLflow run for each folder into the sqlite file `store` and the receipt `out` (a JSON file).

    The receipt names each run and the hashes it is tagged with; it holds no id and no time, so that equal results give
    an equal receipt.
    """
    folders = [*evaluations, *trainings, *finetunings, *robustnesses, data]
    target = OutputFile(out, inputs=folders)
    verify_written(file for folder in folders for file in sorted(Path(folder).glob("*")))
    recorded = collect(evaluations, trainings, data, finetunings, robustnesses)
    with target as partial:
        tracking.track(store, experiment, recorded)
        write_json(partial, {"experiment": experiment, "runs": {one.name: one.tags for one in recorded}})


def collect(
    evaluations: Sequence[Path],
    trainings: Sequence[Path],
    data: Path,
    finetunings: Sequence[Path] = (),
    robustnesses: Sequence[Path] = (),
) -> list[Tracked]:
    """What is recorded: trainings, fine-tunings, evaluations, noisy evaluations, each in the order given."""
    found = runs.read(evaluations, trainings, finetunings, robustnesses)
    made = sha256(Path(data) / "manifest.json")
    return [
        *[_training(one, made) for one in found.trainings],
        *[_finetuning(one, made) for one in found.finetunings],
        *[_evaluation(one, found, made) for one in found.evaluations],
        *[_robustness(one, found, made) for one in found.robustnesses],
    ]


def _training(one: Training, data: str) -> Tracked:
    return Tracked(
        name=f"pretrain/{one.arm}/{one.seed}",
        params={"arm": one.arm, "seed": one.seed, **_flat(one.options), **_flat(one.shared)},
        metrics=_costs(one.cost),
        tags=_tags("pretrain", one.arm, one.seed, one.manifest, data, weights=one.folder / "checkpoint"),
        curve=[_numbers(entry) for entry in one.curve if "step" in entry],
    )


def _evaluation(one: Evaluation, found: Runs, data: str) -> Tracked:
    training = found.training(one.arm, one.seed)
    shown = overview(Runs([one], [], [one.arm], [one.seed]))
    headline = {f"headline.{name}": cell.value for name, cell in shown.cells[one.arm].items()}
    rows = one.metrics.filter(pl.col("model") != "blind")
    options = training.options if training is not None else {}
    return Tracked(
        name=f"evaluate/{one.arm}/{one.seed}",
        params={"arm": one.arm, "seed": one.seed, "split": rows["split"][0], **_flat(options)},
        metrics={**headline, **{_name(row): row["value"] for row in rows.iter_rows(named=True)}, **_costs(one.cost)},
        tags=_tags("evaluate", one.arm, one.seed, one.manifest, data),
    )


def _finetuning(one: Finetuning, data: str) -> Tracked:
    """Figures are named task/share/condition/concept/metric, curves task/share/..., by the step of their training."""
    rows = one.metrics.iter_rows(named=True)
    parts = ("task", "share", "condition", "concept", "metric")
    fingerprint = one.manifest.get("fingerprint") or {}
    return Tracked(
        name=f"finetune/{one.arm}/{one.seed}",
        params={"arm": one.arm, "seed": one.seed, **_flat(fingerprint.get("config") or {})},
        metrics={**{_name(row, parts): row["value"] for row in rows}, **_costs(one.cost)},
        tags=_tags("finetune", one.arm, one.seed, one.manifest, data),
        curve=[_named_by_task(entry) for entry in one.curve if "step" in entry],
    )


def _robustness(one: Robustness, found: Runs, data: str) -> Tracked:
    """Figures are named concept/operator/corruption/severity/metric; without noise concept/operator/clean/metric."""
    training = found.training(one.arm, one.seed)
    rows = one.metrics.with_columns(pl.col("corruption").fill_null("clean")).iter_rows(named=True)
    parts = ("concept", "operator", "corruption", "severity", "metric")
    options = training.options if training is not None else {}
    return Tracked(
        name=f"robustness/{one.arm}/{one.seed}",
        params={"arm": one.arm, "seed": one.seed, "split": one.metrics["split"][0], **_flat(options)},
        metrics={**{_name(row, parts): row["value"] for row in rows}, **_costs(one.cost)},
        tags=_tags("robustness", one.arm, one.seed, one.manifest, data),
    )


def _costs(cost: dict[str, Any]) -> dict[str, float]:
    return {f"cost.{name}": value for name, value in _numbers(cost).items()}


def _named_by_task(entry: dict[str, Any]) -> dict[str, float]:
    """A line of a fine-tuning's curve; its figures carry the training's name, as several trainings share a run."""
    which = ("task", "share", "factor")
    training = "/".join(str(entry[name]) for name in which if name in entry)
    figures = _numbers({name: value for name, value in entry.items() if name not in (*which, "step")})
    return {"step": float(entry["step"]), **{_letters(f"{training}/{name}"): value for name, value in figures.items()}}


def _tags(
    stage: str, arm: str, seed: int, manifest: dict[str, Any], data: str, weights: Path | None = None
) -> dict[str, str]:
    """Hashes of configuration, code, environment and data; weights as a pointer (folder and hash), never as a file."""
    fingerprint = manifest.get("fingerprint") or {}
    tags = {"stage": stage, "arm": arm, "seed": str(seed), "data": data}
    if fingerprint:
        tags |= {"code": str(fingerprint.get("code")), "lock": str(fingerprint.get("lock"))}
        tags["config"] = tracking.digest(fingerprint.get("config"))
    if weights is not None and "checkpoint" in manifest.get("outputs", {}):
        tags |= {
            "weights": f"pretrain/{arm}/{seed}/{weights.name}",
            "weights_sha256": manifest["outputs"]["checkpoint"],
        }
    return tags


_ENDPOINT = ("benchmark", "task", "concept", "operator", "condition", "subset", "metric")


def _name(row: dict[str, Any], parts: Sequence[str] = _ENDPOINT) -> str:
    """An endpoint as a metric name: the row's parts with slashes between, empty ones left out."""
    return _letters("/".join(str(row[part]) for part in parts if row[part] is not None))


def _letters(name: str) -> str:
    """A name with the letters that MLflow allows."""
    return re.sub(r"[^\w./ -]", "_", name)


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
