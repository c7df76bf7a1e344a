"""Command `nearmiss plan`: what an experiment costs before it runs."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from nearmiss.commands.app import Overrides, app


@app.command(sort_key=2)
def plan(
    *,
    config: Path = Path("config/config.yaml"),
    set_: Overrides = None,
    quick: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """List jobs, downloads, disk, memory and hours of an experiment.

    nearmiss plan --config config/papers/ce_clip.yaml

    Hours are computed from measured rates (src/nearmiss/plan/rates.yaml) and stated assumptions. Nothing is downloaded.

    Parameters
    ----------
    config
        Experiment file.
    quick
        Plan the smallest size of the experiment.
    """
    from nearmiss.config import load
    from nearmiss.overrides import parse_overrides
    from nearmiss.plan.estimate import estimate
    from nearmiss.plan.text import plan_text

    print(plan_text(estimate(load(config, {"quick": True} if quick else None, parse_overrides(set_ or ())))))
