"""Two models on the same items: paired differences, tests over clusters of images, and Holm's adjustment."""

from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.base.manifest import verify_written
from nearmiss.base.outputs import OutputFile
from nearmiss.base.tables import read_table
from nearmiss.engine.scoring.endpoints import endpoints
from nearmiss.engine.scoring.statistics import ALPHA, holm, paired_intervals, sign_flip
from nearmiss.stages.evaluate.stage import MEASUREMENT, OUTCOMES

COMPARED = ("score", "accuracy", "recall@1", "top1")
"""Metrics that are compared: of each kind of benchmark the one that it reports first."""
RESAMPLES, LEVEL, FLIPS = 1000, 0.95, 10_000
_WIDTH = 80


def paired(one: Path, other: Path, *, tested: Sequence[str], out: Path | None) -> str:
    """A table of `other` minus `one` in points per endpoint, over the items that both scored; written to `out` too.

    Only the endpoints `tested` (BENCHMARK/SUBSET) have a p-value, adjusted together as one family. Raises InputError
    where the folders share no scored item or were scored on other files or by other rules, or an endpoint is unknown.
    """
    target = None if out is None else OutputFile(out, inputs=[one / OUTCOMES, other / OUTCOMES])
    verify_written(file for folder in (one, other) for file in sorted(Path(folder).glob("*")))
    _refuse_other_items(one, other)
    rows = [_row(name, items) for name, items in _shared(one, other).items()]
    names = [row["endpoint"] for row in rows]
    unknown = [name for name in tested if name not in names]
    if unknown:
        raise InputError(f"no endpoint is called {', '.join(unknown)}", remedy=f"name some of: {', '.join(names)}")
    adjusted = dict(zip(tested, holm([rows[names.index(name)]["p"] for name in tested]), strict=True))
    table = pl.DataFrame(rows).with_columns(
        pl.when(pl.col("endpoint").is_in(list(tested))).then("p").alias("p"),
        pl.col("endpoint").replace_strict(adjusted, default=None, return_dtype=pl.Float64).alias("p_holm"),
    )
    if target is not None:
        with target as partial:
            table.write_parquet(partial, statistics=False)
    return _printed(table, tested)


def _refuse_other_items(one: Path, other: Path) -> None:
    """Items of one id are the same only where the files that they were read from are the same."""
    files_of = [Path(folder) / MEASUREMENT for folder in (one, other)]
    if not all(file.is_file() for file in files_of):
        return
    first, second = map(read_json, files_of)
    if first["released"] != second["released"]:
        raise InputError(
            "the two folders follow different rules of ties and subsets",
            file=other,
            record="released",
            remedy="evaluate both with --released true, or neither",
        )
    for name, described in first["benchmarks"].items():
        files, others = described["files"], second["benchmarks"].get(name, {}).get("files", {})
        changed = sorted(file for file in files.keys() & others.keys() if files[file] != others[file])
        if changed:
            raise InputError(
                f"the two folders were scored on different versions of benchmark {name}",
                file=other,
                record=", ".join(changed[:3]),
                remedy="evaluate both on the same files",
            )


def _shared(one: Path, other: Path) -> dict[str, pl.DataFrame]:
    """The items of each endpoint that both models scored, with the outcomes of each, by the endpoint's name."""
    tables = [read_table(Path(folder) / OUTCOMES, "outcomes") for folder in (one, other)]
    first, second = (table.filter(pl.col("metric").is_in(COMPARED)) for table in tables)
    others = dict(endpoints(second))
    found = {}
    for key, items in endpoints(first):
        if key in others:
            both = items.join(others[key].select("item_id", other=pl.col("value") / pl.col("weight")), on="item_id")
            if not both.is_empty():
                benchmark, subset, concept, operator, condition, task, _ = key
                single = (concept, operator, condition) if items["metric"][0] == "accuracy" else ()
                name = "/".join(part for part in (benchmark, subset, *single, task) if part)
                found[name] = both.with_columns(one=pl.col("value") / pl.col("weight"))
    if not found:
        raise InputError("the two folders share no scored item", file=other, remedy="evaluate the same benchmarks")
    return found


def _row(name: str, items: pl.DataFrame) -> dict[str, Any]:
    cluster, weight = items["cluster"].to_numpy(), items["weight"].to_numpy()
    one, two = (items[column].to_numpy() for column in ("one", "other"))
    difference = ((two - one) * weight)[None, :]
    low, high = paired_intervals(difference, weight, cluster, resamples=RESAMPLES, level=LEVEL, names=(name,))
    p = sign_flip(difference, cluster, flips=FLIPS, names=(name,))
    shares = [float(np.average(each, weights=weight)) for each in (one, two)]
    return {
        "endpoint": name,
        "one": shares[0],
        "other": shares[1],
        "difference": shares[1] - shares[0],
        "low": float(low[0]),
        "high": float(high[0]),
        "p": float(p[0]),
        "items": items.height,
        "clusters": int(items["cluster"].n_unique()),
    }


def _printed(table: pl.DataFrame, tested: Sequence[str]) -> str:
    shown = Table(box=None, pad_edge=False, width=_WIDTH)
    shown.add_column("endpoint", overflow="fold")
    for column in ("one", "other", "difference", "p (Holm)", "items"):
        shown.add_column(column, justify="right", no_wrap=True)
    for row in table.iter_rows(named=True):
        p = "" if row["p_holm"] is None else f"{row['p_holm']:.4f}" + ("" if row["p_holm"] < ALPHA else " n.s.")
        difference = f"{100 * row['difference']:+.1f} [{100 * row['low']:+.1f}, {100 * row['high']:+.1f}]"
        shown.add_row(
            Text(row["endpoint"]),
            f"{100 * row['one']:.1f}",
            f"{100 * row['other']:.1f}",
            difference,
            p,
            f"{row['items']:,}",
        )
    console = Console(width=_WIDTH, record=True, file=StringIO(), color_system=None)
    console.print(shown)
    console.print(
        f"other minus one in points, intervals of {LEVEL:.0%} over images; one checkpoint each, so nothing follows for "
        "other seeds: exploratory. "
        + (
            f"Endpoints tested together: {len(tested)}."
            if tested
            else "No endpoint was named in advance, so none is tested."
        )
    )
    return console.export_text()
