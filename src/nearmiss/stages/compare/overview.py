"""The headline columns and their figures: what the terminal and the page both show.

A column is one endpoint. With one seed a cell is that run's figure and its interval over items; with several it is the
median over seeds, and every seed's figure is kept beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import polars as pl

from nearmiss.engine.benchmarks.spec import POOLED
from nearmiss.engine.scoring.classes import MEAN
from nearmiss.stages.compare.runs import Runs


@dataclass(frozen=True)
class Column:
    """One headline column: how it is called, what it means, and which endpoint it shows."""

    name: str
    title: str
    meaning: str
    where: dict[str, str | float]
    cost: bool = False
    """Whether it stands for what hard negatives may cost, not for what they buy."""


def _concept(name: str, concept: str, operator: str, meaning: str) -> Column:
    where: dict[str, str | float] = {
        "benchmark": "world",
        "subset": POOLED,
        "concept": concept,
        "operator": operator,
        "condition": "iid",
        "metric": "accuracy",
    }
    return Column(name, concept, meaning, where)


def _recall(name: str, title: str, direction: str, meaning: str) -> Column:
    return Column(
        name, title, meaning, {"benchmark": "retrieval", "subset": direction, "metric": "recall@1"}, cost=True
    )


COLUMNS = (
    _concept("relation", "relation", "reverse", "which of two things is left of, right of, above or below the other"),
    _concept("binding", "binding", "swap", "which of two present values belongs to which thing"),
    _concept("color", "color", "replace", "a color against one that is absent"),
    _concept("size", "size", "replace", "a size against one that is absent"),
    _concept("object", "object", "replace", "a shape against one that is absent"),
    _concept("location", "location", "replace", "where in the picture one thing is"),
    _concept("count", "count", "recount", "how many things there are"),
    _recall("t2i", "R@1 text→image", "text_to_image", "a broad caption finds an image that it is true of"),
    _recall("i2t", "R@1 image→text", "image_to_text", "an image finds a broad caption that is true of it"),
    Column(
        "zero_shot",
        "zero-shot",
        "zero-shot classification, mean over tasks",
        {"benchmark": "classification", "task": MEAN, "metric": "top1"},
        cost=True,
    ),
)
MAIN = COLUMNS[0]


@dataclass(frozen=True)
class Cell:
    """A figure of one arm: the median over seeds, each seed's own, and with one seed its interval over items."""

    value: float
    by_seed: dict[int, float]
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Overview:
    """Headline figures: cells[arm][column name], and what chance, a blind scorer and n are for each column."""

    columns: list[Column]
    cells: dict[str, dict[str, Cell]]
    chance: dict[str, float]
    blind: dict[str, float]
    n: dict[str, tuple[int, int]]
    """Scored and expected questions of one run."""


def overview(runs: Runs) -> Overview:
    """The headline columns that the evaluations have figures for."""
    return figures(runs.metrics().filter(pl.col("model") != "blind"), COLUMNS, runs.arms)


def figures(metrics: pl.DataFrame, asked: Sequence[Column], arms: Sequence[str]) -> Overview:
    """Figures of `arms` in those of the columns that `metrics` (rows of models alone) has rows for."""
    columns = [column for column in asked if not rows_of(metrics, column).is_empty()]
    cells: dict[str, dict[str, Cell]] = {arm: {} for arm in arms}
    chance, blind, n = {}, {}, {}
    for column in columns:
        rows = rows_of(metrics, column)
        chance[column.name], blind[column.name] = float(rows["chance"][0]), float(rows["blind"][0])
        n[column.name] = (int(rows["n_scored"].to_numpy().min()), int(rows["n_expected"].to_numpy().max()))
        for arm in arms:
            mine = rows.filter(pl.col("arm") == arm)
            if not mine.is_empty():
                cells[arm][column.name] = cell(mine)
    return Overview(columns, cells, chance, blind, n)


def cell(rows: pl.DataFrame) -> Cell:
    """One arm's figure from its rows of one endpoint, a row a seed."""
    by_seed = {int(seed): float(value) for seed, value in rows.select("seed", "value").sort("seed").iter_rows()}
    single = rows.height == 1
    return Cell(
        value=median(by_seed.values()),
        by_seed=by_seed,
        low=rows["low"][0] if single else None,
        high=rows["high"][0] if single else None,
    )


def rows_of(frame: pl.DataFrame, column: Column) -> pl.DataFrame:
    """The rows of `metrics` or `differences` that a column shows: one a run."""
    return frame.filter(*[pl.col(name) == value for name, value in column.where.items()])


@dataclass(frozen=True)
class Gain:
    """An arm's paired difference to a control in one column: per seed with interval and p, and the median."""

    arm: str
    control: str
    column: Column
    value: float
    by_seed: dict[int, tuple[float, float, float, float | None]]
    """seed -> value, low, high, Holm-adjusted p."""


def gains(differences: pl.DataFrame, columns: Sequence[Column]) -> list[Gain]:
    """Gains in every column, in the order of the columns and then of the table."""
    found = []
    for column in columns:
        rows = rows_of(differences, column)
        for (arm, control), group in rows.group_by("arm", "control", maintain_order=True):
            by_seed = {
                int(row["seed"]): (row["value"], row["low"], row["high"], row["p"])
                for row in group.sort("seed").iter_rows(named=True)
            }
            found.append(Gain(str(arm), str(control), column, median(v[0] for v in by_seed.values()), by_seed))
    return found
