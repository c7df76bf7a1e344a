"""What each run cost, as one table."""

from pathlib import Path
from statistics import median
from typing import Any

import polars as pl

from nearmiss.base.files import read_json
from nearmiss.base.tables import table
from nearmiss.stages.compare.runs import Runs

_MEASURED = ("seconds", "cpu_seconds", "peak_memory", "images", "texts", "tokens", "flops")


def costs(runs: Runs, data: Path, negatives: list[Path], inpaint: Path | None = None) -> pl.DataFrame:
    """Table `costs`: a row a job, stage by stage.

    A method of stage negatives is named in column arm; so is `corrupted`, the images that stage robustness corrupts
    once for all models (the folder beside those of its arms).
    """
    rows = [_row("data", None, None, None, _cost(data))]
    rows += [_row("negatives", folder.name, None, None, _cost(folder)) for folder in negatives]
    if inpaint is not None:
        rows.append(_row("inpaint", None, None, None, _cost(inpaint)))
    for training in runs.trainings:
        evaluation = runs.evaluation(training.arm, training.seed)
        model = str(evaluation.scores["model"][0]) if evaluation is not None else None
        rows.append(_row("pretrain", training.arm, training.seed, model, training.cost))
    rows += [_row("finetune", one.arm, one.seed, str(one.metrics["model"][0]), one.cost) for one in runs.finetunings]
    rows += [_row("evaluate", one.arm, one.seed, str(one.scores["model"][0]), one.cost) for one in runs.evaluations]
    if runs.robustnesses:
        corrupted = runs.robustnesses[0].folder.parent.parent / "corrupted"
        rows.append(_row("robustness", corrupted.name, None, None, _cost(corrupted)))
    rows += [_row("robustness", one.arm, one.seed, str(one.metrics["model"][0]), one.cost) for one in runs.robustnesses]
    return table("costs", rows)


def training_seconds(frame: pl.DataFrame) -> dict[str, float]:
    """Median training time of each arm over its seeds."""
    trained = frame.filter(pl.col("stage") == "pretrain")
    return {
        str(arm): float(median(group["seconds"].to_list()))
        for (arm,), group in trained.group_by("arm", maintain_order=True)
    }


def _cost(folder: Path) -> dict[str, Any]:
    path = Path(folder) / "cost.json"
    return dict(read_json(path)) if path.is_file() else {}


def _row(stage: str, arm: str | None, seed: int | None, model: str | None, cost: dict[str, Any]) -> dict[str, Any]:
    measured = {name: cost.get(name) for name in _MEASURED}
    return {"model": model, "arm": arm, "seed": seed, "stage": stage, **measured}
