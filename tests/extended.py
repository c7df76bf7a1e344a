"""Use each example of docs/extending.md once; test_extension_points.py runs this on a copy of the package with them."""

import sys
from pathlib import Path

import loss_examples
import numpy as np
import polars as pl
import toy_tasks
from test_editing_operations import PICTURE, view
from toy_pictures import draw

from nearmiss.base.fingerprint import SourceTree
from nearmiss.base.seeding import array_rng, rng
from nearmiss.base.tables import read_table, write_table
from nearmiss.config import resolve
from nearmiss.engine.images.corruptions.registry import CORRUPTIONS
from nearmiss.engine.images.editing.composite import changed_outside
from nearmiss.engine.images.editing.plan import Edited, Plan
from nearmiss.engine.images.editing.registry import OPERATIONS
from nearmiss.engine.objectives.registry import Objective
from nearmiss.engine.text.corruptions.registry import TEXT_CORRUPTIONS
from nearmiss.experiment_parts import REGISTRIES, parts
from nearmiss.stages.finetune import stage as finetune
from nearmiss.stages.finetune.config import FinetuneConfig
from nearmiss.stages.negatives.stage import run as run_negatives

SOURCE, FOLDER = Path(sys.argv[1]), Path(sys.argv[2])
EXPERIMENT = resolve(
    {
        "experiment": "extended",
        "negatives": {"methods": {"word_order": {"method": "word_order"}}},
        "robustness": {"corruptions": [{"corruption": "mosaic"}], "texts": [{"corruption": "without_vowels"}]},
        "inpaint": {"operations": [{"operation": "desaturate"}]},
        "arms": {
            "base": {"objective": [{"term": "contrastive"}], "num_negatives": 0},
            "margin": {"method": "word_order", "objective": [{"term": "margin", "margin": 0.1}]},
        },
        "compare": {"controls": []},
    }
)
TREE = SourceTree(SOURCE, REGISTRIES)


def method() -> None:
    """Negatives of the method, from a file of captions."""
    captions = FOLDER / "captions.json"
    captions.write_text(
        '{"images": [{"id": 1, "file_name": "1.jpg", "width": 9, "height": 9}], '
        '"annotations": [{"id": 1, "image_id": 1, "caption": "A red bus next to a white car."}]}'
    )
    options = EXPERIMENT.negatives.methods["word_order"]
    run_negatives(name="word_order", config=options, captions=captions, out=FOLDER / "negatives")
    (row,) = pl.read_parquet(FOLDER / "negatives" / "negatives.parquet").to_dicts()
    assert row["type"] == "word_order" and row["positive"] != row["negative"]
    assert sorted(row["positive"].split()) == sorted(row["negative"].split())


def term() -> None:
    """The term's value on a random batch, against a loop."""
    batch = loss_examples.features(collide=False)
    total, _ = Objective(EXPERIMENT.arms["margin"].objective)(batch)
    gaps = [
        float(image @ positives[g] - image @ negatives[g, k])
        for image, positives, negatives, valid in zip(
            batch.images, batch.positives, batch.negatives, batch.valid, strict=True
        )
        for g, k in valid.nonzero().tolist()
    ]
    assert abs(float(total) - np.mean([max(0, 0.1 - gap) for gap in gaps])) < 1e-9


def task() -> None:
    """Stage finetune on the task."""
    toy_tasks.write(FOLDER)
    shapes = read_table(FOLDER / "tables" / "examples_shapes.parquet", "examples")
    rows = shapes.with_columns(task=pl.lit("prior"))
    write_table(rows, FOLDER / "tables" / "examples_prior.parquet", "examples")
    config = FinetuneConfig.model_validate({"tasks": [{"task": "prior"}], "resamples": 100})
    arguments = toy_tasks.arguments(FOLDER, config=config)
    finetune.run(**arguments)
    values = read_table(arguments["out"] / "metrics.parquet", "metrics")["value"].to_list()
    assert np.allclose(values, 1 / 3)


def corruption() -> None:
    """Blocks of one color, in new pixels."""
    (options,) = EXPERIMENT.robustness.corruptions
    pixels = draw(PICTURE, "picture")
    before = pixels.copy()
    made = CORRUPTIONS["mosaic"].apply(pixels, options, 3, array_rng(0))
    assert made.shape == pixels.shape and (made[:4, :4] == made[0, 0]).all() and (made != pixels).any()
    assert (pixels == before).all()


def text_corruption() -> None:
    """Words without vowels, but for those in which captions differ."""
    (options,) = EXPERIMENT.robustness.texts
    made = TEXT_CORRUPTIONS["without_vowels"].apply(["a green car", "a green bus"], options, 5, rng(0))
    assert made == ["a grn car", "a grn bus"]


def operation() -> None:
    """A gray object, and nothing else changed."""
    (options,) = EXPERIMENT.inpaint.operations
    made, seen, pixels = OPERATIONS["desaturate"], view(), draw(PICTURE, "picture")
    plan = next(each for each in made.candidates(seen, options) if isinstance(each, Plan))
    edited = made.apply(pixels, seen, plan, options)
    assert isinstance(edited, Edited) and (plan.old, plan.new) == ("red", "gray")
    assert changed_outside(pixels, edited.pixels, edited.touched) == 0
    x, y = PICTURE[0].x, PICTURE[0].y
    assert np.ptp(edited.pixels[y, x].astype(int)) <= 1 < np.ptp(pixels[y, x].astype(int))


def fingerprinted(part: str, file: str) -> None:
    """The plugin's file is code of the part that names it, and of no other part of the stage."""
    found = parts(EXPERIMENT)
    own = {name for name, each in found.items() if SOURCE / file in TREE.stage_files(each.stage, each.plugins)}
    assert own == {part}, own


for each in (method, term, task, corruption, text_corruption, operation):
    each()
    print(each.__name__)
fingerprinted("negatives/word_order", "nearmiss/stages/negatives/word_order/method.py")
fingerprinted("pretrain/margin", "nearmiss/engine/objectives/margin.py")
fingerprinted("robustness", "nearmiss/engine/images/corruptions/mosaic.py")
fingerprinted("inpaint", "nearmiss/engine/images/editing/desaturate.py")
