"""The world's isolating benchmark: items whose one change asks for one faculty, written from the truth.

A contrast (two scenes with one change, worded for each) gives items of three forms that share its pictures:

- 2x2: both pictures, both captions.
- 1x2: one picture, its caption and the other's, in the second wording. Each picture of a contrast is asked, so every
  caption is right as often as it is wrong, and a scorer that reads captions alone is at chance by construction.
- 1x3: a paraphrase of the right caption is added (a relation told from the other thing, a conjunction in the other
  order, else another template). Each picture is asked in both wordings, for the same reason. Condition iid only.

Numbers of items are rounded up to whole contrasts (two 1x2 or four 1x3 each). `template_id` names the wording; for
relations it also says how the wrong caption was made: `reversed` (the relation's word) or `exchanged` (the two things).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from nearmiss.engine.world.benchmark_contrasts import Contrast, contrast, possible
from nearmiss.engine.world.benchmark_pairs import RECIPES, Recipe
from nearmiss.engine.world.benchmark_tasks import classification, retrieval
from nearmiss.engine.world.scene import Scene
from nearmiss.engine.world.spec import WorldConfig

Split = Literal["val", "test", "final"]


@dataclass
class BenchmarkFiles:
    """One split's rows of tables `items`, `retrieval`, `classification`; scenes of the items' pictures by image id."""

    items: list[dict[str, Any]] = field(default_factory=list)
    scenes: dict[str, Scene] = field(default_factory=dict)
    retrieval: list[dict[str, Any]] = field(default_factory=list)
    classification: list[dict[str, Any]] = field(default_factory=list)


def make_items(config: WorldConfig, split: Split) -> BenchmarkFiles:
    """The benchmark, retrieval and classification of one split. Depends on the configuration alone."""
    made = BenchmarkFiles()
    for recipe in RECIPES:
        for condition in recipe.conditions:
            if possible(recipe, condition, config):
                _add(made, recipe, condition, config, split)
    made.retrieval = retrieval(config, split)
    made.classification = classification(config, split)
    return made


def _add(made: BenchmarkFiles, recipe: Recipe, condition: str, config: WorldConfig, split: Split) -> None:
    """Add the items of one recipe and condition, in all their forms."""
    number = config.benchmark.iid if condition == "iid" else config.benchmark.other
    contrasts = [contrast(recipe, condition, config, split, index) for index in range(number)]
    for made_of in contrasts:
        made.scenes.update(zip(made_of.images, made_of.scenes, strict=True))
    forms = {
        "2x2": [_both_pictures(made_of) for made_of in contrasts],
        "1x2": [row for made_of in contrasts[: -(-number // 2)] for row in _one_picture(made_of)],
    }
    if condition == "iid":
        forms["1x3"] = [row for made_of in contrasts[: -(-number // 4)] for row in _with_paraphrase(made_of)]
    for form, rows in forms.items():
        name = "-".join((split, recipe.concept, recipe.operator, condition, form))
        common = {"benchmark": "world", "subset": form, "condition": condition, "crop": None}
        cell = {"concept": recipe.concept, "operator": recipe.operator}
        made.items.extend({"item_id": f"{name}-{index:04d}", **common, **cell, **row} for index, row in enumerate(rows))


def _both_pictures(made_of: Contrast) -> dict[str, Any]:
    wording = made_of.wordings[0]
    return {
        "template_id": wording.template_id,
        "images": list(made_of.images),
        "captions": list(wording.captions),
        "truth": [[True, False], [False, True]],
    }


def _one_picture(made_of: Contrast) -> Iterator[dict[str, Any]]:
    """Each picture in the second wording (2x2 asks the first), its own caption first."""
    wording = made_of.wordings[1]
    for side, image in enumerate(made_of.images):
        yield {
            "template_id": wording.template_id,
            "images": [image],
            "captions": [wording.captions[side], wording.captions[1 - side]],
            "truth": [[True, False]],
        }


def _with_paraphrase(made_of: Contrast) -> Iterator[dict[str, Any]]:
    """Each picture in each wording: its caption, the other's, its caption in the other wording."""
    for wording, other in (made_of.wordings, made_of.wordings[::-1]):
        for side, image in enumerate(made_of.images):
            yield {
                "template_id": wording.template_id,
                "images": [image],
                "captions": [wording.captions[side], wording.captions[1 - side], other.captions[side]],
                "truth": [[True, False, True]],
            }
