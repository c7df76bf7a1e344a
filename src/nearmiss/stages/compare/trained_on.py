"""What the arms were trained on: for each method and type of negatives, real captions and their negatives."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from nearmiss.base.seeding import rng
from nearmiss.base.tables import readable
from nearmiss.stages.compare.marked import Marked, marked
from nearmiss.stages.compare.runs import Runs

NEGATIVES = "negatives.parquet"
EXAMPLES = 2
"""Examples of each type."""
TYPES = 8
"""Types of a method with examples; of more, the most frequent ones."""
_SHOWN = ("negative_id", "type", "concept", "operator", "positive", "negative", "edits")


@dataclass(frozen=True)
class TypeExamples:
    """One type of a method: its concepts and operators, its number of negatives, and examples."""

    name: str
    labels: str
    count: int
    examples: list[Marked]


@dataclass(frozen=True)
class MethodExamples:
    """A method, the arms that were trained on it, and its types, the most frequent one first."""

    method: str
    arms: list[str]
    types: list[TypeExamples]
    more: int
    """Types without examples."""


def tables(folders: Sequence[Path]) -> dict[str, Path]:
    """The table of negatives of each method that has one; of two folders of a method, the later one (a matched set)."""
    return {Path(folder).name: file for folder in folders if (file := Path(folder) / NEGATIVES).is_file()}


def trained_on(runs: Runs, folders: Sequence[Path]) -> list[MethodExamples]:
    """Examples of every method, sampled with a seed. Raises InputError for a damaged table."""
    by_method: dict[str, list[str]] = {}
    for arm in runs.arms:
        by_method.setdefault(str(runs.options(arm).get("method")), []).append(arm)
    return [_method(name, file, by_method.get(name, [])) for name, file in tables(folders).items()]


def _method(name: str, file: Path, arms: list[str]) -> MethodExamples:
    with readable(file, "negatives"):
        counts = pl.read_parquet(file, columns=["type"], glob=False)["type"].value_counts()
        counts = counts.sort(pl.col("count"), "type", descending=[True, False])
        chosen = {
            str(kind): sorted(rng(0, "trained on", name, str(kind)).sample(range(count), min(EXAMPLES, count)))
            for kind, count in counts.head(TYPES).iter_rows()
        }
        place = pl.col("type").cum_count().over("type") - 1
        wanted = pl.any_horizontal([(pl.col("type") == kind) & place.is_in(at) for kind, at in chosen.items()])
        rows = pl.scan_parquet(file, glob=False).select(_SHOWN).filter(wanted).collect() if chosen else None
    types = [
        TypeExamples(
            name=str(kind),
            labels="; ".join(dict.fromkeys(_labels(row) for row in mine if _labels(row))),
            count=count,
            examples=[marked(row["positive"], row["negative"], row["edits"]) for row in mine],
        )
        for kind, count in counts.head(TYPES).iter_rows()
        if rows is not None and (mine := rows.filter(type=kind).to_dicts())
    ]
    return MethodExamples(name, arms, types, max(0, counts.height - TYPES))


def _labels(row: dict[str, str | None]) -> str:
    return ", ".join(part for part in (row["concept"], row["operator"]) if part)
