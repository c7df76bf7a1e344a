"""Tables of the comparison: arms, job costs, training curves and headlines."""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl

from nearmiss.base.files import read_json
from nearmiss.base.manifest import read_cost
from nearmiss.base.tables import table
from nearmiss.stages.compare.exposure import Exposure, exposures
from nearmiss.stages.compare.overview import Overview
from nearmiss.stages.compare.runs import Runs, Training

ARMS = pl.Schema(
    {
        "arm": pl.String,
        "method": pl.String,
        "objective": pl.String,
        "image_lr": pl.Float64,
        "text_lr": pl.Float64,
        "num_negatives": pl.Int64,
        "negatives_per_caption": pl.Float64,
        "negatives_per_image": pl.Float64,
        "texts_per_image": pl.Float64,
    }
)
CURVES = pl.Schema({"arm": pl.String, "seed": pl.Int64, "step": pl.Int64, "loss": pl.Float64, "scale": pl.Float64})
_MEASURED = ("seconds", "cpu_seconds", "peak_memory", "images", "texts", "tokens", "flops")


def arms(runs: Runs, negatives: Sequence[Path]) -> pl.DataFrame:
    """One row per arm: method, objective (JSON), rates, number of negatives; null if not in the manifest.

    `negatives_per_caption`: mean number of negatives of a caption, of the method's folder in `negatives`, or of its
    matched set; `negatives_per_image` and `texts_per_image`: what a training drew for each image of a batch.
    """
    rows = []
    means, trained_on = negatives_per_caption(negatives), exposures(runs)
    for arm in runs.arms:
        options, exposure = runs.options(arm), trained_on.get(arm, Exposure(None, None))
        rows.append(
            {
                "arm": arm,
                "method": options.get("method"),
                "objective": json.dumps(options.get("objective"), sort_keys=True) if options else None,
                "image_lr": options.get("image_lr"),
                "text_lr": options.get("text_lr"),
                "num_negatives": options.get("num_negatives"),
                "negatives_per_caption": means.get(options.get("method")),
                "negatives_per_image": exposure.negatives,
                "texts_per_image": exposure.texts,
            }
        )
    return pl.DataFrame(rows, schema=ARMS, orient="row")


def negatives_per_caption(folders: Sequence[Path]) -> dict[str | None, float]:
    """Mean number of negatives of a caption that the method processed, by method, from its summary.

    Of two folders of one method, a matched set comes later and counts.
    """
    found: dict[str | None, float] = {}
    for folder in folders:
        path = Path(folder) / "summary.json"
        summary = read_json(path) if path.is_file() else {}
        processed = summary.get("captions", {}).get("processed")
        if processed:
            found[Path(folder).name] = summary["negatives"] / processed
    return found


def is_matched(folder: Path) -> bool:
    """Whether a folder of negatives is a matched set, which is drawn from another folder."""
    path = folder / "summary.json"
    return path.is_file() and bool(read_json(path).get("matched"))


def objective_text(options: dict[str, Any]) -> str:
    """An objective as a sum of terms, with weights other than 1."""
    parts = []
    for term in options.get("objective", []):
        weight = term.get("weight", 1.0)
        name = str(term.get("term", "?")).replace("_", " ")
        choices = [str(value) for key, value in sorted(term.items()) if key not in ("term", "weight", "cap")]
        parts.append(
            ("" if weight == 1.0 else f"{weight:g} × ") + name + (f" ({', '.join(choices)})" if choices else "")
        )
    return " + ".join(parts)


def costs(runs: Runs, data: Path | None, negatives: Sequence[Path], inpaint: Path | None = None) -> pl.DataFrame:
    """Table `costs`: one row per job, by stage.

    Column arm has the method of stage negatives, and `corrupted` for the images that stage robustness corrupts once for
    all models (a folder next to those of the arms).
    """
    rows = [] if data is None else [_row("data", None, None, None, _cost(data))]
    made = [Path(folder) for folder in negatives if not is_matched(Path(folder))]
    rows += [_row("negatives", folder.name, None, None, _cost(folder)) for folder in made]
    if inpaint is not None:
        rows.append(_row("inpaint", None, None, None, _cost(inpaint)))
    for training in runs.trainings:
        evaluation = runs.evaluation(training.arm, training.seed)
        model = None if evaluation is None else evaluation.model
        rows.append(_row("pretrain", training.arm, training.seed, model, training.cost))
    rows += [_row("finetune", one.arm, one.seed, str(one.metrics["model"][0]), one.cost) for one in runs.finetunings]
    rows += [_row("evaluate", one.arm, one.seed, one.model, one.cost) for one in runs.evaluations]
    if runs.robustnesses:
        corrupted = runs.robustnesses[0].folder.parent.parent / "corrupted"
        if corrupted.is_dir():
            rows.append(_row("robustness", corrupted.name, None, None, _cost(corrupted)))
    rows += [_row("robustness", one.arm, one.seed, str(one.metrics["model"][0]), one.cost) for one in runs.robustnesses]
    return table("costs", rows)


def training_seconds(frame: pl.DataFrame) -> dict[str, float]:
    """Median training time of each arm over its seeds."""
    trained = frame.filter(pl.col("stage") == "pretrain", pl.col("seconds").is_not_null())
    return {
        str(arm): float(median(group["seconds"].to_list()))
        for (arm,), group in trained.group_by("arm", maintain_order=True)
    }


def curves(trainings: Sequence[Training]) -> pl.DataFrame:
    """One row per logged step of each run: its loss and the logit scale, for `dvc plots`."""
    rows = [
        {"arm": one.arm, "seed": one.seed, "step": entry["step"], "loss": entry["loss"], "scale": entry.get("scale")}
        for one in trainings
        for entry in one.curve
        if "step" in entry
    ]
    return pl.DataFrame(rows, schema=CURVES, orient="row")


def headline(shown: Overview) -> dict[str, dict[str, float]]:
    """arm -> column -> value in percent to two digits (the median over seeds); `dvc metrics diff` compares them."""
    return {
        arm: {name: round(100 * cell.value, 2) for name, cell in sorted(cells.items())}
        for arm, cells in shown.cells.items()
    }


def _cost(folder: Path) -> dict[str, Any]:
    path = Path(folder) / "cost.json"
    return read_cost(path) if path.is_file() else {}


def _row(stage: str, arm: str | None, seed: int | None, model: str | None, cost: dict[str, Any]) -> dict[str, Any]:
    measured = {name: cost.get(name) for name in _MEASURED}
    return {"model": model, "arm": arm, "seed": seed, "stage": stage, **measured}
