"""Command of stage `data`."""

from pathlib import Path

from nearmiss.base.progress import job
from nearmiss.commands.app import Fields, app, fields_help
from nearmiss.fields import build, flags, source
from nearmiss.stages.data.config import DataConfig


@app.command(help_epilogue=fields_help((DataConfig, "")))
def data(*fields: Fields, out: Path, config: Path | None = None, workers: int = 1) -> None:
    """Make the tables of a data source: images, captions, objects, relations, and what else the source has.

    Parameters
    ----------
    out
        Folder that is made: tables, summary, and what else the source writes.
    config
        An experiment or a fingerprint file.
    workers
        Processes that draw or decode images; the bytes do not depend on it.
    """
    given = source(config, "data")
    values = given.experiment.data.model_dump() if given.experiment else given.config or DataConfig().model_dump()
    over = flags(fields)
    if "name" in over.get("source", {}):  # another source has other options
        values = {}
    section = build(DataConfig, values, over, file=config)
    with job("data"):
        from nearmiss.stages.data.stage import run

        run(config=section, out=out, workers=workers, fingerprint=given.fingerprint)
