"""Record an experiment in the MLflow store: one run per arm and seed, with a child for each of its stages.

A run has at most HEADLINES metrics, which are those that its charts show; all figures are in its artifact metrics.json.
The report, its figures and the configuration are artifacts of the run `compare`.
"""

import getpass
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base import tracking
from nearmiss.base.files import sha256, write_json
from nearmiss.base.manifest import read_cost, verify_written
from nearmiss.base.outputs import COST, MANIFEST, OutputFile
from nearmiss.base.tracking import Tracked
from nearmiss.stages.compare import runs
from nearmiss.stages.compare.overview import overview
from nearmiss.stages.compare.provenance import commit
from nearmiss.stages.compare.robustness import SEVERITY
from nearmiss.stages.compare.runs import Evaluation, Finetuning, Robustness, Runs, Training
from nearmiss.stages.compare.tables import objective_text
from nearmiss.stages.compare.tracked_values import costs, flat, letters, named_by_task, numbers, tags, values

HEADLINES = 20
"""Metrics of a run."""
COMPARISON = "compare"
"""The name of the run that has the report."""
_ENDPOINT = ("benchmark", "task", "concept", "operator", "condition", "subset", "metric")
_CORRUPTED = (*_ENDPOINT[:-1], "corruption", "severity", "metric")
_TUNED = ("task", "share", "condition", "concept", "metric")
_COST = ("seconds", "cpu_seconds", "peak_memory", "flops")
_DESCRIPTIONS = {
    "pretrain": "Training of arm {arm}, seed {seed}.",
    "finetune": "Fine-tuning of initialization {arm} on the downstream tasks, seed {seed}.",
    "evaluate": "Evaluation of arm {arm}, seed {seed}; metrics training.* are the cost of its training.",
    "robustness": "Evaluation of arm {arm} under corruption, seed {seed}.",
}


def run(
    *,
    experiment: str,
    evaluations: Sequence[Path],
    store: Path | str,
    out: Path,
    trainings: Sequence[Path] = (),
    data: Path | None = None,
    finetunings: Sequence[Path] = (),
    robustnesses: Sequence[Path] = (),
    page: Path | None = None,
) -> None:
    """Write MLflow runs for the folders into `store`, and the receipt `out` (a JSON file).

    `store` is an SQLite file (a path) or an MLflow server (its address, a text); the receipt names a server.

    `page` is the folder of `nearmiss compare`. The receipt lists the run of each folder and its hash tags, without ids
    and times, so that equal results give an equal receipt.
    """
    folders = [*evaluations, *trainings, *finetunings, *robustnesses, *([] if data is None else [data])]
    target = OutputFile(out, inputs=folders)
    verify_written(file for folder in folders for file in sorted(Path(folder).glob("*")))
    recorded = collect(evaluations, trainings, data, finetunings, robustnesses, page)
    with target as partial:
        tracking.track(store, experiment, recorded)
        sent = {"server": store} if isinstance(store, str) else {}
        named = {one.name: one.tags for one in recorded if one.parent is not None}
        write_json(partial, {"experiment": experiment, **sent, "runs": named})


def collect(
    evaluations: Sequence[Path],
    trainings: Sequence[Path] = (),
    data: Path | None = None,
    finetunings: Sequence[Path] = (),
    robustnesses: Sequence[Path] = (),
    page: Path | None = None,
) -> list[Tracked]:
    """The recorded runs: trainings, fine-tunings, evaluations, robustness tests, then their parents and the report."""
    found = runs.read(evaluations, trainings, finetunings, robustnesses)
    made = None if data is None else sha256(Path(data) / MANIFEST)
    shown = overview(found)
    main = {} if shown.main is None else {key: value for key, value in shown.main.where.items() if key != "subset"}
    stages = [
        *[_training(one, made) for one in found.trainings],
        *[_finetuning(one, made) for one in found.finetunings],
        *[_evaluation(one, found, made) for one in found.evaluations],
        *[_robustness(one, found, made, main) for one in found.robustnesses],
    ]
    parents = [_parent(name, [one for one in stages if one.parent == name]) for name in _in_order(stages)]
    report = [] if page is None or not (Path(page) / "index.html").is_file() else [_report(Path(page), found)]
    return [*map(_limited, (*stages, *parents)), *report]


