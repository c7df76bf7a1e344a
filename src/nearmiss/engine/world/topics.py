"""What can be said of a scene, topic by topic: statements to choose from, not all of them true (wording.py judges)."""

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations

from nearmiss.engine.world.scene import Scene, Thing
from nearmiss.engine.world.statements import OPPOSITE, Mention, Statement
from nearmiss.engine.world.vocabulary import load_vocabulary


def describe(thing: Thing, *, pattern: bool = False) -> Mention:
    """A thing by size, color and shape, and by its pattern where asked for and not plain."""
    said = thing.pattern if pattern and thing.pattern != "plain" else None
    return Mention(shape=thing.shape, color=thing.color, size=thing.size, pattern=said)


def _relations(scene: Scene) -> list[Statement]:
    return [
        Statement((describe(first), describe(second)), predicate)
        for first, second in permutations(scene.things, 2)
        for predicate in OPPOSITE
    ]


def _conjunctions(scene: Scene) -> list[Statement]:
    return [Statement((describe(first), describe(second))) for first, second in permutations(scene.things, 2)]


def _locations(scene: Scene) -> list[Statement]:
    halves = load_vocabulary().locations
    return [Statement((replace(describe(thing), location=half),)) for thing in scene.things for half in halves]


def _attributes(scene: Scene) -> list[Statement]:
    return [Statement((describe(thing),)) for thing in scene.things]


def _nameless(scene: Scene) -> list[Statement]:
    """ "a small red thing"."""
    return [Statement((replace(describe(thing), shape=None),)) for thing in scene.things]


def _counts(scene: Scene) -> list[Statement]:
    """ "two cubes"; "one ball" or "two things" where no shape comes twice, which would crowd out the former."""
    names = [thing.shape for thing in scene.things]
    groups = [Mention(shape=name, count=names.count(name)) for name in sorted(set(names))]
    if len(groups) == len(names):
        groups.append(Mention(count=len(names)))
    return [Statement((mention,)) for mention in groups]


def _totals(scene: Scene) -> list[Statement]:
    """ "two things"."""
    return [Statement((Mention(count=len(scene.things)),))]


def _patterns(scene: Scene) -> list[Statement]:
    return [Statement((describe(thing, pattern=True),)) for thing in scene.things if thing.pattern != "plain"]


def _patterns_both(scene: Scene) -> list[Statement]:
    """Conjunctions of two things that both have a pattern."""
    patterned = [thing for thing in scene.things if thing.pattern != "plain"]
    pairs = permutations(patterned, 2)
    return [Statement((describe(first, pattern=True), describe(second, pattern=True))) for first, second in pairs]


def _grounds(scene: Scene) -> list[Statement]:
    return [replace(s, ground=scene.ground) for s in (*_attributes(scene), *_totals(scene))]


def _grounds_both(scene: Scene) -> list[Statement]:
    return [replace(s, ground=scene.ground) for s in _conjunctions(scene)]


def _general(scene: Scene) -> list[Statement]:
    """ "a small red solid"."""
    return [Statement((mention,)) for thing in scene.things for mention in _by_class(thing)]


def _general_relations(scene: Scene) -> list[Statement]:
    """ "a small red solid above a blue star"."""
    return [
        Statement((mention, describe(second)), predicate)
        for first, second in permutations(scene.things, 2)
        for mention in _by_class(first)
        for predicate in OPPOSITE
    ]


def _by_class(thing: Thing) -> list[Mention]:
    classes = load_vocabulary().classes
    return [replace(describe(thing), shape=name) for name, shapes in classes.items() if thing.shape in shapes]


def _three(scene: Scene) -> list[Statement]:
    """ "a red cube and a blue ball and a green cone", by color and shape alone: long enough."""
    short_mentions = {thing.thing_id: Mention(shape=thing.shape, color=thing.color) for thing in scene.things}
    return [Statement(tuple(short_mentions[t.thing_id] for t in three)) for three in permutations(scene.things, 3)]


def _actions(scene: Scene) -> list[Statement]:
    """ "a small red cube is spinning"."""
    return [Statement((replace(describe(thing), action=thing.action),)) for thing in scene.things if thing.action]


def _action_relations(scene: Scene) -> list[Statement]:
    """ "a red cube is spinning above a blue ball"."""
    return [
        Statement((replace(describe(first), action=first.action), describe(second)), predicate)
        for first, second in permutations(scene.things, 2)
        for predicate in OPPOSITE
        if first.action
    ]


def _both(scene: Scene) -> list[Statement]:
    """ "there is both a red cube and a blue ball"."""
    return [_joined("both", describe(first), describe(second)) for first, second in permutations(scene.things, 2)]


def _either(scene: Scene) -> list[Statement]:
    """ "there is either a red cube or a blue ball", where one of them is there."""
    return [
        _joined("either", *order)
        for thing in scene.things
        for other in _others(thing)
        for order in permutations((describe(thing), other))
    ]


def _denied(scene: Scene) -> list[Statement]:
    """ "there is no red ball", of a color and a shape that the scene has, but not together."""
    colors, shapes = ({getattr(thing, kind) for thing in scene.things} for kind in ("color", "shape"))
    pairs = [(color, shape) for color in sorted(colors) for shape in sorted(shapes)]
    alone = [Mention(shape=shape, count=0) for shape in sorted(load_vocabulary().plurals)]
    return [Statement((mention,)) for mention in (*(Mention(shape=s, color=c, count=0) for c, s in pairs), *alone)]


def _joined(join: str, one: Mention, other: Mention) -> Statement:
    return Statement((one, other), join=join, parts=(Statement((one,)), Statement((other,))))


def _others(thing: Thing) -> list[Mention]:
    """The thing in other colors."""
    return [replace(describe(thing), color=color) for color in load_vocabulary().colors if color != thing.color]


TOPICS: dict[str, Callable[[Scene], list[Statement]]] = {
    "relation": _relations,
    "conjunction": _conjunctions,
    "location": _locations,
    "attribute": _attributes,
    "nameless": _nameless,
    "count": _counts,
    "pattern": _patterns,
    "patterns": _patterns_both,
    "ground": _grounds,
    "ground_both": _grounds_both,
    "general": _general,
    "general_relation": _general_relations,
    "three": _three,
    "action": _actions,
    "action_relation": _action_relations,
    "both": _both,
    "either": _either,
    "denied": _denied,
}
