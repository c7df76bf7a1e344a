"""Matched samples of the negatives of several methods: equal counts by concept and in-scene share.

Methods differ in the number of negatives per concept and in the share with a new word that is in the scene, which are
harder. Matched samples remove these two differences from a comparison of methods (our choice).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.files import write_json
from nearmiss.base.manifest import verify_inputs, write_manifest
from nearmiss.base.outputs import OutputFolder
from nearmiss.base.seeding import derive
from nearmiss.base.tables import read_table, write_table

_CELL = ["concept", "foil_in_scene"]


def draw(*, negatives: Sequence[Path], out: Path, seed: int = 0) -> str:
    """Write `out`/METHOD/negatives.parquet for each of the sets, and `out`/summary.json; return the counts as lines.

    Each sample has, for every (concept, foil_in_scene), as many rows as the smallest set. The draw of a row depends
    only on the seed and its id. Raises `InputError` if fewer than two sets are given, two are of one method, or they
    have no concept in common.
    """
    target = OutputFolder(out, inputs=negatives)
    sets = read_sets(negatives)
    inputs = verify_inputs({name: path for name, (path, _) in sets.items()})
    drawn = matched({name: frame for name, (_, frame) in sets.items()}, seed)
    cells = next(iter(drawn.values())).group_by(_CELL).len("n").sort(_CELL)
    if not cells.height:
        raise InputError("the sets have no concept in common", remedy="give sets of methods that share one")
    with target as folder:
        for name, frame in drawn.items():
            write_table(frame, folder / name / "negatives.parquet", "negatives")
        summary = {"sets": {name: frame.height for name, (_, frame) in sets.items()}, "cells": cells.to_dicts()}
        write_json(folder / "summary.json", summary)
        outputs = [*(f"{name}/negatives.parquet" for name in drawn), "summary.json"]
        write_manifest(folder, stage="negatives", fingerprint=None, inputs=inputs, outputs=outputs)
    return "\n".join(_lines(summary, drawn))


def matched(sets: dict[str, pl.DataFrame], seed: int) -> dict[str, pl.DataFrame]:
    """A sample of each set with equally many rows in every cell of concept and foil_in_scene; rows keep their order."""
    counts = [frame.group_by(_CELL).len() for frame in sets.values()]
    # Only cells that every set has are used; the smallest set determines the number of rows.
    fewest = pl.concat(counts).group_by(_CELL).agg(pl.col("len").min().alias("n"), pl.len().alias("sets"))
    fewest = fewest.filter(pl.col("sets") == len(sets)).drop("sets")
    return {name: _sample(frame, fewest, name, seed) for name, frame in sets.items()}


def _sample(frame: pl.DataFrame, fewest: pl.DataFrame, name: str, seed: int) -> pl.DataFrame:
    keys = [derive(seed, "matched", name, negative_id) for negative_id in frame["negative_id"]]
    keyed = frame.with_columns(pl.Series("key", keys, dtype=pl.Int64)).with_row_index("row")
    keyed = keyed.join(fewest, on=_CELL, how="inner", nulls_equal=True).sort("key", "negative_id")
    chosen = keyed.filter(pl.int_range(pl.len()).over(_CELL) < pl.col("n"))
    return chosen.sort("row").select(frame.columns)


def read_sets(paths: Sequence[Path]) -> dict[str, tuple[Path, pl.DataFrame]]:
    """The file and the table of each set by the name of its method.

    Raises `InputError` for fewer than two sets, an empty one, and two of one method.
    """
    if len(paths) < 2:
        raise InputError("matching needs at least two sets", remedy="give two or more sets of negatives")
    found: dict[str, tuple[Path, pl.DataFrame]] = {}
    for path in paths:
        file = Path(path) / "negatives.parquet" if Path(path).is_dir() else Path(path)
        frame = read_table(file, "negatives")
        if not frame.height:
            raise InputError("a set has no negatives", file=file, remedy="leave it out")
        name = str(frame["method"][0])
        if name in found:
            raise InputError(f"two sets are of method '{name}'", file=file, remedy="give each method once")
        found[name] = file, frame
    return found


def _lines(summary: dict[str, Any], drawn: dict[str, pl.DataFrame]) -> list[str]:
    lines = [f"{'concept':<16}{'word in scene':<16}{'each':>8}"]
    for cell in summary["cells"]:
        seen = {True: "yes", False: "no", None: "unknown"}[cell["foil_in_scene"]]
        lines.append(f"{cell['concept'] or '-':<16}{seen:<16}{cell['n']:>8}")
    sizes = ", ".join(f"{name} {frame.height} of {summary['sets'][name]}" for name, frame in drawn.items())
    return [*lines, f"drawn: {sizes}"]
