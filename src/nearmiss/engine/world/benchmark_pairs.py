"""Pairs of scenes that differ in one thing only, one recipe for each (concept, operator) of the benchmark.

A recipe takes a drawn scene and gives the scene before and after its one change, same ground, light and noise, or None
where the drawn scene does not lend itself to it. Things 0 and 1 are the ones that captions speak of. What each recipe
asks for isolates that change: a new value is absent from both scenes, exchanged values are both present, related things
lie in the same half of the picture, a located thing is alone and on a grid.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from random import Random

from nearmiss.engine.world.scene import Scene, Thing
from nearmiss.engine.world.scenes import is_clear
from nearmiss.engine.world.truth import located
from nearmiss.engine.world.vocabulary import Vocabulary

Pair = tuple[Scene, Scene]

# Centers of the grid on which located things lie, as shares of the side; each mirrors one of the other half.
_GRID = (0.27, 0.36, 0.64, 0.73)
# Least distance of related things along their axis, as a share of the side: people see it at a glance.
_APART = 0.1


@dataclass(frozen=True)
class Recipe:
    """How items of one (concept, operator) are made.

    `things`: how many things the scenes have, None for two or more. `topics`: what captions may speak of.
    """

    concept: str
    operator: str
    things: int | None
    topics: tuple[str, ...]
    conditions: tuple[str, ...]
    make: Callable[[Scene, Vocabulary, Random], Pair | None]


def with_thing(scene: Scene, index: int, **changes: str | float) -> Scene:
    """The scene with one thing changed."""
    things = list(scene.things)
    things[index] = replace(things[index], **changes)  # type: ignore[arg-type]
    return replace(scene, things=tuple(things))


def clear(scene: Scene) -> bool:
    """Whether all things lie inside the picture, clear of each other and of every borderline."""
    inside = all(min(t.x, t.y, scene.side - t.x, scene.side - t.y) >= t.radius for t in scene.things)
    places, radii = [(t.x, t.y) for t in scene.things], [t.radius for t in scene.things]
    return inside and is_clear(places, radii, scene.side)


def _replace_value(slot: str, known: Callable[[Vocabulary], Iterable[str]]) -> Callable[..., Pair | None]:
    """The first thing gets a value that no thing has; its old value was its own alone."""

    def make(scene: Scene, words: Vocabulary, generator: Random) -> Pair | None:
        seen = [getattr(thing, slot) for thing in scene.things]
        absent = [value for value in known(words) if value not in seen]
        if not absent or seen.count(seen[0]) > 1:
            return None
        return scene, with_thing(scene, 0, **{slot: generator.choice(absent)})

    return make


def _resize(scene: Scene, words: Vocabulary, generator: Random) -> Pair | None:
    """The one thing gets another size; each size's radius is drawn by the scene that had it."""
    thing, other = scene.things[0], scene.things[-1]
    if len(scene.things) != 2 or thing.size == other.size:
        return None
    alone = replace(scene, things=(thing,))
    return alone, with_thing(alone, 0, size=other.size, radius=other.radius)


def _swap(*slots: str) -> Callable[..., Pair | None]:
    """The first two things, of different shapes, exchange values that both differ."""

    def make(scene: Scene, words: Vocabulary, generator: Random) -> Pair | None:
        first, second = scene.things[:2]
        if first.shape == second.shape or getattr(first, slots[0]) == getattr(second, slots[0]):
            return None
        after = with_thing(scene, 0, **{slot: getattr(second, slot) for slot in slots})
        return scene, with_thing(after, 1, **{slot: getattr(first, slot) for slot in slots})

    return make


def _swap_patterns(scene: Scene, words: Vocabulary, generator: Random) -> Pair | None:
    """Two visible patterns are laid on the first two things, then exchanged."""
    visible = [pattern for pattern in words.patterns if pattern != "plain"]
    if len(visible) < 2:
        return None
    one, two = generator.sample(visible, 2)
    return _swap("pattern")(with_thing(with_thing(scene, 0, pattern=one), 1, pattern=two), words, generator)


def _reverse(scene: Scene, words: Vocabulary, generator: Random) -> Pair | None:
    """The first two things exchange their places along one axis, inside one half of the picture."""
    first, second = scene.things[:2]
    axis, halves = generator.choice((("x", words.locations[:2]), ("y", words.locations[2:])))
    together = any(all(located(thing, half, scene.side) for thing in (first, second)) for half in halves)
    shapes = [thing.shape for thing in scene.things]
    if not together or shapes.count(first.shape) > 1 or shapes.count(second.shape) > 1:
        return None
    if abs(getattr(first, axis) - getattr(second, axis)) < _APART * scene.side:
        return None
    after = with_thing(scene, 0, **{axis: getattr(second, axis)})
    return scene, with_thing(after, 1, **{axis: getattr(first, axis)})


def _move(scene: Scene, words: Vocabulary, generator: Random) -> Pair | None:
    """The one thing stands on a grid and moves to the opposite half, its other coordinate kept."""
    column, row = generator.choice(_GRID), generator.choice(_GRID)
    axis = generator.choice(("x", "y"))
    before = with_thing(scene, 0, x=column * scene.side, y=row * scene.side)
    return before, with_thing(before, 0, **{axis: scene.side - getattr(before.things[0], axis)})


def _recount(scene: Scene, words: Vocabulary, generator: Random) -> Pair | None:
    """All things have one shape, and one of them is not there."""
    if len(scene.things) < 2:
        return None
    shape = generator.choice(scene.things).shape
    things: tuple[Thing, ...] = tuple(replace(thing, shape=shape) for thing in scene.things)
    pair = replace(scene, things=things), replace(scene, things=things[:-1])
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
    Recipe("relation", "reverse", None, ("relation",), (*_ALL, "new_relation"), _reverse),
    Recipe("location", "replace", 1, ("location",), ("iid", "new_pair", "new_wording"), _move),
    Recipe("count", "recount", None, ("count",), ("iid", "new_wording", "more_objects"), _recount),
)
