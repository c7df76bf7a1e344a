"""The columns of a comparison and their metrics, for the terminal and the page.

A column is one endpoint, declared by a benchmark as a headline. With one seed a cell is that run's metric and its
interval over items; with several it is the median over seeds, with the metric of each seed.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.engine.benchmarks.benchmark import Card
from nearmiss.engine.benchmarks.registry import reader
from nearmiss.engine.benchmarks.spec import BENCHMARKS, MEAN
from nearmiss.stages.compare.runs import Runs

BASE = "base"
"""The arm from which the others continue."""
WITHOUT_HEADLINE = ("score", "accuracy", "auroc", "recall@1", "top1")
"""The metrics of a benchmark that declares no headline; the first one that exists is used."""
_SHORT = 10  # characters of a column's name in the terminal


@dataclass(frozen=True)
class Column:
    """A column: its name, title, description, and the endpoint that it shows."""

    name: str
    title: str
    description: str
    where: Mapping[str, str | float]
    """Columns of table `metrics` and their values, which select one row of a run."""
    short: str = ""
    """The title in the terminal."""
    cost: bool = False
    """Whether it shows a possible cost of negatives instead of an intended gain."""

    @property
    def benchmark(self) -> str:
        """The benchmark that it belongs to, empty for a downstream task."""
        return str(self.where.get("benchmark", ""))


@dataclass(frozen=True)
class Cell:
    """A metric of one arm: the median over seeds, the value of each seed, and with one seed its interval over items."""

    value: float
    by_seed: dict[int, float]
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Overview:
    """Metrics of every arm: cells[arm][column name], and chance, the best blind baseline and n of each column."""

    columns: list[Column]
    cells: dict[str, dict[str, Cell]]
    chance: dict[str, float | None]
    blind: dict[str, float | None]
    n: dict[str, tuple[int, int]]
    """Scored and expected items of the run with the fewest."""
    incomplete: frozenset[str] = field(default_factory=frozenset)
    """Names of the columns whose benchmark lacks items, images, files or records in a run."""

    @property
    def main(self) -> Column | None:
        """The first column that is not a cost, or the first of all."""
        return next((column for column in self.columns if not column.cost), next(iter(self.columns), None))


def card(benchmark: str) -> Card | None:
    """The card of a benchmark; None for a name that is not in the registry."""
    try:
        return reader(benchmark).card
    except InputError:
        return None


def in_order(benchmarks: set[str]) -> list[str]:
    """Benchmarks in the order of the registry, unknown ones last."""
    known = list(BENCHMARKS)
    return sorted(benchmarks, key=lambda name: (known.index(name) if name in known else len(known), name))


def columns(metrics: pl.DataFrame) -> list[Column]:
    """The columns of the benchmarks that occur in rows of table `metrics`: their headlines.

    A benchmark without a headline has one column, its mean or its only subset. A benchmark that reports only concepts
    has one column per concept, and only if no other benchmark has columns.
    """
    models = metrics.filter(pl.col("model") != "blind")
    names = in_order(set(models["benchmark"].drop_nulls()))
    found = [column for name in names for column in _declared(name, models.filter(benchmark=name))]
    if not found:
        found = [column for name in names for column in _of_concepts(name, models.filter(benchmark=name))]
    return _with_distinct_titles(found)


def _declared(benchmark: str, metrics: pl.DataFrame) -> list[Column]:
    known = card(benchmark)
    if known is not None and known.headline:
        declared = [
            Column(each.name, each.title, each.description, each.where, each.short or each.title, each.cost)
            for each in known.headline
        ]
        return [column for column in declared if not rows_of(metrics, column).is_empty()]
    for metric in WITHOUT_HEADLINE:
        rows = metrics.filter(pl.col("metric") == metric)
        subsets = sorted(set(rows["subset"].drop_nulls()))
        if MEAN not in subsets and len(subsets) != 1:
            continue
        subset = MEAN if MEAN in subsets else subsets[0]
        where: dict[str, str | float] = {"benchmark": benchmark, "subset": subset, "metric": metric}
        description = f"{'' if known is None else f'{known.paper}: '}{metric}" + (
            ", mean over subsets" if subset == MEAN else ""
        )
        column = Column(benchmark, benchmark, description, where, benchmark)
        if not rows_of(rows, column).select("arm", "seed").is_duplicated().any():
            return [column]
    return []


def _of_concepts(benchmark: str, metrics: pl.DataFrame) -> list[Column]:
    rows = metrics.filter(pl.col("metric") == "accuracy", pl.col("concept").is_not_null())
    rows = rows.filter(pl.col("condition").eq_missing(rows["condition"].drop_nulls().unique().sort().head(1)))
    keys = ("subset", "concept", "operator", "condition")
    found = []
    for values in rows.select(keys).unique().sort(keys).iter_rows():
        where = {"benchmark": benchmark, **dict(zip(keys, values, strict=True)), "metric": "accuracy"}
        where = {name: value for name, value in where.items() if value is not None}
        title = where["concept"]
        text = f"{benchmark}: {', '.join(str(value) for value in values[:3] if value is not None)}"
        found.append(Column(text, title, text, where, title))
    return found


def _with_distinct_titles(found: Sequence[Column]) -> list[Column]:
    """The columns, with the benchmark's name added to duplicate names and titles."""
    names, titles, shorts = (Counter(getattr(each, part) for each in found) for part in ("name", "title", "short"))
    return [
        replace(
            each,
            name=f"{each.benchmark}/{each.name}" if names[each.name] > 1 else each.name,
            title=f"{each.benchmark}: {each.title}" if titles[each.title] > 1 else each.title,
            short=f"{each.benchmark[:_SHORT]} {each.short}" if shorts[each.short] > 1 else each.short,
        )
        for each in found
    ]


