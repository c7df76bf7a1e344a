"""The world's downstream tasks: true and false statements of a relation, and classification of one object by its shape.

Both have separate images. Combinations held out of training are also held out of train and dev here, and are tested in
separate files: conditions new_relation and new_pair. Condition new_wording of `vsr` has the templates of the
benchmark that no training text has.

`vsr` follows VSR (Liu, Emerson, Collier, TACL 2023). Its statements come in twins: one sentence, and two images that
differ only in the order of the two objects along one axis. The sentence is true of one and false of the other, so a
text-only model is at chance by construction. Both objects lie in the same half of the image, so that the position of
one object does not reveal the label (our choice). A false statement is a true one of its image with its relation
reversed or its objects exchanged; the two mean the same.

`shapes` has the format of Food-101: names of images under each class, classes balanced.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from nearmiss.base.seeding import rng
from nearmiss.engine.world.benchmark_contrasts import Contrast, contrast, possible
from nearmiss.engine.world.benchmark_pairs import RECIPES, with_object
from nearmiss.engine.world.conditions import reservation
from nearmiss.engine.world.scene import Scene
from nearmiss.engine.world.scenes import draw_scene
from nearmiss.engine.world.spec import WorldConfig
from nearmiss.engine.world.statements import parse, short
from nearmiss.engine.world.vocabulary import used

PARTS = ("train", "dev", "test")

_RELATION = next(recipe for recipe in RECIPES if recipe.concept == "relation")


@dataclass
class TaskFiles:
    """Scenes of the tasks' images by name; `vsr`: rows of each file; `shapes`: names of images by class, by file.

    Files are named without suffix: "random/train", "zeroshot/test"; "train", "new_pair".
    """

    scenes: dict[str, Scene] = field(default_factory=dict)
    vsr: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    shapes: dict[str, dict[str, list[str]]] = field(default_factory=dict)


def make_tasks(config: WorldConfig) -> TaskFiles:
    """All examples of both tasks. Depends on the configuration only."""
    made = TaskFiles()
    for part in PARTS:
        made.vsr[f"random/{part}"] = list(_statements(config, part, "iid", getattr(config.tasks.vsr, part), made))
        made.shapes[part] = _shapes(config, part, getattr(config.tasks.shapes, part), made)
    new = [name for name in ("new_relation", "new_pair") if possible(_RELATION, name, config)]
    if new and config.tasks.vsr.held_out:
        new.append("new_wording")
        each = -(-config.tasks.vsr.held_out // len(new))
        # VSR's zero-shot split has its own training set; here it is that of the random split, which holds out the same.
        made.vsr |= {f"zeroshot/{part}": made.vsr[f"random/{part}"] for part in ("train", "dev")}
        made.vsr["zeroshot/test"] = [
            {**row, "condition": name} for name in new for row in _statements(config, "test", name, each, made)
        ]
    if config.tasks.shapes.held_out and reservation(config).pairs:
        made.shapes["new_pair"] = _new_pairs(config, config.tasks.shapes.held_out, made)
    return made


def _statements(
    config: WorldConfig, part: str, condition: str, number: int, made: TaskFiles
) -> Iterator[dict[str, Any]]:
    """Rows of a file, in twins: at least `number`. Their scenes are added to `made`."""
    name = f"vsr-{part}-words" if condition == "new_wording" else f"vsr-{part}"  # else the scenes of iid
    for index in range(-(-number // 2)):
        twins = contrast(_RELATION, condition, config, name, index)
        made.scenes.update(zip(twins.images, twins.scenes, strict=True))
        yield from _twins(twins, config)


def _twins(twins: Contrast, config: WorldConfig) -> Iterator[dict[str, Any]]:
    """One sentence of the contrast, paired with both images."""
    generator = rng(config.seed, "vsr sentence", *twins.images)
    true_of = generator.randrange(2)
    caption = generator.choice(twins.wordings).captions[true_of]
    statement = parse(caption)
    if statement is None or statement.predicate is None:
        raise ValueError(f"a statement of the world does not parse: {caption!r}")
    for side, name in enumerate(twins.images):
        yield {
            "image": file_of(name),
            "image_link": f"images/{file_of(name)}",
            "caption": caption,
            "label": int(side == true_of),
            "relation": short(statement.predicate),
        }


def _shapes(config: WorldConfig, part: str, number: int, made: TaskFiles) -> dict[str, list[str]]:
    """Images of one object each, the shapes in turn, without held-out pairs."""
    shapes, held_out = used(config).shapes, reservation(config)
    names: dict[str, list[str]] = {shape: [] for shape in shapes}
    for index in range(number):
        shape = shapes[index % len(shapes)]
        names[shape].append(name := f"shapes-{part}-{index:05d}")

        def accepted(scene: Scene, shape: str = shape) -> bool:
            return scene.objects[0].shape == shape and held_out.allows(scene)

        made.scenes[name] = draw_scene(config, name, 1, rng(config.seed, "task", name), accepted)
    return names


def _new_pairs(config: WorldConfig, number: int, made: TaskFiles) -> dict[str, list[str]]:
    """Images of one object each, the held-out pairs of color and shape in turn; every shape is a class."""
    pairs = sorted(reservation(config).pairs)
    names: dict[str, list[str]] = {shape: [] for shape in used(config).shapes}
    for index in range(number):
        color, shape = pairs[index % len(pairs)]
        names[shape].append(name := f"shapes-new_pair-{index:05d}")
        scene = draw_scene(config, name, 1, rng(config.seed, "task", name))
        made.scenes[name] = with_object(scene, 0, color=color, shape=shape)
    return names


def file_of(name: str) -> str:
    """The file of an image, in the folder of images."""
    return f"{name}.jpg"
