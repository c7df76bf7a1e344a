"""Command of stage `inpaint`: a stage of the workflow, or photographs in COCO's format by themselves."""

from pathlib import Path
from typing import Literal

from nearmiss.base.errors import InputError
from nearmiss.base.progress import job
from nearmiss.commands.app import Fields, Seed, app, fields_help
from nearmiss.fields import build, flags, source
from nearmiss.stages.inpaint.config import InpaintConfig, of_photographs


@app.command(help_epilogue=fields_help((InpaintConfig, "")))
def inpaint(
    *fields: Fields,
    images: Path,
    captions: Path,
    out: Path | None = None,
    instances: Path | None = None,
    backend: Literal["classical", "diffusion"] = "classical",
    pipeline: str | None = None,
    judge: str | None = None,
    judge_pretrained: str | None = None,
    seed: Seed = 0,
    dry_run: bool = False,
    objects: Path | None = None,
    root: Path | None = None,
    relations: Path | None = None,
    config: Path | None = None,
    workers: int = 1,
) -> None:
    """Make counterfactual image pairs by editing one concept of a picture and of its caption, as InpaintCOCO has them.

    Alone:    nearmiss inpaint --images DIR --instances instances.json --captions captions.json --out DIR
    Workflow: --images, --objects and --captions are Parquet tables, --root is the folder of the pictures.

    Parameters
    ----------
    images
        Alone: the folder of the photographs. Workflow: the table of images.
    captions
        Alone: captions in COCO's format (JSON). Workflow: the table of captions.
    out
        Folder that is made: the pairs in InpaintCOCO's schema, rejected.parquet, summary.json; alone also contact
        sheets and the card.
    instances
        Alone: instances in COCO's format (JSON), with masks.
    backend
        Alone: classical edits pixels, without any weights; diffusion paints inside the mask.
    pipeline
        Alone, diffusion: a folder that an inpainting pipeline was saved to, or its name on the hub.
    judge, judge_pretrained
        Alone: a model as open_clip names it, with its tag or a file of weights; pairs whose change it does not see are
        refused.
    seed
        Alone: seed of every draw.
    dry_run
        Alone: print the plan and make nothing.
    objects
        Workflow: the table of objects with their masks.
    root
        Workflow: folder that the images' files are relative to.
    relations
        Workflow: the table of relations; without it nothing is known of how things stand to each other.
    config
        Workflow: an experiment or a fingerprint file.
    workers
        Processes that edit; the bytes do not depend on it.
    """
    if instances is not None:
        asked = None if judge is None else (judge, judge_pretrained)
        _alone(images, instances, captions, out, backend, pipeline, seed, workers, fields, dry_run, asked)
        return
    if objects is None or root is None or out is None:
        raise InputError(
            "nothing says where things are",
            remedy="give --instances (alone), or --objects, --root and --out (workflow)",
        )
    given = source(config, "inpaint")
    values = given.experiment.inpaint.model_dump() if given.experiment else given.config
    section = build(InpaintConfig, values, flags(fields), file=config)
    with job("inpaint"):
        from nearmiss.stages.inpaint.stage import run

        run(
            config=section,
            images=images,
            objects=objects,
            captions=captions,
            relations=relations,
            root=root,
            out=out,
            workers=workers,
            fingerprint=given.fingerprint,
        )


def _alone(
    images: Path,
    instances: Path,
    captions: Path,
    out: Path | None,
    backend: str,
    pipeline: str | None,
    seed: Seed,
    workers: int,
    fields: tuple[str, ...],
    dry_run: bool,
    judge: tuple[str, str | None] | None,
) -> None:
    if (backend == "diffusion") != (pipeline is not None):
        raise InputError("--backend diffusion and --pipeline belong together", remedy="give both, or neither")
    if out is None and not dry_run:
        raise InputError("nothing says where the pairs go", remedy="give --out, or --dry-run")
    section = build(InpaintConfig, of_photographs(seed, pipeline).model_dump(), flags(fields), file=None)
    with job("inpaint"):
        from nearmiss.stages.inpaint.standalone import plan, run

        if dry_run or out is None:
            for line in plan(config=section, images=images, instances=instances, captions=captions):
                print(line)
            return
        summary = run(
            config=section,
            backend=backend,
            images=images,
            instances=instances,
            captions=captions,
            out=out,
            workers=workers,
            judge=judge,
        )
    pairs = ", ".join(f"{concept} {count}" for concept, count in summary["by_concept"].items())
    print(f"{summary['pairs']} pairs ({pairs}); {summary['rejected']} changes refused; see {out / 'sheets'}")
    if summary["scaled"]:
        print(f"{summary['scaled']} photographs are of another size than noted: their annotations were scaled")
    if summary["set_aside"]:
        print(f"{summary['set_aside']} photographs, things and records set aside; see {out / 'rejected.parquet'}")
