"""Command of stage `evaluate`."""

import shutil
import sys
from pathlib import Path

from nearmiss.base.progress import job
from nearmiss.commands.app import Fields, Seed, app, fields_help
from nearmiss.fields import build, flags, source
from nearmiss.stages.evaluate.config import EvaluateConfig

INCOMPLETE = 3
"""Exit status where images, files or records of a benchmark are missing."""


@app.command(help_epilogue=fields_help((EvaluateConfig, "")))
def evaluate(
    *fields: Fields,
    model: str,
    out: Path,
    pretrained: str | None = None,
    data_root: Path | None = None,
    move: list[str] | None = None,
    training_negatives: Path | None = None,
    training_captions: Path | None = None,
    caption_set: str | None = None,
    published: str | None = None,
    cache: Path = Path(".nearmiss-embeddings"),
    state: Path | None = None,
    arm: str | None = None,
    seed: Seed | None = None,
    config: Path | None = None,
) -> None:
    """Score a model on benchmarks, item by item.

    nearmiss evaluate --model ViT-B-32 --pretrained openai --benchmarks sugarcrepe --data-root DIR --out DIR

    The exit status is 0 where everything was scored, and 3 where images, files or records are missing.

    Parameters
    ----------
    model
        open_clip's name of a model, local-dir:FOLDER, hf-hub:ORGANIZATION/NAME, or the folder of an experiment's run.
    out
        Folder that is made: scores, outcomes and metrics as Parquet, measurement.json.
    pretrained
        A tag of open_clip's or a file of weights.
    data_root
        The folder under which each benchmark has its own, see `nearmiss benchmarks list`.
    move
        A folder below the data root that lies elsewhere, as coco/val2017=/data/coco; repeat it for several.
    training_negatives
        The negatives that the model was trained on: a table or a method's folder; marks what it has seen, and fits a
        text-only classifier.
    training_captions
        A table of captions for the plausibility baselines.
    caption_set
        The set of these captions that counts.
    published
        Whose published values stand beside, where the model's name does not say it (negclip, ce_clip, openai).
    cache
        Folder of embeddings, kept by the model's hash, so that nothing is encoded twice.
    state
        Folder of embeddings in place of cache, which is removed after success: a killed run continues from it.
    arm, seed
        Labels of the rows of the tables; by default the model's name, or those of the run.
    config
        An experiment or a fingerprint file.
    """
    given = source(config, "evaluate")
    values = given.experiment.evaluate.model_dump() if given.experiment else given.config
    over = flags(fields) | ({} if data_root is None else {"data_root": str(data_root)})
    section = build(EvaluateConfig, values, over, file=config)
    with job(f"evaluate {model}"):
        import polars as pl

        from nearmiss.engine.benchmarks.data_root import DataRoot, moves
        from nearmiss.engine.scoring.model import parse_model
        from nearmiss.stages.evaluate.stage import METRICS, run
        from nearmiss.stages.evaluate.terminal import summary

        measurement = run(
            config=section,
            model=parse_model(model, pretrained, arm, seed),
            root=DataRoot(None if section.data_root is None else Path(section.data_root), moves(move or [])),
            out=out,
            cache=cache if state is None else state,
            negatives=training_negatives,
            captions=training_captions,
            caption_set=caption_set,
            paper=published,
            fingerprint=given.fingerprint,
        )
    if state is not None:
        shutil.rmtree(state, ignore_errors=True)
    print(summary(measurement, pl.read_parquet(out / METRICS, glob=False)))
    if not measurement["complete"] and section.missing != "allow":
        sys.exit(INCOMPLETE)
