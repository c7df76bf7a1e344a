"""Command of stage `data`."""

from pathlib import Path

from nearmiss.base.progress import job
from nearmiss.commands.app import STAGES, Config, Fields, Fingerprint, Overrides, app, fields_help
from nearmiss.fields import flags, source
from nearmiss.stages.data.config import DataConfig


@app.command(group=STAGES, sort_key=1, help_epilogue=fields_help((DataConfig, "")))
def data(
    *fields: Fields,
    out: Path,
    benchmark_images: Path | None = None,
    workers: int = 1,
    config: Config = None,
    set_: Overrides = None,
    fingerprint: Fingerprint = None,
) -> None:
    """Make the image, caption and annotation tables of a data source.

    nearmiss data --config config/coco.yaml --set data.source.root=/data/coco --out data

    Parameters
    ----------
    out
        Output folder: tables, summary, and what else the source writes.
    benchmark_images
        Table of images that no model may be trained on, from nearmiss benchmarks images.
    workers
        Number of processes that draw or decode images. The output does not depend on it.
    """
    given = source("data", config=config, fingerprint=fingerprint, overrides=set_)
    over = flags(fields)
    # Another source has other options.
    values = {} if "name" in over.get("source", {}) else given.values or DataConfig().model_dump()
    section = given.section(DataConfig, over, values)
    with job("data"):
        from nearmiss.stages.data.stage import run

        run(config=section, out=out, workers=workers, benchmark_images=benchmark_images, fingerprint=fingerprint)
