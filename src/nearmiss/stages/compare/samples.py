"""Sample items for the page: two pictures, two captions, and what every arm answered. Drawn by seed, never chosen."""

import base64
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.seeding import rng
from nearmiss.base.tables import read_table
from nearmiss.engine.benchmarks.spec import BINDING
from nearmiss.engine.images.browser import for_browser
from nearmiss.engine.scoring.decisions import Decision, caption_decisions, image_decisions
from nearmiss.engine.scoring.outcomes import MARGIN
from nearmiss.stages.compare.report import Report

CONCEPTS = {"relation": 2, "binding": 1, "color": 1, "size": 1, "object": 1, "location": 1, "count": 1}
"""How many items of each concept the page shows."""

ANSWERS = {1: "✓", 0: "=", -1: "✗"}


@dataclass(frozen=True)
class Answer:
    """What one arm answered to one item: a sign for each picture and each caption, and how many decisions are right."""

    arm: str
    signs: list[str]
    right: int


@dataclass(frozen=True)
class Sample:
    """One 2x2 item."""

    concept: str
    item_id: str
    pictures: list[str]
    """Data URIs; picture A belongs to caption 1, picture B to caption 2."""
    captions: list[str]
    answers: list[Answer]


def samples(report: Report) -> list[Sample]:
    """Sample items of the first seed's runs, by concept."""
    if report.exam.items is None:
        return []
    items = report.exam.items.frame.filter(pl.col("subset") == "2x2", pl.col("condition") == "iid")
    binding = (pl.col("operator") == "swap") & pl.col("concept").is_in(BINDING)
    items = items.with_columns(concept=pl.when(binding).then(pl.lit("binding")).otherwise("concept")).sort("item_id")
    files = dict(read_table(report.data / "tables" / "images.parquet", "images").select("image_id", "file").iter_rows())
    seed = report.runs.seeds[0]
    similarity = {
        one.arm: dict(one.scores.select("item_id", "similarity").iter_rows())
        for one in report.runs.evaluations
        if one.seed == seed
    }
    found = []
    for concept, count in CONCEPTS.items():
        rows = items.filter(pl.col("concept") == concept).to_dicts()
        drawn = rng(0, "samples", report.runs.split, concept).sample(rows, min(count, len(rows)))
        found += [_sample(concept, row, similarity, files, report.data / "published") for row in drawn]
    return found


def _sample(
    concept: str, row: dict, similarity: dict[str, dict[str, list[list[float]]]], files: dict[str, str], root: Path
) -> Sample:
    truth = tuple(tuple(line) for line in row["truth"])
    order = [0, 1] if truth[0][0] else [1, 0]  # so that picture A belongs to caption 1
    captions = [row["captions"][place] for place in order]
    texts, images = caption_decisions(truth), image_decisions(truth)
    texts.sort(key=lambda decision: decision[0][0])
    images.sort(key=lambda decision: order.index(decision[0][1]))
    answers = []
    for arm, scores in similarity.items():
        signs = [_sign(scores[row["item_id"]], decision) for decision in [*texts, *images]]
        answers.append(Answer(arm, [ANSWERS[sign] for sign in signs], sum(sign == 1 for sign in signs)))
    pictures = [data_uri(root / files[image_id]) for image_id in row["images"]]
    return Sample(concept, row["item_id"], pictures, captions, answers)


def _sign(scores: list[list[float]], decision: Decision) -> int:
    (i, j), (k, m) = decision
    gap = scores[i][j] - scores[k][m]
    return 0 if abs(gap) <= MARGIN else (1 if gap > 0 else -1)


def data_uri(file: Path) -> str:
    """An image file as a data URI, so that the page needs no other file."""
    if not file.is_file():
        raise InputError("an image is missing", file=file, remedy="make the data again")
    found = for_browser(file.read_bytes())
    if found is None:
        raise InputError("an image does not decode", file=file, remedy="make the data again")
    content, media = found
    return f"data:{media};base64,{base64.b64encode(content).decode('ascii')}"
