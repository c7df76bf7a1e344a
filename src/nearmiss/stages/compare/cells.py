"""The matrix of training arm by evaluated cell, each marked seen, concept or unseen."""

from dataclasses import dataclass
from statistics import median

import polars as pl

from nearmiss.engine.benchmarks.spec import BINDING, POOLED
from nearmiss.stages.compare.runs import Runs

CONDITIONS = {
    "iid": "",
    "new_pair": "new color and shape",
    "new_relation": "new relation",
    "new_wording": "new wording",
    "more_objects": "more things",
}
_CONCEPTS = ("relation", "binding", "color", "size", "object", "location", "count")


@dataclass(frozen=True)
class Row:
    """One evaluated cell: a concept under an operator in a condition."""

    concept: str
    operator: str
    condition: str

    @property
    def text(self) -> str:
        """How it is called in figures and tables."""
        condition = CONDITIONS.get(self.condition, self.condition)
        return f"{self.concept}, {self.operator}" + (f", {condition}" if condition else "")


@dataclass(frozen=True)
class Mark:
    """An arm's figure in a cell: the median over seeds, and how near the cell is to its negatives."""

    value: float
    chance: float
    trained: str | None


@dataclass(frozen=True)
class Cells:
    """Rows in reading order, and what each arm reached in them."""

    rows: list[Row]
    values: dict[tuple[str, Row], Mark]


def cells(runs: Runs) -> Cells:
    """Pooled single decisions of every concept, operator and condition; binding as one concept."""
    metrics = runs.metrics().filter(
        pl.col("model") != "blind",
        pl.col("benchmark") == "world",
        pl.col("subset") == POOLED,
        pl.col("metric") == "accuracy",
        ~((pl.col("operator") == "swap") & pl.col("concept").is_in(BINDING)),
    )
    values: dict[tuple[str, Row], Mark] = {}
    keys = ("concept", "operator", "condition")
    for (arm, *key), group in metrics.group_by("arm", *keys, maintain_order=True):
        row = Row(*(str(part) for part in key))
        values[str(arm), row] = Mark(median(group["value"].to_list()), group["chance"][0], group["trained"][0])
    rows = sorted({row for _, row in values}, key=_order)
    return Cells(rows, values)


def _order(row: Row) -> tuple[int, str, str, int, str]:
    concept = _CONCEPTS.index(row.concept) if row.concept in _CONCEPTS else len(_CONCEPTS)
    conditions = list(CONDITIONS)
    condition = conditions.index(row.condition) if row.condition in conditions else len(conditions)
    return (concept, row.concept, row.operator, condition, row.condition)
