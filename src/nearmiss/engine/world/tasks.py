"""The world's downstream tasks: statements on a relation, true or false, and pictures of one thing by its shape.

Both have pictures of their own. What is held out of training is held out of train and dev here too, and asked in files
of its own: conditions new_relation and new_pair.

`vsr` asks as VSR does (Liu, Emerson, Collier, TACL 2023). Its statements come in twins: one sentence, and two pictures
that differ in nothing but the order of the two things along one axis. The sentence is true of one and false of the
other, so who reads sentences alone is at chance by construction; both things lie in the same half of the picture, so
that the place of one thing does not give the answer away (our choice). A false statement is a true one of its picture
with its relation reversed or its things exchanged; the two mean the same.

`shapes` is published as Food-101 is: names of pictures under each class, classes alike in number.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from nearmiss.base.seeding import rng
from nearmiss.engine.world.benchmark_contrasts import Contrast, contrast, possible
from nearmiss.engine.world.benchmark_pairs import RECIPES, with_thing
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
    """Scenes of the tasks' pictures by name; `vsr`: rows of each file; `shapes`: names of pictures by class, by file.

    Files are named without ending: "random/train", "zeroshot/test"; "train", "new_pair".
    """

    scenes: dict[str, Scene] = field(default_factory=dict)
    vsr: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    shapes: dict[str, dict[str, list[str]]] = field(default_factory=dict)


def make_tasks(config: WorldConfig) -> TaskFiles:
    """All examples of both tasks. Depends on the configuration alone."""
    made = TaskFiles()
    for part in PARTS:
        made.vsr[f"random/{part}"] = list(_statements(config, part, "iid", getattr(config.tasks.vsr, part), made))
        made.shapes[part] = _shapes(config, part, getattr(config.tasks.shapes, part), made)
    new = [name for name in ("new_relation", "new_pair") if possible(_RELATION, name, config)]
    if new and config.tasks.vsr.held_out:
        each = -(-config.tasks.vsr.held_out // len(new))
        # VSR's zero-shot split has a training of its own; here the random one shows nothing held out, and is it.
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
    for index in range(-(-number // 2)):
        twins = contrast(_RELATION, condition, config, f"vsr-{part}", index)
        made.scenes.update(zip(twins.images, twins.scenes, strict=True))
        yield from _twins(twins, config)


def _twins(twins: Contrast, config: WorldConfig) -> Iterator[dict[str, Any]]:
    """One sentence of the contrast, asked of both pictures."""
    generator = rng(config.seed, "vsr sentence", *twins.images)
    true_of = generator.randrange(2)
    caption = generator.choice(twins.wordings).captions[true_of]
    statement = parse(caption)
    if statement is None or statement.predicate is None:
        raise ValueError(f"the world does not read its own statement: {caption!r}")
    for side, name in enumerate(twins.images):
        yield {
            "image": file_of(name),
            "image_link": f"images/{file_of(name)}",
            "caption": caption,
            "label": int(side == true_of),
            "relation": short(statement.predicate),
        }


def _shapes(config: WorldConfig, part: str, number: int, made: TaskFiles) -> dict[str, list[str]]:
    """Pictures of one thing each, the shapes in turn; nothing held out is shown."""
    shapes, held_out = used(config).shapes, reservation(config)
    names: dict[str, list[str]] = {shape: [] for shape in shapes}
    for index in range(number):
        shape = shapes[index % len(shapes)]
        names[shape].append(name := f"shapes-{part}-{index:05d}")

        def accepted(scene: Scene, shape: str = shape) -> bool:
            return scene.things[0].shape == shape and held_out.allows(scene)

        made.scenes[name] = draw_scene(config, name, 1, rng(config.seed, "task", name), accepted)
    return names


def _new_pairs(config: WorldConfig, number: int, made: TaskFiles) -> dict[str, list[str]]:
    """Pictures of one thing each, the held-out pairs of color and shape in turn; every shape is a class."""
    pairs = sorted(reservation(config).pairs)
    names: dict[str, list[str]] = {shape: [] for shape in used(config).shapes}
    for index in range(number):
        color, shape = pairs[index % len(pairs)]
        names[shape].append(name := f"shapes-new_pair-{index:05d}")
        scene = draw_scene(config, name, 1, rng(config.seed, "task", name))
        made.scenes[name] = with_thing(scene, 0, color=color, shape=shape)
    return names


def file_of(name: str) -> str:
    """The file of a picture, in the folder of images."""
    return f"{name}.jpg"
