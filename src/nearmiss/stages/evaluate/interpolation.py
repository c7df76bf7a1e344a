"""The weights between a base and an arm, scored on the benchmarks of the arm (WiSE-FT).

Fine-tuning on one kind of data moves a model away from what it did before; weights between both often keep most of it
(Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022). Each checkpoint on the way is written, and scored
as any other.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, write_json
from nearmiss.base.manifest import Cost, verify_inputs, write_manifest
from nearmiss.base.outputs import OutputFolder
from nearmiss.base.tables import SCHEMAS, read_table, write_table
from nearmiss.engine.benchmarks import registry
from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.engine.benchmarks.spec import OWN
from nearmiss.engine.models.interpolation import Interpolation, open_interpolation
from nearmiss.engine.scoring.cache import check_cache
from nearmiss.engine.scoring.model import Model
from nearmiss.stages.evaluate import stage
from nearmiss.stages.evaluate.config import EvaluateConfig

TABLE, RECORD = "interpolation.parquet", "interpolation.json"
CHOSEN_ON = "val"
"""The split that alpha is chosen on."""
RULE = (
    "alpha with the highest mean of two means over headline metrics on split val: those that negatives should improve, "
    "and those that they may cost; the smaller alpha of equals"
)


def run(
    *,
    config: EvaluateConfig,
    base: Model,
    arm: Model,
    root: DataRoot,
    out: Path,
    state: Path,
    features: Path | None = None,
    negatives: Path | None = None,
    captions: Path | None = None,
    fingerprint: Path | None = None,
) -> dict[str, Any]:
    """Score every alpha of `config.interpolation` and write the folder `out`; return the content of interpolation.json.

    `base` is the model that the training of `arm`, a checkpoint folder, began from. The other arguments are those of
    `stage.run`. Writes interpolation.parquet (the model's metrics on the configured split, and on split val where alpha
    can be chosen there) and interpolation.json (hash of the weights of each alpha, and which was chosen). `state` is a
    folder for checkpoints and embeddings, removed after success.

    Raises InputError where no alpha is given or the two cannot be interpolated, before anything is scored.
    """
    cost = Cost()
    if not config.interpolation:
        raise InputError(
            "there is no share of weights to score",
            record="evaluate.interpolation",
            remedy="give --interpolation, such as [0, 0.25, 0.5, 0.75, 1]",
        )
    if arm.folder is None:
        raise InputError("the arm is no checkpoint folder", record=arm.name, remedy="give a run or local-dir:FOLDER")
    target = OutputFolder(out, inputs=[*root.inputs(), negatives, captions, base.folder, arm.folder, features])
    check_cache(state)
    inputs = verify_inputs({"base": base.folder, "arm": arm.folder})
    between = open_interpolation(base.name, arm.folder, pretrained=base.pretrained)
    splits = {config.split: config} | _choosing(config, root)
    parts, weights, complete = [], {}, True
    for alpha in config.interpolation:
        checkpoint = _written(between, alpha, state / "checkpoint")
        model = Model(f"local-dir:{checkpoint}", None, arm.arm, arm.seed)
        for split, section in splits.items():
            scored = state / "scored" / split
            measurement = stage.run(
                config=section,
                model=model,
                root=root,
                out=scored,
                cache=state / "embeddings",
                features=features,
                negatives=negatives,
                captions=captions,
            )
            complete &= measurement["complete"]
            weights[f"{alpha:g}"] = measurement["model"]["weights"]
            rows = read_table(scored / stage.METRICS, "metrics").filter(pl.col("model") != "blind")
            parts.append(rows.with_columns(alpha=pl.lit(alpha, pl.Float64)))
            read = read_json(scored / "manifest.json")["inputs"]
            inputs |= {f"{split}/{name}": digest for name, digest in read.items() if name != "checkpoint"}
    found = pl.concat(parts)
    best = chosen(found.filter(pl.col("split") == CHOSEN_ON)) if CHOSEN_ON in splits else None
    found = found.with_columns(chosen=pl.lit(False) if best is None else pl.col("alpha") == best)
    found = found.select(SCHEMAS["interpolation"].names())
    record = {
        "base": {"name": base.name if base.folder is None else base.arm, "pretrained": base.pretrained},
        "arm": arm.arm,
        "seed": arm.seed,
        "split": config.split,
        "chosen": best,
        "rule": RULE if best is not None else "no benchmark of the experiment has items in split val",
        "weights": weights,
        "complete": complete,
    }
    cost.counts = {"checkpoints": len(config.interpolation)}
    with target as folder:
        write_table(found, folder / TABLE, "interpolation")
        write_json(folder / RECORD, record)
        cost.write(folder)
        write_manifest(folder, stage="evaluate", fingerprint=fingerprint, inputs=inputs, outputs=[RECORD, TABLE])
    shutil.rmtree(state, ignore_errors=True)
    return record


def chosen(metrics: pl.DataFrame) -> float | None:
    """The alpha that `RULE` takes by rows of table `metrics` with their alpha; None where no headline has a value.

    The rule is our choice; the paper (section 4) takes 0.5 where there is nothing to choose on.
    """
    values: dict[float, list[float]] = {}
    for alpha in sorted(set(metrics["alpha"])):
        rows = metrics.filter(pl.col("alpha") == alpha)
        means = [mean for cost in (False, True) if (mean := _headline_mean(rows, cost=cost)) is not None]
        if means:
            values[alpha] = means
    return max(values, key=lambda alpha: (sum(values[alpha]) / len(values[alpha]), -alpha), default=None)


def _headline_mean(rows: pl.DataFrame, *, cost: bool) -> float | None:
    """The mean over the headlines of all benchmarks in `rows` that may be a cost, or that may not."""
    found = []
    for name in sorted(set(rows["benchmark"])):
        for headline in registry.reader(name).card.headline:
            if headline.cost == cost:
                where: Mapping[str, Any] = headline.where
                found += rows.filter(*[pl.col(key) == value for key, value in where.items()])["value"].to_list()
    known = [value for value in found if value is not None]
    return sum(known) / len(known) if known else None


def _choosing(config: EvaluateConfig, root: DataRoot) -> dict[str, EvaluateConfig]:
    """The section that scores the experiment's own benchmarks on split val; empty where none has items."""
    section = config.model_copy(update={"split": CHOSEN_ON})
    there: Sequence[str] = registry.existing(root, stage.options_of(section))
    wanted = there if config.benchmarks is None else config.benchmarks
    own = [name for name in OWN if name in wanted and name in there and name != "inpaintcoco"]
    return {CHOSEN_ON: section.model_copy(update={"benchmarks": own})} if own else {}


def _written(between: Interpolation, alpha: float, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    between.save(folder, alpha)
    return folder
