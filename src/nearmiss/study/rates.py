"""The choice of learning rates from a search: the same grid for every arm, the best pair by its mean over seeds."""

from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.tables import read_table
from nearmiss.config import Experiment
from nearmiss.stages.compare.overview import columns, rows_of
from nearmiss.stages.pretrain.config import BASE
from nearmiss.study.folders import folder

SEPARATOR = "-"
"""An arm of a search is named ARM-POINT, where POINT names the pair of rates."""


@dataclass(frozen=True)
class Point:
    """One pair of learning rates of one arm."""

    name: str
    image_lr: float
    text_lr: float
    by_seed: tuple[float, ...]
    """The criterion of each seed: the unweighted mean over the columns, a share."""

    @property
    def score(self) -> float:
        """Mean over the seeds."""
        return mean(self.by_seed)


Grid = dict[str, list[Point]]
"""Arm -> its points in ascending order of the image rate."""


def grid(experiment: Experiment, results: Path) -> Grid:
    """The scored grid of every arm of a search but the base.

    The criterion is the mean over the columns that compare shows, gains and costs alike. Raises InputError where an arm
    has no point in its name, arms have different grids, or a run is missing.
    """
    found: Grid = {}
    for name, arm in experiment.with_model_defaults().arms.items():
        if name == BASE:
            continue
        of, separator, point = name.rpartition(SEPARATOR)
        if not separator:
            raise InputError(
                f"the arm '{name}' names no point of the grid", record=f"arms.{name}", remedy="name it ARM-POINT"
            )
        scores = tuple(_criterion(folder(results, experiment, "evaluate", name, seed)) for seed in experiment.seeds)
        found.setdefault(of, []).append(Point(point, float(arm.image_lr or 0), float(arm.text_lr or 0), scores))
    ordered = {arm: sorted(points, key=lambda each: (each.image_lr, each.text_lr)) for arm, points in found.items()}
    grids = {arm: [(each.image_lr, each.text_lr) for each in points] for arm, points in ordered.items()}
    first = next(iter(grids), None)
    for other, pairs in grids.items():
        if pairs != grids[str(first)]:
            raise InputError(
                f"the arms '{first}' and '{other}' have different grids",
                record=f"arms.{other}{SEPARATOR}*",
                remedy="give every arm, the controls included, the same pairs of rates",
            )
    return ordered


def _criterion(run: Path) -> float:
    file = run / "metrics.parquet"
    if not file.is_file():
        raise InputError(
            "a run of the search is missing", file=file, remedy="finish the search: make run CONFIG=... for its file"
        )
    metrics = read_table(file, "metrics").filter(pl.col("model") != "blind")
    return mean(float(rows_of(metrics, column)["value"][0]) for column in columns(metrics))


def chosen(found: Grid) -> dict[str, Point]:
    """The point of each arm with the highest mean; of equal ones the slowest.

    Raises InputError if it is at the edge of the grid for an arm: better rates may lie outside.
    """
    best = {arm: max(points, key=lambda each: each.score) for arm, points in found.items()}
    edges = {
        arm: "below" if best[arm] is points[0] else "above"
        for arm, points in found.items()
        if best[arm] in (points[0], points[-1])
    }
    if edges:
        arms = ", ".join(f"{arm} ({best[arm].name}, {side} which nothing was tried)" for arm, side in edges.items())
        raise InputError(
            f"the best learning rates are at the edge of the grid: {arms}",
            record="arms",
            remedy="add a point beyond that edge for every arm, and run the search again; finished runs are kept",
        )
    return best


def grid_text(found: Grid) -> str:
    """The criterion of every point in percent, with its standard deviation over seeds."""
    points = next(iter(found.values()), [])
    lines = ["mean over columns and seeds, percent (standard deviation over seeds)"]
    lines.append(f"{'arm':22}" + "".join(f"{each.image_lr:>16.3g}" for each in points))
    for arm, row in found.items():
        cells = [f"{100 * each.score:.1f}" + _spread(each.by_seed) for each in row]
        lines.append(f"{arm:22}" + "".join(f"{cell:>16}" for cell in cells))
    return "\n".join(lines)


def choice_text(best: dict[str, Point]) -> str:
    """The chosen rates as lines of a configuration."""
    lines = [f"  {arm}: {{image_lr: {each.image_lr:g}, text_lr: {each.text_lr:g}}}" for arm, each in best.items()]
    return "\n".join(["chosen:", *lines])


def _spread(values: tuple[float, ...]) -> str:
    return f" ({100 * stdev(values):.1f})" if len(values) > 1 else ""
