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
    evaluations: Sequence[Path],
    store: Path,
    out: Path,
    trainings: Sequence[Path] = (),
    data: Path | None = None,
    finetunings: Sequence[Path] = (),
    robustnesses: Sequence[Path] = (),
) -> None:
    """Write one MLflow run for each folder into the sqlite file `store` and the receipt `out` (a JSON file).

    The receipt lists each run and its hash tags, without ids and times, so that equal results give an equal receipt.
    """
    folders = [*evaluations, *trainings, *finetunings, *robustnesses, *([] if data is None else [data])]
    target = OutputFile(out, inputs=folders)
    verify_written(file for folder in folders for file in sorted(Path(folder).glob("*")))
    recorded = collect(evaluations, trainings, data, finetunings, robustnesses)
    with target as partial:
        tracking.track(store, experiment, recorded)
        write_json(partial, {"experiment": experiment, "runs": {one.name: one.tags for one in recorded}})


def collect(
    evaluations: Sequence[Path],
    trainings: Sequence[Path] = (),
    data: Path | None = None,
    finetunings: Sequence[Path] = (),
    robustnesses: Sequence[Path] = (),
) -> list[Tracked]:
    """The recorded runs: trainings, fine-tunings, evaluations, robustness tests, each in the given order."""
    found = runs.read(evaluations, trainings, finetunings, robustnesses)
    made = None if data is None else sha256(Path(data) / "manifest.json")
    return [
        *[_training(one, made) for one in found.trainings],
        *[_finetuning(one, made) for one in found.finetunings],
        *[_evaluation(one, found, made) for one in found.evaluations],
        *[_robustness(one, found, made) for one in found.robustnesses],
    ]


def _training(one: Training, data: str | None) -> Tracked:
    return Tracked(
        name=f"pretrain/{one.arm}/{one.seed}",
        params={"arm": one.arm, "seed": one.seed, **_flat(one.options), **_flat(one.shared)},
        metrics=_costs(one.cost),
        tags=_tags("pretrain", one.arm, one.seed, one.manifest, data, weights=one.folder / "checkpoint"),
        curve=[_numbers(entry) for entry in one.curve if "step" in entry],
    )


def _evaluation(one: Evaluation, found: Runs, data: str | None) -> Tracked:
    rows = one.metrics.filter(pl.col("model") != "blind")
    shown = overview(Runs([one], [], [one.arm], [one.seed]))
    headline = {_letters(f"headline.{name}"): cell.value for name, cell in shown.cells[one.arm].items()}
    model = one.measurement.get("model") or {}
    tags = _tags("evaluate", one.arm, one.seed, one.manifest, data)
    if model.get("weights"):
        tags["weights_sha256"] = str(model["weights"])
    params = {"model": one.model, "pretrained": model.get("pretrained"), "split": found.split}
    return Tracked(
        name=f"evaluate/{one.arm}/{one.seed}",
        params={
            "arm": one.arm,
            "seed": one.seed,
            **{name: value for name, value in params.items() if value is not None},
            **_flat(found.options(one.arm)),
        },
        metrics={**headline, **_values(rows, _ENDPOINT), **_costs(one.cost)},
        tags=tags,
    )


def _finetuning(one: Finetuning, data: str | None) -> Tracked:
    """Metrics are named task/share/condition/concept/metric, curves task/share/..., by the step of their training."""
    parts = ("task", "share", "condition", "concept", "metric")
    fingerprint = one.manifest.get("fingerprint") or {}
    return Tracked(
        name=f"finetune/{one.arm}/{one.seed}",
        params={"arm": one.arm, "seed": one.seed, **_flat(fingerprint.get("config") or {})},
        metrics={**_values(one.metrics, parts), **_costs(one.cost)},
        tags=_tags("finetune", one.arm, one.seed, one.manifest, data),
        curve=[_named_by_task(entry) for entry in one.curve if "step" in entry],
    )


def _robustness(one: Robustness, found: Runs, data: str | None) -> Tracked:
    """Metrics are named benchmark/.../corruption/severity/metric; clean ones benchmark/.../clean/metric."""
    rows = one.metrics.filter(pl.col("model") != "blind").with_columns(pl.col("corruption").fill_null("clean"))
    return Tracked(
        name=f"robustness/{one.arm}/{one.seed}",
        params={"arm": one.arm, "seed": one.seed, **_flat(found.options(one.arm))},
        metrics={**_values(rows, _CORRUPTED), **_costs(one.cost)},
        tags=_tags("robustness", one.arm, one.seed, one.manifest, data),
    )


def _costs(cost: dict[str, Any]) -> dict[str, float]:
    return {f"cost.{name}": value for name, value in _numbers(cost).items()}


def _named_by_task(entry: dict[str, Any]) -> dict[str, float]:
    """A line of a fine-tuning's curve; values have the name of the training, because trainings share a run."""
    which = ("task", "share", "factor")
    training = "/".join(str(entry[name]) for name in which if name in entry)
    values = _numbers({name: value for name, value in entry.items() if name not in (*which, "step")})
    return {"step": float(entry["step"]), **{_letters(f"{training}/{name}"): value for name, value in values.items()}}


def _tags(
    stage: str, arm: str, seed: int, manifest: dict[str, Any], data: str | None, weights: Path | None = None
) -> dict[str, str]:
    """Hashes of configuration, code, environment and data; weights as a pointer (folder and hash), never as a file."""
    fingerprint = manifest.get("fingerprint") or {}
    tags = {"stage": stage, "arm": arm, "seed": str(seed)} | ({} if data is None else {"data": data})
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
_CORRUPTED = (*_ENDPOINT[:-1], "corruption", "severity", "metric")


def _values(rows: pl.DataFrame, parts: Sequence[str]) -> dict[str, float]:
    """The values of rows by name: the non-empty parts of the row, joined by slashes."""
    return {
        _letters("/".join(str(row[part]) for part in parts if row[part] is not None)): row["value"]
        for row in rows.iter_rows(named=True)
        if row["value"] is not None
    }


def _letters(name: str) -> str:
    """A name with the characters that MLflow allows."""
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
