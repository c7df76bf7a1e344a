"""Pairs of scenes that differ in one property only, one recipe for each (concept, operator) of the benchmark.

A recipe takes a drawn scene and returns the scene before and after one change, with the same ground, light and noise,
or None where the scene is not suitable. Captions mention objects 0 and 1. For isolation, a new value is absent from
both scenes, exchanged values are both present, related objects lie in the same half of the image, and a located object
is the only one and lies on a grid.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from random import Random

from nearmiss.engine.world.scene import Scene, SceneObject
from nearmiss.engine.world.scenes import is_clear
from nearmiss.engine.world.truth import located
from nearmiss.engine.world.vocabulary import Vocabulary

Pair = tuple[Scene, Scene]

# Centers of the grid for located objects, as shares of the side; each mirrors one in the other half.
_GRID = (0.27, 0.36, 0.64, 0.73)
# Least distance of related objects along their axis, as a share of the side, so that it is clearly visible.
_APART = 0.1


@dataclass(frozen=True)
class Recipe:
    """How items of one (concept, operator) are made.

    `num_objects`: objects in the scenes, None for two or more. `topics`: possible topics of the captions. `by_wording`:
    items in new wording are also counted by template and by the order of mention.
    """

    concept: str
    operator: str
    num_objects: int | None
    topics: tuple[str, ...]
    conditions: tuple[str, ...]
    make: Callable[[Scene, Vocabulary, Random], Pair | None]
    by_wording: bool = False


def with_object(scene: Scene, index: int, **changes: str | float) -> Scene:
    """The scene with one object changed."""
    objects = list(scene.objects)
    objects[index] = replace(objects[index], **changes)  # type: ignore[arg-type]
    return replace(scene, objects=tuple(objects))


def clear(scene: Scene) -> bool:
    """Whether all objects lie inside the image, clear of each other and of every borderline."""
    inside = all(min(t.x, t.y, scene.side - t.x, scene.side - t.y) >= t.radius for t in scene.objects)
    positions, radii = [(t.x, t.y) for t in scene.objects], [t.radius for t in scene.objects]
    return inside and is_clear(positions, radii, scene.side)


def _replace_value(slot: str, known: Callable[[Vocabulary], Iterable[str]]) -> Callable[..., Pair | None]:
    """The first object gets a value that no object has; its old value occurred once."""

    def make(scene: Scene, words: Vocabulary, generator: Random) -> Pair | None:
        seen = [getattr(obj, slot) for obj in scene.objects]
        absent = [value for value in known(words) if value not in seen]
        if not absent or seen.count(seen[0]) > 1:
            return None
        return scene, with_object(scene, 0, **{slot: generator.choice(absent)})

    return make


def _resize(scene: Scene, words: Vocabulary, generator: Random) -> Pair | None:
    """The first object, kept as the only one, gets the size and radius of the second."""
    obj, other = scene.objects[0], scene.objects[-1]
    if len(scene.objects) != 2 or obj.size == other.size:
        return None
    single = replace(scene, objects=(obj,))
    return single, with_object(single, 0, size=other.size, radius=other.radius)


def _swap(*slots: str) -> Callable[..., Pair | None]:
    """The first two objects, of different shapes, exchange values that differ."""

    def make(scene: Scene, words: Vocabulary, generator: Random) -> Pair | None:
        first, second = scene.objects[:2]
        if first.shape == second.shape or getattr(first, slots[0]) == getattr(second, slots[0]):
            return None
        after = with_object(scene, 0, **{slot: getattr(second, slot) for slot in slots})
        return scene, with_object(after, 1, **{slot: getattr(first, slot) for slot in slots})

    return make


def _swap_patterns(scene: Scene, words: Vocabulary, generator: Random) -> Pair | None:
    """The first two objects get two visible patterns, which are then exchanged."""
    visible = [pattern for pattern in words.patterns if pattern != "plain"]
    if len(visible) < 2:
        return None
    one, two = generator.sample(visible, 2)
    return _swap("pattern")(with_object(with_object(scene, 0, pattern=one), 1, pattern=two), words, generator)


def _reverse(scene: Scene, words: Vocabulary, generator: Random) -> Pair | None:
    """The first two objects exchange positions along one axis, within one half of the image."""
    first, second = scene.objects[:2]
    axis, halves = generator.choice((("x", words.locations[:2]), ("y", words.locations[2:])))
    together = any(all(located(obj, half, scene.side) for obj in (first, second)) for half in halves)
    shapes = [obj.shape for obj in scene.objects]
    if not together or shapes.count(first.shape) > 1 or shapes.count(second.shape) > 1:
        return None
    if abs(getattr(first, axis) - getattr(second, axis)) < _APART * scene.side:
        return None
    after = with_object(scene, 0, **{axis: getattr(second, axis)})
    return scene, with_object(after, 1, **{axis: getattr(first, axis)})


def _move(scene: Scene, words: Vocabulary, generator: Random) -> Pair | None:
    """The only object lies on a grid and moves to the opposite half; its other coordinate is kept."""
    column, row = generator.choice(_GRID), generator.choice(_GRID)
    axis = generator.choice(("x", "y"))
    before = with_object(scene, 0, x=column * scene.side, y=row * scene.side)
    return before, with_object(before, 0, **{axis: scene.side - getattr(before.objects[0], axis)})


def _recount(scene: Scene, words: Vocabulary, generator: Random) -> Pair | None:
    """All objects have one shape; one of them is removed or added."""
    if len(scene.objects) < 2:
        return None
    shape = generator.choice(scene.objects).shape
    objects: tuple[SceneObject, ...] = tuple(replace(obj, shape=shape) for obj in scene.objects)
    pair = replace(scene, objects=objects), replace(scene, objects=objects[:-1])
    return pair if generator.random() < 0.5 else pair[::-1]


_NAMED = ("conjunction", "location", "attribute", "relation")
_ALL = ("iid", "new_pair", "new_wording", "more_objects")

RECIPES = (
    Recipe("color", "replace", None, _NAMED, _ALL, _replace_value("color", lambda words: words.colors)),
    Recipe("object", "replace", None, _NAMED, _ALL, _replace_value("shape", lambda words: words.shapes)),
    Recipe("size", "replace", 2, ("attribute", "location"), ("iid", "new_pair", "new_wording"), _resize),
    Recipe("color", "swap", None, ("conjunction",), _ALL, _swap("color")),
    Recipe("size", "swap", None, ("conjunction",), ("iid", "new_wording", "more_objects"), _swap("size", "radius")),
    Recipe("pattern", "swap", None, ("conjunction",), ("iid", "new_wording", "more_objects"), _swap_patterns),
    Recipe("relation", "reverse", None, ("relation",), (*_ALL, "new_relation"), _reverse, by_wording=True),
    Recipe("location", "replace", 1, ("location",), ("iid", "new_pair", "new_wording"), _move),
    Recipe("count", "recount", None, ("count",), ("iid", "new_wording", "more_objects"), _recount),
)
