"""Command of stage `data`."""

from pathlib import Path

from nearmiss.base.progress import job
from nearmiss.commands.app import Fields, app, fields_help
from nearmiss.fields import build, flags, source
from nearmiss.stages.data.config import DataConfig


@app.command(help_epilogue=fields_help((DataConfig, "")))
def data(*fields: Fields, out: Path, config: Path | None = None, workers: int = 1) -> None:
    """Publish the embedded world's files and read them back into tables.

    Parameters
    ----------
    out
        Folder that is made: published, truth, tables.
    config
        An experiment or a fingerprint file.
    workers
        Processes that draw; the bytes do not depend on it.
    """
    given = source(config, "data")
    values = given.experiment.data.model_dump() if given.experiment else given.config
    section = build(DataConfig, values, flags(fields), file=config)
    with job("data"):
        from nearmiss.stages.data.stage import run

        run(config=section, out=out, workers=workers, fingerprint=given.fingerprint)