def _in_order(stages: Sequence[Tracked]) -> list[str]:
    return list(dict.fromkeys(one.parent for one in stages if one.parent is not None))


def _limited(one: Tracked) -> Tracked:
    """The run with its first HEADLINES metrics; all of them are in its table."""
    kept = dict(list(one.metrics.items())[:HEADLINES])
    return replace(one, metrics=kept, table={**one.table, **one.metrics})


def _parent(name: str, children: Sequence[Tracked]) -> Tracked:
    """The run of an arm and seed: its headline values, the cost of its training, and its settings."""
    arm, _, seed = name.rpartition("/")
    metrics: dict[str, float] = {}
    for stage, wanted in (("evaluate", ("headline.", "training.")), ("finetune", ("",)), ("robustness", ("",))):
        for one in children:
            if one.name.startswith(f"{stage}/"):
                own = {key: value for key, value in one.metrics.items() if key.startswith(wanted)}
                metrics |= {key: value for key, value in own.items() if not key.startswith("cost.")}
    spans = [one.span for one in children if one.span is not None]
    settings = next((one.params for one in children if one.name.startswith("pretrain/")), children[0].params)
    return Tracked(
        name=name,
        params=settings,
        metrics=metrics,
        tags={"stage": "arm", "arm": arm, "seed": seed},
        span=(min(span[0] for span in spans), max(span[1] for span in spans)) if spans else None,
        origin=_origin(f"Arm {arm}, seed {seed}: the stages are its child runs."),
    )


def _report(page: Path, found: Runs) -> Tracked:
    """The run with the report, its figures and the configuration of every arm."""
    files = [page / name for name in ("index.html", "summary.txt", "metrics.json", MANIFEST)]
    files += sorted((page / "figures").glob("*.svg")) + sorted((page / "tables").glob("*.md"))
    artifacts = {f"report/{file.relative_to(page).as_posix()}": file for file in files if file.is_file()}
    artifacts |= {f"configuration/{one.arm}-{one.seed}/{MANIFEST}": one.folder / MANIFEST for one in found.trainings}
    cost = read_cost(page / COST) if (page / COST).is_file() else None
    return Tracked(
        name=COMPARISON,
        params={"arms": ", ".join(found.arms), "seeds": ", ".join(map(str, found.seeds))},
        metrics={} if cost is None else costs(cost, _COST),
        tags={"stage": "compare"},
        span=None if cost is None else _span(cost, page),
        origin=_origin("The comparison of all arms: report/index.html, figures and the configuration of every arm."),
        artifacts=artifacts,
    )


def _training(one: Training, data: str | None) -> Tracked:
    settings = {**flat(one.options), **flat(one.shared)}
    if one.options.get("objective"):
        settings["objective"] = objective_text(one.options)
    last = numbers(one.curve[-1]) if one.curve else {}
    return Tracked(
        params={"arm": one.arm, "seed": one.seed, **settings},
        metrics={
            **costs(one.cost, (*_COST, "training_seconds", "steps_per_second", "texts")),
            **{name: value for name, value in last.items() if name != "step"},
        },
        table=costs(one.cost),
        tags=tags("pretrain", one.arm, one.seed, one.manifest, data, weights=one.folder / "checkpoint"),
        curve=[numbers(entry) for entry in one.curve if "step" in entry],
        curve_seconds=float(one.cost.get("training_seconds") or one.cost.get("seconds") or 0.0),
        **_shared("pretrain", one, data),
    )


