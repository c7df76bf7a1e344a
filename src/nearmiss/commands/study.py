"""Group `nearmiss study`: what a registered study needs before its runs, and its table after them."""

from pathlib import Path

from nearmiss.base.progress import job
from nearmiss.commands.app import Overrides
from nearmiss.commands.app import study as group

RESULTS = Path("results")


@group.command
def rates(*, config: Path, results: Path = RESULTS, set_: Overrides = None) -> None:
    """List the scores of a search for learning rates, and the best pair of each arm.

    The arms are named ARM-POINT. Refused is a best pair at the edge of the grid.

    Parameters
    ----------
    config
        Experiment file of the search.
    results
        Folder of results, with the search's evaluations.
    """
    from nearmiss.config import load
    from nearmiss.overrides import parse_overrides

    experiment = load(config, overrides=parse_overrides(set_ or ()))
    from nearmiss.study.rates import choice_text, chosen, grid, grid_text

    found = grid(experiment, results)
    print(grid_text(found))
    print(choice_text(chosen(found)))


@group.command
def steps(*, config: Path, like: str = "clip", results: Path = RESULTS, set_: Overrides = None) -> None:
    """Compute how many steps of one arm cost as many FLOPs as the most expensive arm.

    Read are the costs that the trainings recorded. The answer is for `arms.NAME.steps` of a control at equal compute.

    Parameters
    ----------
    config
        Experiment file of finished trainings.
    like
        The arm that trains longer.
    results
        Folder of results, with the trainings.
    """
    from nearmiss.config import load
    from nearmiss.overrides import parse_overrides
    from nearmiss.study.steps import equal_steps

    number, most = equal_steps(load(config, overrides=parse_overrides(set_ or ())), results, like)
    print(f"{number} steps of '{like}' cost as many FLOPs as '{most}'")


@group.command
def report(*, config: Path, out: Path, results: Path = RESULTS, set_: Overrides = None) -> None:
    """Compare the arms of a registered study over its seeds, and name what is missing.

    Parameters
    ----------
    config
        Experiment file with the section compare.study.
    out
        Output folder: study.md, study.csv, study.json.
    results
        Folder of results, with the study's trainings and evaluations.
    """
    from nearmiss.config import load
    from nearmiss.overrides import parse_overrides

    experiment = load(config, overrides=parse_overrides(set_ or ()))
    with job("study report"):
        from nearmiss.study.report import report as write

        print(write(experiment, file=config, results=results, root=Path.cwd(), out=out))
