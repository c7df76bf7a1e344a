"""Command of stage `inpaint`: pairs of the tables of stage `data`, or of photographs in COCO's format."""

from pathlib import Path
from typing import Any, Literal

from nearmiss.base.errors import InputError
from nearmiss.base.progress import job
from nearmiss.commands.app import STAGES, Config, Fields, Fingerprint, Overrides, Seed, app, fields_help
from nearmiss.fields import build, flags, source
from nearmiss.stages.inpaint.config import InpaintConfig, of_photographs


@app.command(group=STAGES, sort_key=3, help_epilogue=fields_help((InpaintConfig, ""), without=("seed", "captions")))
def inpaint(
    *fields: Fields,
    images: Path,
    captions: Path,
    out: Path | None = None,
    instances: Path | None = None,
    backend: Literal["classical", "diffusion"] | None = None,
    pipeline: str | None = None,
    judge: str | None = None,
    judge_pretrained: str | None = None,
    dry_run: bool = False,
    objects: Path | None = None,
    relations: Path | None = None,
    root: Path | None = None,
    seed: Seed | None = None,
    workers: int = 1,
    config: Config = None,
    set_: Overrides = None,
    fingerprint: Fingerprint = None,
) -> None:
    """Make counterfactual image pairs that differ in one concept.

    Photographs: nearmiss inpaint --images DIR --instances instances.json --captions captions.json --out DIR
    Tables:      nearmiss inpaint --images images.parquet --objects objects.parquet --captions captions.parquet
                 --root DIR --out DIR

    Parameters
    ----------
    images
        Folder of the photographs, or the table of images.
    captions
        Captions in COCO's format (JSON), or the table of captions.
    out
        Output folder: the pairs in InpaintCOCO's schema, rejected.parquet and summary.json; of photographs also contact
        sheets and a dataset card.
    instances
        Photographs: instances in COCO's format (JSON), with masks.
    backend
        Photographs: classical edits pixels without any model, and is the default; diffusion paints inside the mask.
    pipeline
        Photographs, diffusion: folder of a saved inpainting pipeline, or its name on the hub.
    judge
        Photographs: model, by open_clip's name, that must tell the images of a pair apart; other pairs are rejected.
    judge_pretrained
        Photographs: tag or file of weights of --judge.
    dry_run
        Photographs: print the planned edits and write nothing.
    objects
        Tables: the table of objects with their masks.
    relations
        Tables: the table of relations. Without it no relation between objects is known.
    root
        Tables: folder that the files in the table of images are relative to.
    seed
        Seed of every draw; for tables the configuration's if not given, for photographs 0.
    workers
        Number of processes that edit. The output does not depend on it.
    """
    photographs: dict[str, Any] = {"backend": backend, "pipeline": pipeline, "judge": judge}
    photographs |= {"judge-pretrained": judge_pretrained, "dry-run": dry_run or None}
    tables: dict[str, Any] = {"objects": objects, "relations": relations, "root": root}
    tables |= {"config": config, "set": set_, "fingerprint": fingerprint}
    if instances is not None:
        _refuse(tables, "photographs (--instances)")
        if (backend == "diffusion") != (pipeline is not None):
            raise InputError("--backend diffusion and --pipeline belong together", remedy="give both, or neither")
        model = None if judge is None else (judge, judge_pretrained)
        if judge is None and judge_pretrained is not None:
            raise InputError("--judge-pretrained has no effect without --judge", remedy="give --judge, too")
        section = build(InpaintConfig, of_photographs(seed or 0, pipeline).model_dump(), flags(fields))
        _of_photographs(images, instances, captions, out, backend or "classical", section, workers, dry_run, model)
        return
    if objects is None or root is None or out is None:
        raise InputError(
            "no annotations, folder of images or output are given",
            remedy="give --instances and --out (photographs), or --objects, --root and --out (tables)",
        )
    _refuse(photographs, "tables (--objects)")
    given = source("inpaint", config=config, fingerprint=fingerprint, overrides=set_)
    section = given.section(InpaintConfig, flags(fields) | ({} if seed is None else {"seed": seed}))
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
            fingerprint=fingerprint,
        )


def _refuse(options: dict[str, Any], inputs: str) -> None:
    """Refuse options of the other kind of inputs, which would have no effect."""
    for name, value in options.items():
        if value is not None:
            raise InputError(f"--{name} has no effect on {inputs}", remedy="leave the option out")


def _of_photographs(
    images: Path,
    instances: Path,
    captions: Path,
    out: Path | None,
    backend: str,
    section: InpaintConfig,
    workers: int,
    dry_run: bool,
    judge: tuple[str, str | None] | None,
) -> None:
    if out is None and not dry_run:
        raise InputError("no output folder is given", remedy="give --out, or --dry-run")
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
    print(f"{summary['pairs']} pairs ({pairs}); {summary['rejected']} edits rejected; see {out / 'sheets'}")
    if summary["scaled"]:
        print(f"{summary['scaled']} photographs differ in size from their annotations, which were scaled")
    if summary["set_aside"]:
        print(f"{summary['set_aside']} photographs, objects and records set aside; see {out / 'rejected.parquet'}")
