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
_CONCEPTS = ("relation", "color", "size", "pattern", "object", "location", "count")


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
        kind = "binding: " if self.operator == "swap" and self.concept in BINDING else ""
        return f"{kind}{self.concept}, {self.operator}" + (f", {condition}" if condition else "")


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
    """Pooled single decisions of every concept, operator and condition."""
    metrics = runs.metrics().filter(
        pl.col("model") != "blind",
        pl.col("benchmark") == "world",
        pl.col("subset") == POOLED,
        pl.col("metric") == "accuracy",
        pl.col("concept") != "binding",  # its parts stand here, a row each
    )
    values: dict[tuple[str, Row], Mark] = {}
    keys = ("concept", "operator", "condition")
    for (arm, *key), group in metrics.group_by("arm", *keys, maintain_order=True):
        row = Row(*(str(part) for part in key))
        values[str(arm), row] = Mark(median(group["value"].to_list()), group["chance"][0], group["trained"][0])
    rows = sorted({row for _, row in values}, key=_order)
    return Cells(rows, values)


def _order(row: Row) -> tuple[bool, bool, int, str, str, int, str]:
    """Relation, then binding, then the rest by concept; iid before the other conditions."""
    concept = _CONCEPTS.index(row.concept) if row.concept in _CONCEPTS else len(_CONCEPTS)
    conditions = list(CONDITIONS)
    condition = conditions.index(row.condition) if row.condition in conditions else len(conditions)
    first, second = row.concept != "relation", row.operator != "swap"
    return (first, second, concept, row.concept, row.operator, condition, row.condition)
