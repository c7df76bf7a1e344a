"""Command of stage `evaluate`: a checkpoint in the workflow, or any open_clip model on published benchmarks."""

import sys
from pathlib import Path
from typing import Literal

from nearmiss.base.errors import InputError
from nearmiss.base.progress import job
from nearmiss.commands.app import Fields, Seed, app, fields_help
from nearmiss.fields import build, flags, source
from nearmiss.stages.evaluate.config import EvaluateConfig

INCOMPLETE = 3
"""Exit status where images or files of an asked benchmark are missing."""


@app.command(help_epilogue=fields_help((EvaluateConfig, "")))
def evaluate(
    *fields: Fields,
    out: Path,
    model: str | None = None,
    pretrained: str | None = None,
    benchmarks: str = "all",
    data_root: Path | None = None,
    move: list[str] | None = None,
    as_published: bool = False,
    tagger: str | None = None,
    training_negatives: Path | None = None,
    published: str | None = None,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    cache: Path = Path(".nearmiss-embeddings"),
    arm: str | None = None,
    seed: Seed | None = None,
    checkpoint: Path | None = None,
    tables: Path | None = None,
    root: Path | None = None,
    negatives: Path | None = None,
    inpaint: Path | None = None,
    config: Path | None = None,
) -> None:
    """Score a model on benchmarks, item by item.

    Alone:    nearmiss evaluate --model ViT-B-32-quickgelu --pretrained openai --data-root DIR --out DIR
    Workflow: nearmiss evaluate --arm hnc --seed 0 --checkpoint DIR --tables DIR --root DIR --out DIR

    Alone, the status is 0 where everything that was asked was scored, and 3 where images or files are missing.

    Parameters
    ----------
    out
        Folder that is made: scores.parquet, metrics.parquet; alone also metrics.json.
    model
        Alone: open_clip's name of it, `local-dir:FOLDER` or `hf-hub:ORGANISATION/NAME`.
    pretrained
        Alone: a tag of open_clip's or a file of weights.
    benchmarks
        Alone: names with commas between, or all; `nearmiss benchmarks list` shows them.
    data_root
        Alone: the folder under which each source has its own, see `nearmiss benchmarks list`.
    move
        Alone: a folder below the data root that lies elsewhere, as coco/val2017=/data/coco; repeat it for several.
    as_published
        Alone: each benchmark's own historic rules of ties and subsets where they differ from ours.
    tagger
        Alone: a spaCy pipeline, by name or folder, for aro_order.
    training_negatives
        Alone: the table of negatives that the model was trained on; a text-only probe learns from it.
    published
        Alone: whose published figures stand beside, where the model's name does not say it (negclip, ce_clip, openai).
    device
        Alone: auto takes a GPU where there is one.
    cache
        Alone: folder of embeddings, kept by the model's hash, so that nothing is encoded twice.
    arm, seed
        Workflow: what the rows of the tables are marked with.
    checkpoint
        Workflow: checkpoint folder.
    tables
        Workflow: folder of the data stage's tables.
    root
        Workflow: folder that the images' files are relative to.
    negatives
        Workflow: folder of the negatives the arm was trained on; marks what it has seen.
    inpaint
        Workflow: the pairs of benchmark inpaintcoco, a Parquet file in InpaintCOCO's schema.
    config
        Workflow: an experiment or a fingerprint file.
    """
    if model is not None:
        _need(("data_root", data_root), form="alone (--model)")
        _alone(
            model=model,
            pretrained=pretrained,
            benchmarks=benchmarks,
            data_root=data_root or Path(),
            move=move or [],
            out=out,
            cache=cache,
            as_published=as_published,
            tagger=tagger,
            negatives=training_negatives,
            paper=published,
            device=device,
        )
        return
    named = (("arm", arm), ("seed", seed), ("checkpoint", checkpoint), ("tables", tables), ("root", root))
    _need(*named, form="in the workflow (without --model)")
    given = source(config, "evaluate")
    values = given.experiment.evaluate.model_dump() if given.experiment else given.config
    section = build(EvaluateConfig, values, flags(fields), file=config)
    with job(f"evaluate {arm} seed {seed}"):
        from nearmiss.stages.evaluate.stage import run

        run(
            config=section,
            arm=arm or "",
            seed=seed or 0,
            checkpoint=checkpoint or Path(),
            tables=tables or Path(),
            root=root or Path(),
            negatives=negatives,
            inpaint=inpaint,
            fingerprint=given.fingerprint,
            out=out,
        )


def _need(*named: tuple[str, object], form: str) -> None:
    missing = [f"--{name.replace('_', '-')}" for name, value in named if value is None]
    if missing:
        raise InputError(f"{', '.join(missing)} is needed {form}", remedy="see nearmiss evaluate --help")


def _alone(
    *,
    model: str,
    pretrained: str | None,
    benchmarks: str,
    data_root: Path,
    move: list[str],
    out: Path,
    cache: Path,
    as_published: bool,
    tagger: str | None,
    negatives: Path | None,
    paper: str | None,
    device: str,
) -> None:
    with job(f"evaluate {model}"):
        from nearmiss.base.device import device_of
        from nearmiss.engine.benchmarks.published import Folders, moves
        from nearmiss.stages.evaluate.alone import run
        from nearmiss.stages.evaluate.printed import printed

        told = run(
            model=model,
            pretrained=pretrained,
            benchmarks=benchmarks,
            folders=Folders(data_root, moves(move), tagger),
            out=out,
            cache=cache,
            as_published=as_published,
            negatives=negatives,
            paper=paper,
            device=device_of(device, key="--device").type,
        )
    print(printed(told))
    if not told["complete"]:
        sys.exit(INCOMPLETE)
