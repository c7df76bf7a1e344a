"""The false-negative report: every negative of a method is compared with the truth of the synthetic world.

The report is no input of training: generators read only annotations, as with real data, and their errors are counted
here. Only the synthetic world has complete truth.
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
from nearmiss.stages.negatives.rewording import caption_before

Verdict = Literal["true", "false", "undefined", "unparsed"]

_EXAMPLES = 20


def report(*, negatives: Path, truth: Path, out: Path) -> dict[str, Any]:
    """Compare `negatives`/negatives.parquet with the scenes in `truth` and write the counts to `out` (JSON).

    Counts in total and by type, concept, operator and verdict of the check: n, and of these `true` (a false negative:
    the sentence is true of its image), `undefined` (pixels do not decide), `unparsed` (not a sentence of the world),
    `false` (correct). `positives`: the same for the positives, where `false` is the error. `captions`: captions
    processed (`processed`), captions with a negative, and their share (`yield`). `examples`: the first errors. Raises
    `InputError` if a table or the scene of an image is missing.
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
        for row in progress(rows, what="check negatives", total=len(rows))
    ]
    positives = table.select("caption_id", "image_id", "positive").unique().sort("caption_id", "positive").to_dicts()
    of_positives = [
        _verdict(row["positive"], scenes[row["image_id"]])
        for row in progress(positives, what="check positives", total=len(positives))
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
    """Counts of captions processed: those with a negative or a rejection."""
    given = {caption_before(caption_id) for caption_id in table["caption_id"].unique()}
    processed = len(given | set(rejected["caption_id"].drop_nulls().unique()))
    return {"processed": processed, "with_negative": len(given), "yield": len(given) / processed if processed else None}


def _examples(
    rows: list[dict[str, Any]], verdicts: list[Verdict], wanted: Verdict, column: str
) -> list[dict[str, str]]:
    chosen = [row for row, verdict in zip(rows, verdicts, strict=True) if verdict == wanted]
    return [{"image_id": row["image_id"], "sentence": row[column]} for row in chosen[:_EXAMPLES]]
