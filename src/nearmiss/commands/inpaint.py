"""Command of stage `inpaint`."""

from pathlib import Path

from nearmiss.base.errors import InputError
from nearmiss.base.progress import job
from nearmiss.commands.app import STAGES, Config, Fields, Fingerprint, Overrides, app, fields_help
from nearmiss.commands.inputs import check_inputs
from nearmiss.fields import flags, source
from nearmiss.stages.inpaint.config import InpaintConfig


@app.command(group=STAGES, sort_key=3, help_epilogue=fields_help((InpaintConfig, ""), without=("captions",)))
def inpaint(
    *fields: Fields,
    images: Path,
    objects: Path,
    captions: Path,
    relations: Path | None = None,
    origins: Path | None = None,
    root: Path,
    out: Path | None = None,
    dry_run: bool = False,
    workers: int = 1,
    config: Config = None,
    set_: Overrides = None,
    fingerprint: Fingerprint = None,
) -> None:
    """Make counterfactual image pairs that differ in one concept.

    nearmiss inpaint --images images.parquet --objects objects.parquet --captions captions.parquet --root . --out DIR

    The pairs are made from the tables of a data source.

    Parameters
    ----------
    images
        Table of images.
    objects
        Table of objects, with masks.
    captions
        Table of captions.
    relations
        Table of relations. Without it no relation between objects is known.
    origins
        Table of the images' addresses and licenses, for the data card.
    root
        Folder that the files in the table of images are relative to.
    out
        Output folder: the pairs in InpaintCOCO's schema, rejected.parquet, summary.json, contact sheets, data card.
    dry_run
        Print the planned edits and write nothing.
    workers
        Number of processes that edit. The output does not depend on it.
    """
    given = source("inpaint", config=config, fingerprint=fingerprint, overrides=set_)
    section = given.section(InpaintConfig, flags(fields))
    if out is None and not dry_run:
        raise InputError("no output folder is given", remedy="give --out, or --dry-run")
    check_inputs(images=images, objects=objects, captions=captions, relations=relations, origins=origins, root=root)
    with job("inpaint"):
        from nearmiss.stages.inpaint.stage import plan, run

        if dry_run or out is None:
            for line in plan(
                config=section, images=images, objects=objects, captions=captions, relations=relations, root=root
            ):
                print(line)
            return
        summary = run(
            config=section,
            images=images,
            objects=objects,
            captions=captions,
            relations=relations,
            origins=origins,
            root=root,
            out=out,
            workers=workers,
            fingerprint=fingerprint,
        )
    concepts = ", ".join(f"{concept} {count}" for concept, count in summary["by_concept"].items())
    print(f"{summary['pairs']} pairs ({concepts}); {summary['rejected']} edits rejected; see {out / 'sheets'}")
