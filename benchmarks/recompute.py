"""Recompute the values of a comparison from the raw scores, with nothing of nearmiss: polars and the standard library.

    python benchmarks/recompute.py results/world

Reads the similarities of every item (evaluate/<arm>/<seed>/scores.parquet), the truth of the items
(data/tables/items_<split>.parquet) and, for retrieval and zero-shot classification, which keep no similarities, the
outcome of each item. Compares the accuracies with the tables metrics of evaluate and of compare, the differences of two
arms with the table differences, and the headline values with metrics.json. Prints ten cells and the number of compared
cells of each table; exit status 1 if one differs.
"""

import json
import sys
from itertools import product
from pathlib import Path

import polars as pl

MARGIN = 1e-6  # similarities within this distance are a tie, which counts half
POOLED = ("1x2", "2x2")
BINDING = ("color", "size", "pattern")
EQUAL = 1e-9
KEY = ("benchmark", "subset", "concept", "operator", "condition", "task", "metric")

Cell = tuple[str, int, tuple[str | None, ...]]
"""Arm, seed, and the values of KEY."""


def decisions(truth: list[list[bool]], similarity: list[list[float]]) -> tuple[float, int]:
    """Correct decisions, and their number: in each row and each column, every true pair against every false one."""
    columns = [list(map(list, zip(*table, strict=True))) for table in (truth, similarity)]
    won, total = 0.0, 0
    for true, values in [*zip(truth, similarity, strict=True), *zip(*columns, strict=True)]:
        for right in (value for is_true, value in zip(true, values, strict=True) if is_true):
            for wrong in (value for is_true, value in zip(true, values, strict=True) if not is_true):
                won += 1.0 if right - wrong > MARGIN else 0.5 if abs(right - wrong) <= MARGIN else 0.0
                total += 1
    return won, total


def of_items(run: Path, items: dict[str, dict]) -> dict[Cell, float]:
    """Accuracies of the world's items of one run: by form and over both forms, for each concept and for binding."""
    counts: dict[Cell, list[float]] = {}
    scores = pl.read_parquet(run / "scores.parquet")
    for row in scores.filter(pl.col("item_id").is_in(list(items))).iter_rows(named=True):
        item = items[row["item_id"]]
        won, total = decisions(item["truth"], row["similarity"])
        subsets = [item["subset"], "+".join(POOLED)] if item["subset"] in POOLED else [item["subset"]]
        concepts = [item["concept"]]
        concepts += ["binding"] if item["operator"] == "swap" and item["concept"] in BINDING else []
        groups = [f"{item['condition']}, {name}: {item[name]}" for name in ("order", "wording") if item.get(name)]
        for subset, concept, condition in product(subsets, concepts, [item["condition"], *groups]):
            key = ("world", subset, concept, item["operator"], condition, None, "accuracy")
            count = counts.setdefault((row["arm"], row["seed"], key), [0.0, 0])
            count[0], count[1] = count[0] + won, count[1] + total
    return {cell: won / total for cell, (won, total) in counts.items()}


def of_outcomes(run: Path) -> dict[Cell, float]:
    """Every metric of retrieval and classification of one run, from the outcome of each image or caption."""
    rows = pl.read_parquet(run / "outcomes.parquet").filter(pl.col("benchmark").is_in(["retrieval", "classification"]))
    sums = rows.group_by(KEY).agg(value=pl.col("value").sum() / pl.col("weight").sum())
    return {(run.parent.name, int(run.name), row[:-1]): row[-1] for row in sums.select(*KEY, "value").iter_rows()}


def recomputed(results: Path, split: str) -> dict[Cell, float]:
    """The values of all runs of an experiment."""
    file = results / "data" / "tables" / f"items_{split}.parquet"
    items = {row["item_id"]: row for row in pl.read_parquet(file).iter_rows(named=True)} if file.is_file() else {}
    found: dict[Cell, float] = {}
    for run in sorted((results / "evaluate").glob("*/*")):
        found |= of_items(run, items) | of_outcomes(run)
    return found


def reported(table: Path) -> dict[Cell, float]:
    """The values of a table metrics."""
    rows = pl.read_parquet(table).filter(
        pl.col("model") != "blind", pl.col("stage") == "evaluate", pl.col("value").is_not_null()
    )
    return {(row[0], row[1], row[2:-1]): row[-1] for row in rows.select("arm", "seed", *KEY, "value").iter_rows()}


def headlines(results: Path, found: dict[Cell, float]) -> list[tuple[str, float, float]]:
    """Name, recomputed and reported value of the world's columns in metrics.json, in percent; medians over seeds."""
    shown = json.loads((results / "compare" / "metrics.json").read_text(encoding="utf-8"))
    rows = []
    for arm, columns in shown.items():
        for name, value in columns.items():
            cells = sorted(
                each
                for (mine, _, key), each in found.items()
                if mine == arm
                and key[:3] == ("world", "+".join(POOLED), name)
                and key[4] == "iid"
                and key[3] == {"relation": "reverse", "binding": "swap", "count": "recount"}.get(name, "replace")
            )
            if cells:
                middle = (cells[(len(cells) - 1) // 2] + cells[len(cells) // 2]) / 2
                rows.append((f"{arm}, {name}", round(100 * middle, 2), value))
    return rows


def gaps(results: Path, found: dict[Cell, float]) -> list[tuple[str, float, float]]:
    """Name, recomputed and reported difference of two arms in every cell that both have completely."""
    table = pl.read_parquet(results / "compare" / "tables" / "differences.parquet").filter(stage="evaluate")
    rows = []
    for row in table.iter_rows(named=True):
        pair = [found.get((arm, row["seed"], tuple(row[name] for name in KEY))) for arm in (row["arm"], row["control"])]
        if pair[0] is not None and pair[1] is not None:
            name = ", ".join(str(row[part]) for part in ("arm", "control", "seed", *KEY) if row[part] is not None)
            rows.append((name, pair[0] - pair[1], row["value"]))
    return rows


def main(results: Path, split: str = "test") -> int:
    """Compare all tables; returns the number of cells that differ."""
    found = recomputed(results, split)
    tables = {"compare/tables/metrics.parquet": reported(results / "compare" / "tables" / "metrics.parquet")}
    for run in sorted((results / "evaluate").glob("*/*")):
        tables[f"{run.relative_to(results)}/metrics.parquet"] = reported(run / "metrics.parquet")
    wrong = 0
    checks = {
        name: [(str(cell), found[cell], value) for cell, value in table.items() if cell in found]
        for name, table in tables.items()
    }
    checks["compare/tables/differences.parquet"] = gaps(results, found)
    shown = headlines(results, found)
    checks["compare/metrics.json"] = shown
    for name, value, given in shown[:: max(1, len(shown) // 10)][:10]:
        print(f"{name:<28}{value:>8.2f}{given:>8.2f}")
    for name, rows in checks.items():
        different = [row for row in rows if not abs(row[1] - row[2]) <= EQUAL]
        print(f"{name}: {len(rows)} cells compared, {len(different)} differ")
        for cell, value, given in different[:5]:
            print(f"  {cell}: recomputed {value!r}, reported {given!r}")
        wrong += len(different) + (not rows)
    return wrong


if __name__ == "__main__":
    sys.exit(1 if main(Path(sys.argv[1]), *sys.argv[2:3]) else 0)
