"""The mark of a cell looks at wording: which sentences an arm's negatives of that concept and operator had."""

import polars as pl
import pytest

from nearmiss.base.tables import table, write_table
from nearmiss.engine.benchmarks import registry
from nearmiss.engine.benchmarks.benchmark import ItemBenchmark, Options
from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.engine.benchmarks.spec import POOLED, grouped
from nearmiss.engine.scoring import decisions, metrics
from nearmiss.engine.scoring.evaluator import Training, _worded
from nearmiss.engine.scoring.metrics import Bootstrap, References, Run
from nearmiss.engine.text.phrases import skeleton

FIXED = ["The cube is above the ball."]
VARIED = [*FIXED, "a red cube above a ball", "above a ball there is a cube"]
ITEMS = {
    ("iid", "relation.is"): "a small red cube is above a ball",
    ("iid", "relation.bare"): "a star to the left of a ball",
    ("new_wording", "relation.new_front"): "above a ball is a blue cube",
    ("new_wording", "relation.new_that"): "in the picture there is a star that is below a ball",
}


def negatives(texts, template=True):
    row = dict.fromkeys(["caption_id", "image_id", "method", "mode", "type", "negative", "verdict"], "x")
    row |= {"concept": "relation", "operator": "reverse", "edits": [], "foil_in_scene": None, "seed": 0}
    named = [
        {"negative_id": str(at), "positive": text, "template_id": f"t{at}" if template else None}
        for at, text in enumerate(texts)
    ]
    return table("negatives", [{**row, **each} for each in named])


@pytest.fixture
def benchmark(tmp_path) -> ItemBenchmark:
    rows = [
        {
            "item_id": f"{condition}-{template}",
            "benchmark": "world",
            "subset": "1x2",
            "concept": "relation",
            "operator": "reverse",
            "template_id": template,
            "condition": condition,
            "images": ["i"],
            "captions": [text, "a cube"],
            "truth": [[True, False]],
            "crop": None,
        }
        for (condition, template), text in ITEMS.items()
    ]
    fronted = pl.col("template_id") == "relation.new_front"
    order = pl.when(fronted).then(pl.lit("fronted")).otherwise(pl.lit("subject first"))
    items = table("items", rows).with_columns(order=order)
    write_table(items, tmp_path / "tables" / "items_test.parquet", "items")
    image = {"image_id": "i", "file": "i.png", "width": 8, "height": 8, "split": "test", "source": "x"}
    write_table(table("images", [image]), tmp_path / "tables" / "images.parquet", "images")
    (found,), _ = registry.load(["world"], DataRoot(tmp_path), Options())
    return found


def marks(benchmark, training):
    references = References({}, {}, {}, {}, training.edited(), _worded(benchmark, training.wordings()))
    outcomes = decisions.outcomes(
        benchmark, benchmark.items.select("item_id", similarity=pl.col("truth").cast(decisions.NESTED))
    )
    rows = metrics.rows(outcomes, Run("m", "a", 0, "evaluate", "test"), Bootstrap(10, 0.95), references)
    rows = rows.filter(metric="accuracy", subset=POOLED)
    return {row["condition"]: row["trained"] for row in rows.iter_rows(named=True)}


def test_a_new_wording_is_marked_for_fixed_and_for_varied_negatives(benchmark):
    for texts in (FIXED, VARIED):
        found = marks(benchmark, Training(negatives=negatives(texts)))
        assert found["iid"] == "seen"
        assert {mark for name, mark in found.items() if name.startswith("new_wording")} == {"wording"}
    seen = marks(benchmark, Training(negatives=negatives([*VARIED, "below a star is a star"])))
    assert seen["new_wording"] == "seen"
    assert seen[grouped("new_wording", "order", "subject first")] == "wording"


def test_varied_negatives_have_more_wordings():
    fixed, varied = (Training(negatives=negatives(texts)).wordings() for texts in (FIXED, VARIED))
    assert fixed < varied and len(varied) == 3


def test_without_templates_wording_is_not_marked(benchmark):
    found = marks(benchmark, Training(negatives=negatives(FIXED, template=False)))
    assert set(found.values()) == {"seen"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The small cube is to the left of the ball.", "noun is relation noun"),
        ("there are two red balls", "there is number noun"),
        ("a picture of a dog with a cup", "a picture of noun with noun"),
        ("the cup is orange", "noun is"),
        ("an orange on a table", "noun relation noun"),
        ("", ""),
    ],
)
def test_a_skeleton_keeps_the_words_of_the_template(text, expected):
    assert skeleton(text) == expected
