"""Group `nearmiss versions`: results recorded with DVC, restored and verified; and the pipeline file that DVC reads.

A record names a configuration file, so that these commands take no overrides.
"""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from nearmiss.commands.app import Stage
from nearmiss.commands.app import versions as group

Experiment = Annotated[Path, Parameter(help="Experiment file.")]
DEFAULT = Path("config/config.yaml")


@group.command
def snapshot(*, config: Experiment = DEFAULT, remote: str | None = None) -> None:
    """Record finished results with DVC, and push them to the remote if there is one.

    nearmiss versions snapshot --config config/config.yaml

    Parameters
    ----------
    remote
        Name of the remote; the default one if not given.
    """
    from nearmiss.versions.snapshot import snapshot as record

    record(config=config, remote=remote)


@group.command
def restore(*, stage: Stage | None = None, config: Experiment = DEFAULT, remote: str | None = None) -> None:
    """Restore recorded results; those that match the code and configuration do not run again.

    nearmiss versions restore --stage pretrain

    Parameters
    ----------
    stage
        Last stage to restore, with the stages that it was made from; all stages if not given.
    remote
        Name of the remote; the default one if not given.
    """
    from nearmiss.versions.restore import restore as bring_back

    bring_back(config=config, stage=stage, remote=remote)


@group.command
def verify(*, against: str = "HEAD", config: Experiment = DEFAULT) -> None:
    """Verify results against recorded ones: data byte for byte, metrics within intervals.

    nearmiss versions verify --against v1

    The exit status is 1 where they differ.

    Parameters
    ----------
    against
        Revision whose dvc.lock has recorded results, or another folder results/<experiment>.
    """
    from nearmiss.versions.verify import verify as compare

    sys.exit(0 if compare(config=config, against=against) else 1)


@group.command
def redate(*, config: Experiment = DEFAULT) -> None:
    """Redate results that were copied without their times, after a check of every hash.

    nearmiss versions redate --config config/config.yaml

    Results that match the code and configuration count as up to date afterwards.
    """
    from nearmiss.versions.redate import redate as date_anew

    date_anew(config=config)


@group.command
def pipeline(*, config: Experiment = DEFAULT, out: Path = Path("dvc.yaml")) -> None:
    """Write DVC's pipeline file from the workflow, without running anything.

    nearmiss versions pipeline --config config/config.yaml --out dvc.yaml

    Parameters
    ----------
    out
        Output: the pipeline file.
    """
    from nearmiss.versions.pipeline import write

    write(config=config, out=out)
