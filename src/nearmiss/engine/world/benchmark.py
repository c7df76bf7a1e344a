"""The world's isolating benchmark: each item has one change and tests one ability. Written from the truth.

A contrast (two scenes with one change, and a caption for each) gives items of three forms that share its images:

- 2x2: both images, both captions.
- 1x2: one image, its caption and the other's, in the second wording. Both images of a contrast are used, so every
  caption is correct as often as it is wrong, and a text-only scorer is at chance by construction.
- 1x3: a paraphrase of the correct caption is added (an inverted relation, a reversed conjunction, else another
  template). Both images are used in both wordings, for the same reason. Condition iid only.

Relations in new wording also have `order` (whether the subject is mentioned first) and `wording` (the template).

Numbers of items are rounded up to whole contrasts (two 1x2 or four 1x3 each). `template_id` names the wording; for
relations it also states how the wrong caption was made: `reversed` (the relation word) or `exchanged` (the objects).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from nearmiss.engine.world.benchmark_contrasts import Contrast, Wording, contrast, possible
from nearmiss.engine.world.benchmark_pairs import RECIPES, Recipe
from nearmiss.engine.world.benchmark_tasks import classification, retrieval
from nearmiss.engine.world.scene import Scene
from nearmiss.engine.world.spec import WorldConfig

Split = Literal["val", "test", "final"]


@dataclass
class BenchmarkFiles:
    """One split's rows of tables `items`, `retrieval`, `classification`; scenes of the items' images by image id."""

    items: list[dict[str, Any]] = field(default_factory=list)
    scenes: dict[str, Scene] = field(default_factory=dict)
    retrieval: list[dict[str, Any]] = field(default_factory=list)
    classification: list[dict[str, Any]] = field(default_factory=list)


def make_items(config: WorldConfig, split: Split) -> BenchmarkFiles:
    """The benchmark, retrieval and classification of one split. Depends on the configuration only."""
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
    grouped = recipe.by_wording and condition == "new_wording"
    for pair in contrasts:
        made.scenes.update(zip(pair.images, pair.scenes, strict=True))
    forms = {
        "2x2": [_both_images(pair, grouped) for pair in contrasts],
        "1x2": [row for pair in contrasts[: -(-number // 2)] for row in _one_image(pair, grouped)],
    }
    if condition == "iid":
        forms["1x3"] = [row for pair in contrasts[: -(-number // 4)] for row in _with_paraphrase(pair)]
    for form, rows in forms.items():
        name = "-".join((split, recipe.concept, recipe.operator, condition, form))
        common = {"benchmark": "world", "subset": form, "condition": condition, "crop": None}
        cell = {"concept": recipe.concept, "operator": recipe.operator}
        made.items.extend({"item_id": f"{name}-{index:04d}", **common, **cell, **row} for index, row in enumerate(rows))


def _written(wording: Wording, grouped: bool) -> dict[str, Any]:
    """Columns on the template; `grouped`: also those by which items are counted apart."""
    template = wording.template
    groups = {"order": template.order, "wording": template.text} if grouped else {}
    return {"template_id": wording.template_id, **groups}


def _both_images(pair: Contrast, grouped: bool) -> dict[str, Any]:
    wording = pair.wordings[0]
    return {
        **_written(wording, grouped),
        "images": list(pair.images),
        "captions": list(wording.captions),
        "truth": [[True, False], [False, True]],
    }


def _one_image(pair: Contrast, grouped: bool) -> Iterator[dict[str, Any]]:
    """Each image in the second wording (2x2 uses the first), its own caption first."""
    wording = pair.wordings[1]
    for side, image in enumerate(pair.images):
        yield {
            **_written(wording, grouped),
            "images": [image],
            "captions": [wording.captions[side], wording.captions[1 - side]],
            "truth": [[True, False]],
        }


def _with_paraphrase(pair: Contrast) -> Iterator[dict[str, Any]]:
    """Each image in each wording: its caption, the other's, its caption in the other wording."""
    for wording, other in (pair.wordings, pair.wordings[::-1]):
        for side, image in enumerate(pair.images):
            yield {
                "template_id": wording.template_id,
                "images": [image],
                "captions": [wording.captions[side], wording.captions[1 - side], other.captions[side]],
                "truth": [[True, False, True]],
            }
