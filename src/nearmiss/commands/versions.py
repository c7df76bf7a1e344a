"""Commands of versions: dvc.yaml from the workflow; record results, bring them back, date them, and check a re-run."""

import sys
from pathlib import Path

from nearmiss.commands.app import Stage, app


@app.command
def pipeline(*, config: Path = Path("config/config.yaml"), out: Path = Path("dvc.yaml")) -> None:
    """Write DVC's pipeline from the workflow; nothing is run, and no results are needed.

    Parameters
    ----------
    config
        The experiment.
    out
        The pipeline file.
    """
    from nearmiss.versions.pipeline import write

    write(config=config, out=out)


@app.command
def snapshot(*, config: Path = Path("config/config.yaml"), remote: str | None = None) -> None:
    """Record finished results with DVC and send them to the remote, if one is configured.

    Parameters
    ----------
    config
        The experiment.
    remote
        Name of the remote; the default one if not given.
    """
    from nearmiss.versions.snapshot import snapshot as record

    record(config=config, remote=remote)


@app.command
def restore(
    *, stage: Stage | None = None, config: Path = Path("config/config.yaml"), remote: str | None = None
) -> None:
    """Bring recorded results back; what agrees with today's code and configuration does not run again.

    Parameters
    ----------
    stage
        The last stage to bring back, with those that it was made from; all stages if not given.
    config
        The experiment.
    remote
        Name of the remote; the default one if not given.
    """
    from nearmiss.versions.restore import restore as bring_back

    bring_back(config=config, stage=stage, remote=remote)


@app.command
def redate(*, config: Path = Path("config/config.yaml")) -> None:
    """Keep results that were copied without their times: check every hash, and date what agrees as up to date.

    Parameters
    ----------
    config
        The experiment.
    """
    from nearmiss.versions.redate import redate as date_anew

    date_anew(config=config)


@app.command
def verify(*, against: str = "HEAD", config: Path = Path("config/config.yaml")) -> None:
    """Set the results against recorded ones: data byte for byte, metrics within their intervals; status 1 if not.

    Parameters
    ----------
    against
        A revision whose dvc.lock has recorded results, or another folder results/<experiment>.
    config
        The experiment.
    """
    from nearmiss.versions.verify import verify as compare

    sys.exit(0 if compare(config=config, against=against) else 1)
