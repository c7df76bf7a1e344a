"""Two models on the same items of published benchmarks: paired differences, tests by image, Holm's adjustment."""

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
from nearmiss.engine.scoring.figures import LEVEL, RESAMPLES, clusters_of
from nearmiss.engine.scoring.statistics import holm, paired_intervals, sign_flip

SCORES, TOLD = "scores.parquet", "metrics.json"
FLIPS = 10_000
_WIDTH, _ALPHA = 80, 0.05


def compared(one: Path, other: Path, *, endpoints: Sequence[str], out: Path | None) -> str:
    """A table of `other` minus `one` in points for each part, over the items that both scored; written to `out` too.

    Only `endpoints` (BENCHMARK/PART) are tested, together as one family: p is Holm's. Raises InputError where the
    folders share no scored item or were scored on other files or by other rules, or an endpoint is none of the parts.
    """
    target = None if out is None else OutputFile(out, inputs=[one / SCORES, other / SCORES])
    verify_written(file for folder in (one, other) for file in sorted(Path(folder).glob("*")))
    _refuse_other_questions(one, other)
    both = _paired(one, other)
    parts = [
        f"{benchmark}/{part}"
        for benchmark, part in both.select("benchmark", "part").unique(maintain_order=True).iter_rows()
    ]
    unknown = [name for name in endpoints if name not in parts]
    if unknown:
        raise InputError(f"no part is called {', '.join(unknown)}", remedy=f"name some of: {', '.join(parts)}")
    rows = [_row(name, both.filter(pl.concat_str("benchmark", "part", separator="/") == name)) for name in parts]
    adjusted = dict(zip(endpoints, holm([rows[parts.index(name)]["p"] for name in endpoints]), strict=True))
    table = pl.DataFrame(rows).with_columns(
        pl.when(pl.col("part").is_in(list(endpoints))).then("p").alias("p"),
        pl.col("part").replace_strict(adjusted, default=None, return_dtype=pl.Float64).alias("p_holm"),
    )
    if target is not None:
        with target as partial:
            table.write_parquet(partial, statistics=False)
    return _printed(table, endpoints)


def _refuse_other_questions(one: Path, other: Path) -> None:
    """Items of one id are the same question only where the files that they were read from are the same."""
    files_of = [Path(folder) / TOLD for folder in (one, other)]
    if not all(file.is_file() for file in files_of):
        return
    first, second = map(read_json, files_of)
    if first["as_published"] != second["as_published"]:
        raise InputError(
            "the two folders follow different rules of ties and subsets",
            file=other,
            record="as_published",
            remedy="evaluate both with --as-published, or neither",
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


def _paired(one: Path, other: Path) -> pl.DataFrame:
    """The items that both models scored, with the answers of each."""
    first, second = (_read(folder) for folder in (one, other))
    both = first.join(second.select("item_id", other="score"), on="item_id").drop_nulls(["score", "other"])
    if both.is_empty():
        raise InputError("the two folders share no scored item", file=other, remedy="evaluate the same benchmarks")
    return both


def _read(folder: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(
            Path(folder) / SCORES, columns=["item_id", "benchmark", "part", "images", "weight", "score"], glob=False
        )
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(
            f"the folder holds no scores of benchmarks: {error}",
            file=folder,
            remedy="give one that nearmiss evaluate --model made",
        ) from None


def _row(name: str, items: pl.DataFrame) -> dict[str, Any]:
    cluster, weight = clusters_of(items["images"]).to_numpy(), items["weight"].to_numpy()
    answers = [items[column].cast(pl.Float64).to_numpy() for column in ("score", "other")]
    difference = ((answers[1] - answers[0]) * weight)[None, :]
    low, high = paired_intervals(difference, weight, cluster, resamples=RESAMPLES, level=LEVEL, names=(name,))
    p = sign_flip(difference, cluster, flips=FLIPS, names=(name,))
    shares = [float(np.average(answer, weights=weight)) for answer in answers]
    return {
        "part": name,
        "one": shares[0],
        "other": shares[1],
        "difference": shares[1] - shares[0],
        "low": float(low[0]),
        "high": float(high[0]),
        "p": float(p[0]),
        "items": items.height,
        "images": int(cluster.max()) + 1,
    }


def _printed(table: pl.DataFrame, endpoints: Sequence[str]) -> str:
    shown = Table(box=None, pad_edge=False, width=_WIDTH)
    shown.add_column("part", overflow="fold")
    for column in ("one", "other", "difference", "p (Holm)", "items"):
        shown.add_column(column, justify="right", no_wrap=True)
    for row in table.iter_rows(named=True):
        p = "" if row["p_holm"] is None else f"{row['p_holm']:.4f}" + ("" if row["p_holm"] < _ALPHA else " n.s.")
        difference = f"{100 * row['difference']:+.1f} [{100 * row['low']:+.1f}, {100 * row['high']:+.1f}]"
        shown.add_row(
            Text(row["part"]),
            f"{100 * row['one']:.1f}",
            f"{100 * row['other']:.1f}",
            difference,
            p,
            f"{row['items']:,}",
        )
    console = Console(width=_WIDTH, record=True, file=StringIO(), color_system=None)
    console.print(shown)
    console.print(
        f"other minus one in points, intervals of {LEVEL:.0%} over images; one checkpoint each, so nothing is said of "
        "other seeds: exploratory. "
        + (
            f"Endpoints tested together: {len(endpoints)}."
            if endpoints
            else "No endpoint was named, so none is tested."
        )
    )
    return console.export_text()
