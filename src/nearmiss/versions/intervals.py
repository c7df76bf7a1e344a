"""Compares two tables of the same metrics: which values are outside of each other's intervals."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from nearmiss.base.tables import SCHEMAS, read_table

# Key columns; the others are measured values.
_MEASURED = ("value", "low", "high", "n_scored", "n_expected", "ties", "chance", "blind", "trained")
KEYS = [name for name in SCHEMAS["metrics"].names() if name not in _MEASURED]
# Tolerance for rounding.
_EXACT = 1e-9


@dataclass(frozen=True)
class Agreement:
    """Counts of values that are in both tables, and the names of those that do not agree."""

    compared: int
    different: int
    without_interval: int  # different values without an interval in either table
    outside: list[str]
    missing: list[str]  # in one table only, or of another number of items

    @property
    def holds(self) -> bool:
        return not self.outside and not self.missing


def agreement(there: Path, here: Path) -> Agreement:
    """Compare the values of two `metrics` tables.

    Two values agree if one of them is in the other's interval (our choice): near 0 and 1 a bootstrap interval may be a
    single point, and two runs of the same configuration would otherwise disagree because of one item.
    """
    one, two = (read_table(path, "metrics") for path in (there, here))
    both = one.join(two, on=KEYS, how="full", nulls_equal=True, coalesce=True, suffix="_here", maintain_order="left")
    lacking = pl.col("value").is_null() | pl.col("value_here").is_null()
    counted = (pl.col("n_scored") == pl.col("n_scored_here")) & (pl.col("n_expected") == pl.col("n_expected_here"))
    missing = both.filter(lacking | ~counted)
    pairs = both.filter(~lacking & counted).with_columns(
        same=(pl.col("value") - pl.col("value_here")).abs() <= _EXACT,
        inside=_within("value_here", "low", "high") | _within("value", "low_here", "high_here"),
    )
    different = pairs.filter(~pl.col("same"))
    return Agreement(
        compared=pairs.height,
        different=different.height,
        without_interval=different.filter(pl.col("inside").is_null()).height,
        outside=[_text(row) for row in different.filter(~pl.col("inside")).iter_rows(named=True)],
        missing=[_name(row) for row in missing.iter_rows(named=True)],
    )


def _within(value: str, low: str, high: str) -> pl.Expr:
    return (pl.col(value) >= pl.col(low) - _EXACT) & (pl.col(value) <= pl.col(high) + _EXACT)


def _name(row: dict[str, object]) -> str:
    """The name of a value: the non-null columns of its key, without the model."""
    return "/".join(str(row[key]) for key in KEYS if row[key] is not None and key not in ("model", "stage"))


def _text(row: dict[str, object]) -> str:
    def figure(suffix: str) -> str:
        value, low, high = (row[f"{name}{suffix}"] for name in ("value", "low", "high"))
        return f"{value:.3f} [{low:.3f}, {high:.3f}]"

    return f"{_name(row)}: {figure('')} there, {figure('_here')} here"
