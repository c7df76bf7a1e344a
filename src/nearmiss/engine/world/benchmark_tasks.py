"""Retrieval over the images of a split, and their zero-shot classification.

Both use the subjects of broad captions, so that they measure what training on narrow captions costs.
"""

from collections.abc import Iterable
from typing import Any

from nearmiss.engine.world.scene import Scene
from nearmiss.engine.world.scenes import caption_id_of, scene_of
from nearmiss.engine.world.spec import WorldConfig
from nearmiss.engine.world.statements import Mention, Statement, parse
from nearmiss.engine.world.truth import truth_value
from nearmiss.engine.world.vocabulary import load_vocabulary, used
from nearmiss.engine.world.wording import captions, phrase, templates

GENERAL = 0.1
"""Captions true of more than this share of the images are left out: they can be matched without the image."""

_PROMPTS = {"shape": "attribute", "color": "attribute", "ground": "ground"}


def split_scenes(config: WorldConfig, split: str) -> list[Scene]:
    """The scenes of a split's images, in order; a scene's id is the image id."""
    return [scene_of(config, split, index) for index in range(getattr(config.images, split))]


def retrieval(config: WorldConfig, split: str) -> list[dict[str, Any]]:
    """One row for each broad caption of the split: the image it was written for and all images that it is true of.

    Captions that are true of more than `GENERAL` of the images ("there are two things") are left out.
    """
    scenes = split_scenes(config, split)
    index = _Index(scenes)
    rows = [
        {
            "caption_id": caption_id_of(scene.scene_id, "broad", number),
            "image_id": scene.scene_id,
            "text": text,
            "right": index.true_of(text),
        }
        for scene in scenes
        for number, (text, _) in enumerate(captions(scene, "broad", config))
    ]
    most = max(1, GENERAL * len(scenes))
    return [row for row in rows if len(row["right"]) <= most]


class _Index:
    """Finds the scenes that a caption is true of; only scenes with all its values are checked."""

    def __init__(self, scenes: list[Scene]) -> None:
        self.scenes, self.known = scenes, dict[str, list[str]]()
        self.holders: dict[str, set[int]] = {}
        classes = load_vocabulary().classes
        for number, scene in enumerate(scenes):
            objects = scene.objects
            values = {v for t in objects for v in (t.shape, t.color, t.size, t.pattern, t.action) if v is not None}
            general = {name for name, shapes in classes.items() if any(t.shape in shapes for t in objects)}
            for value in {scene.ground, *values, *general}:
                self.holders.setdefault(value, set()).add(number)

    def true_of(self, text: str) -> list[str]:
        """Ids of the scenes, in order."""
        if text not in self.known:
            statement = parse(text)
            if statement is None:
                raise ValueError(f"a caption of the world does not parse: {text!r}")
            self.known[text] = [
                self.scenes[number].scene_id
                for number in self._candidates(statement)
                if truth_value(statement, self.scenes[number]) is True
            ]
        return self.known[text]

    def _candidates(self, statement: Statement) -> Iterable[int]:
        if statement.join is not None:
            return range(len(self.scenes))
        stated = [v for m in statement.mentions if m.count != 0 for v in (m.shape, m.color, m.size, m.pattern)]
        holders = [self.holders.get(value, set()) for value in (*stated, statement.ground) if value is not None]
        return sorted(set.intersection(*holders)) if holders else range(len(self.scenes))


def classification(config: WorldConfig, split: str) -> list[dict[str, Any]]:
    """Rows of zero-shot tasks: shape and color of images with one object, ground of all images."""
    words = used(config)
    classes = {"shape": list(words.shapes), "color": list(words.colors), "ground": list(words.grounds)}
    prompts = {task: [_prompts(task, name) for name in names] for task, names in classes.items()}
    rows = []
    for task, names in classes.items():
        for scene in split_scenes(config, split):
            if task == "ground" or len(scene.objects) == 1:
                value = scene.ground if task == "ground" else getattr(scene.objects[0], task)
                rows.append(
                    {
                        "task": task,
                        "image_id": scene.scene_id,
                        "label": names.index(value),
                        "classes": names,
                        "prompts": prompts[task],
                    }
                )
    return rows


def _prompts(task: str, name: str) -> list[str]:
    """One class in every broad template that fits it: "a picture of a cube", "a red thing", "a thing on grass"."""
    statements = {
        "shape": Statement((Mention(shape=name),)),
        "color": Statement((Mention(color=name),)),
        "ground": Statement((Mention(),), ground=name),
    }
    statement = statements[task]
    able = [template for template in templates(_PROMPTS[task], "broad") if {"a", "verb", "ground"} >= {*template.slots}]
    return [phrase(statement, template) for template in able]
