"""The false-negative report: every negative of a method is judged by the world's hidden truth.

This is a rule of its own and no input of training: generators see annotations alone, as in real life, and what they get
wrong is counted here. Only the embedded world has a truth to ask.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import polars as pl

from nearmiss.base.files import write_json
from nearmiss.base.manifest import verify_inputs
from nearmiss.base.outputs import OutputFile
from nearmiss.base.progress import progress
from nearmiss.base.tables import read_table
from nearmiss.engine.world.scene import Scene, read_scenes
from nearmiss.engine.world.statements import parse
from nearmiss.engine.world.truth import truth_value

Verdict = Literal["true", "false", "undefined", "unparsed"]

_EXAMPLES = 20


def report(*, negatives: Path, truth: Path, out: Path) -> dict[str, Any]:
    """Judge all of `negatives`/negatives.parquet by the scenes in `truth` and write the counts to `out` (JSON).

    Counts, in all and for each type, concept, operator and verdict of the check: n, and of these `true` (a false
    negative: the "negative" holds in its image), `undefined` (the pixels cannot decide), `unparsed` (not a sentence of
    the world), `false` (as it should be). `positives`: the same for the sentences that the negatives belong to, where
    `false` is the fault. `captions`: how many captions were asked, how many have a negative, and that share (`yield`).
    `examples` shows the first faults. Raises `InputError` where a table or an image's scene is missing.
    """
    table_file = Path(negatives) / "negatives.parquet"
    rejected_file = Path(negatives) / "rejected.parquet"
    target = OutputFile(out, inputs=[table_file, rejected_file])
    verify_inputs({"negatives": table_file, "rejected": rejected_file, "truth": truth})
    table, rejected = read_table(table_file, "negatives"), read_table(rejected_file, "rejected")
    scenes = read_scenes(Path(truth), table["image_id"].unique().sort().to_list())
    rows = table.to_dicts()
    verdicts = [
        _verdict(row["negative"], scenes[row["image_id"]])
        for row in progress(rows, what="judge negatives", total=len(rows))
    ]
    positives = table.select("caption_id", "image_id", "positive").unique().sort("caption_id", "positive").to_dicts()
    of_positives = [
        _verdict(row["positive"], scenes[row["image_id"]])
        for row in progress(positives, what="judge positives", total=len(positives))
    ]
    found: dict[str, Any] = {
        "method": rows[0]["method"] if rows else None,
        "negatives": _tally(verdicts),
        **{
            f"by_{column}": _tally_by((str(row[column]) for row in rows), verdicts)
            for column in ("type", "concept", "operator", "verdict")
        },
        "positives": _tally(of_positives),
        "captions": _captions(table, rejected),
        "examples": {
            "true": _examples(rows, verdicts, "true", "negative"),
            "undefined": _examples(rows, verdicts, "undefined", "negative"),
            "false_positives": _examples(positives, of_positives, "false", "positive"),
        },
    }
    with target as partial:
        write_json(partial, found)
    return found


def _verdict(sentence: str, scene: Scene) -> Verdict:
    statement = parse(sentence)
    if statement is None:
        return "unparsed"
    held = truth_value(statement, scene)
    return "undefined" if held is None else "true" if held else "false"


def _tally(verdicts: Iterable[Verdict]) -> dict[str, int]:
    counts = Counter(verdicts)
    return {"n": counts.total(), **{name: counts[name] for name in ("true", "undefined", "unparsed", "false")}}


def _tally_by(keys: Iterable[str], verdicts: list[Verdict]) -> dict[str, dict[str, int]]:
    groups: dict[str, list[Verdict]] = {}
    for key, verdict in zip(keys, verdicts, strict=True):
        groups.setdefault(key, []).append(verdict)
    return {key: _tally(groups[key]) for key in sorted(groups)}


def _captions(table: pl.DataFrame, rejected: pl.DataFrame) -> dict[str, float | int | None]:
    """Captions that the method was asked for: those with a negative and those it rejected something of."""
    given = set(table["caption_id"].unique())
    asked = len(given | set(rejected["caption_id"].drop_nulls().unique()))
    return {"asked": asked, "with_negative": len(given), "yield": len(given) / asked if asked else None}


def _examples(
    rows: list[dict[str, Any]], verdicts: list[Verdict], wanted: Verdict, column: str
) -> list[dict[str, str]]:
    chosen = [row for row, verdict in zip(rows, verdicts, strict=True) if verdict == wanted]
    return [{"image_id": row["image_id"], "sentence": row[column]} for row in chosen[:_EXAMPLES]]