def overview(runs: Runs) -> Overview:
    """The metrics of every evaluated arm in the columns of the benchmarks."""
    metrics = runs.metrics().filter(pl.col("model") != "blind")
    return filled_overview(metrics, columns(metrics), runs.arms, runs.incomplete())


def filled_overview(
    metrics: pl.DataFrame, candidates: Sequence[Column], arms: Sequence[str], incomplete: Sequence[str] = ()
) -> Overview:
    """Metrics of `arms` in the columns for which `metrics` (rows of models only) has values.

    `incomplete` lists benchmarks that a run did not score completely.
    """
    scored = metrics.filter(pl.col("value").is_not_null())
    kept = [column for column in candidates if not rows_of(scored, column).is_empty()]
    cells: dict[str, dict[str, Cell]] = {arm: {} for arm in arms}
    chance, blind, n, lacking = {}, {}, {}, set()
    for column in kept:
        rows = rows_of(scored, column)
        chance[column.name], blind[column.name] = _first(rows["chance"]), _first(rows["blind"])
        least = rows_of(metrics, column).sort("n_scored")
        n[column.name] = (int(least["n_scored"][0]), int(least["n_expected"].to_numpy().max()))
        if column.benchmark in incomplete or n[column.name][0] < n[column.name][1]:
            lacking.add(column.name)
        for arm in arms:
            mine = rows.filter(pl.col("arm") == arm)
            if not mine.is_empty():
                cells[arm][column.name] = cell(mine)
    return Overview(kept, cells, chance, blind, n, frozenset(lacking))


def _first(values: pl.Series) -> float | None:
    known = values.drop_nulls()
    return None if known.is_empty() else float(known[0])


def cell(rows: pl.DataFrame) -> Cell:
    """One arm's metric from its rows of one endpoint, one row per seed."""
    by_seed = {int(seed): float(value) for seed, value in rows.select("seed", "value").sort("seed").iter_rows()}
    single = rows.height == 1
    return Cell(
        value=median(by_seed.values()),
        by_seed=by_seed,
        low=rows["low"][0] if single else None,
        high=rows["high"][0] if single else None,
    )


def rows_of(frame: pl.DataFrame, column: Column) -> pl.DataFrame:
    """The rows of `metrics` or `differences` of a column: one per run."""
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


def gains(differences: pl.DataFrame, candidates: Sequence[Column]) -> list[Gain]:
    """Gains in every column, in the order of the columns and then of the table."""
    found = []
    for column in candidates:
        rows = rows_of(differences, column)
        for (arm, control), group in rows.group_by("arm", "control", maintain_order=True):
            by_seed = {
                int(row["seed"]): (row["value"], row["low"], row["high"], row["p"])
                for row in group.sort("seed").iter_rows(named=True)
            }
            found.append(Gain(str(arm), str(control), column, median(v[0] for v in by_seed.values()), by_seed))
    return found


def compared_arms(shown: Overview, controls: Sequence[str]) -> list[str]:
    """Every arm that is neither the base nor a control: in an experiment, those with hard negatives."""
    return [arm for arm in shown.cells if arm != BASE and arm not in controls]


def points(share: float) -> str:
    """A difference in percentage points, with its sign."""
    return f"{100 * share:+.1f}"


def percent(share: float | None) -> str:
    """A share in percent; a dash if there is none."""
    return "-" if share is None else f"{100 * share:.1f}"


def p_text(p: float) -> str:
    """p as formatted in papers."""
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"
