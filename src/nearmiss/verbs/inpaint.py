"""Verb of stage `inpaint`."""

from pathlib import Path

from nearmiss.base.progress import job
from nearmiss.fields import build, flags, source
from nearmiss.stages.inpaint.config import InpaintConfig
from nearmiss.verbs.app import Fields, app, fields_help


@app.command(help_epilogue=fields_help((InpaintConfig, "")))
def inpaint(
    *fields: Fields,
    images: Path,
    objects: Path,
    captions: Path,
    root: Path,
    out: Path,
    relations: Path | None = None,
    config: Path | None = None,
    workers: int = 1,
) -> None:
    """Make counterfactual image pairs by editing one concept of a picture and of its caption, as InpaintCOCO has them.

    Parameters
    ----------
    images, objects, captions
        The tables: images, objects with their masks, and captions.
    root
        Folder that the images' files are relative to.
    out
        Folder that is made: the pairs in InpaintCOCO's schema, rejected.parquet, summary.json.
    relations
        The table of relations; without it nothing is known of how things stand to each other.
    config
        An experiment or an identity file.
    workers
        Processes that edit; the bytes do not depend on it.
    """
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
            identity=given.identity,
        )