def _evaluation(one: Evaluation, found: Runs, data: str | None) -> Tracked:
    rows = one.metrics.filter(pl.col("model") != "blind")
    shown = overview(Runs([one], [], [one.arm], [one.seed]))
    headline = {letters(f"headline.{name}"): cell.value for name, cell in shown.cells[one.arm].items()}
    model = one.measurement.get("model") or {}
    own = tags("evaluate", one.arm, one.seed, one.manifest, data)
    if model.get("weights"):
        own["weights_sha256"] = str(model["weights"])
    training = found.training(one.arm, one.seed)
    spent = {} if training is None else costs(training.cost, _COST, prefix="training")
    params = {"model": one.model, "pretrained": model.get("pretrained"), "split": found.split}
    return Tracked(
        params={
            "arm": one.arm,
            "seed": one.seed,
            **{name: value for name, value in params.items() if value is not None},
            **flat(found.options(one.arm)),
        },
        metrics={**dict(list(headline.items())[: HEADLINES - 2 * len(_COST)]), **spent, **costs(one.cost, _COST)},
        table={**headline, **values(rows, _ENDPOINT), **costs(one.cost)},
        tags=own,
        **_shared("evaluate", one, data),
    )


def _finetuning(one: Finetuning, data: str | None) -> Tracked:
    """Figures are named task/share/condition/concept/metric, curves task/share/..., by the step of their training."""
    fingerprint = one.manifest.get("fingerprint") or {}
    largest = one.metrics.filter(pl.col("share") == pl.col("share").max(), pl.col("condition") == "iid")
    short = largest.filter(metric="accuracy")
    return Tracked(
        params={"arm": one.arm, "seed": one.seed, **flat(fingerprint.get("config") or {})},
        metrics={**values(short, ("task", "concept", "metric"), joint="."), **costs(one.cost, _COST)},
        table={**values(one.metrics, _TUNED), **costs(one.cost)},
        tags=tags("finetune", one.arm, one.seed, one.manifest, data),
        curve=[named_by_task(entry) for entry in one.curve if "step" in entry],
        curve_seconds=float(one.cost.get("seconds") or 0.0),
        **_shared("finetune", one, data),
    )


def _robustness(one: Robustness, found: Runs, data: str | None, main: dict[str, Any]) -> Tracked:
    """Figures are named benchmark/.../corruption/severity/metric; clean ones benchmark/.../clean/metric.

    `main` are the values of the main column's rows.
    """
    rows = one.metrics.filter(pl.col("model") != "blind").with_columns(pl.col("corruption").fill_null("clean"))
    headline = rows.filter(*[pl.col(name) == value for name, value in main.items()], pl.col("severity") == SEVERITY)
    return Tracked(
        params={"arm": one.arm, "seed": one.seed, **flat(found.options(one.arm))},
        metrics={**values(headline, ("concept", "corruption", "metric"), joint="."), **costs(one.cost, _COST)},
        table={**values(rows, _CORRUPTED), **costs(one.cost)},
        tags=tags("robustness", one.arm, one.seed, one.manifest, data),
        **_shared("robustness", one, data),
    )


def _shared(stage: str, one: Training | Finetuning | Evaluation | Robustness, data: str | None) -> dict[str, Any]:
    """What the runs of all stages have in common."""
    return {
        "name": f"{stage}/{one.arm}/{one.seed}",
        "parent": f"{one.arm}/{one.seed}",
        "span": _span(one.cost, one.folder),
        "origin": _origin(_DESCRIPTIONS[stage].format(arm=one.arm, seed=one.seed)),
        "dataset": None if data is None else ("data", data),
    }


def _span(cost: dict[str, Any], folder: Path) -> tuple[float, float]:
    """Start and end of a job in seconds since 1970: by its cost, or for older results by the time of that file."""
    if cost.get("ended"):
        end = datetime.fromisoformat(str(cost["ended"])).timestamp()
    else:
        end = (folder / COST).stat().st_mtime
    return end - float(cost.get("seconds") or 0.0), end


def _origin(description: str) -> dict[str, str]:
    """MLflow's own tags: description, source, user, commit."""
    found = commit()
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"
    own = {"mlflow.note.content": description, "mlflow.source.name": "nearmiss", "mlflow.source.type": "LOCAL"}
    own["mlflow.user"] = user
    return own if found is None else {**own, "mlflow.source.git.commit": found[0]}
