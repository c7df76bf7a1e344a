"""Candidate statements about a scene, by topic; not all of them are true (wording.py filters them)."""

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations

from nearmiss.engine.world.scene import Scene, SceneObject
from nearmiss.engine.world.statements import OPPOSITE, Mention, Statement
from nearmiss.engine.world.vocabulary import load_vocabulary


def describe(obj: SceneObject, *, pattern: bool = False) -> Mention:
    """An object by size, color and shape; with `pattern`, also by its pattern unless that is plain."""
    pattern_word = obj.pattern if pattern and obj.pattern != "plain" else None
    return Mention(shape=obj.shape, color=obj.color, size=obj.size, pattern=pattern_word)


def _relations(scene: Scene) -> list[Statement]:
    return [
        Statement((describe(first), describe(second)), predicate)
        for first, second in permutations(scene.objects, 2)
        for predicate in OPPOSITE
    ]


def _conjunctions(scene: Scene) -> list[Statement]:
    return [Statement((describe(first), describe(second))) for first, second in permutations(scene.objects, 2)]


def _locations(scene: Scene) -> list[Statement]:
    halves = load_vocabulary().locations
    return [Statement((replace(describe(obj), location=half),)) for obj in scene.objects for half in halves]


def _attributes(scene: Scene) -> list[Statement]:
    return [Statement((describe(obj),)) for obj in scene.objects]


def _nameless(scene: Scene) -> list[Statement]:
    """ "a small red thing"."""
    return [Statement((replace(describe(obj), shape=None),)) for obj in scene.objects]


def _counts(scene: Scene) -> list[Statement]:
    """ "two cubes"; "one ball" or "two things" where no shape occurs twice."""
    names = [obj.shape for obj in scene.objects]
    groups = [Mention(shape=name, count=names.count(name)) for name in sorted(set(names))]
    if len(groups) == len(names):
        groups.append(Mention(count=len(names)))
    return [Statement((mention,)) for mention in groups]


def _totals(scene: Scene) -> list[Statement]:
    """ "two things"."""
    return [Statement((Mention(count=len(scene.objects)),))]


def _patterns(scene: Scene) -> list[Statement]:
    return [Statement((describe(obj, pattern=True),)) for obj in scene.objects if obj.pattern != "plain"]


def _patterns_both(scene: Scene) -> list[Statement]:
    """Conjunctions of two objects that both have a pattern."""
    patterned = [obj for obj in scene.objects if obj.pattern != "plain"]
    pairs = permutations(patterned, 2)
    return [Statement((describe(first, pattern=True), describe(second, pattern=True))) for first, second in pairs]


def _grounds(scene: Scene) -> list[Statement]:
    return [replace(s, ground=scene.ground) for s in (*_attributes(scene), *_totals(scene))]


def _grounds_both(scene: Scene) -> list[Statement]:
    return [replace(s, ground=scene.ground) for s in _conjunctions(scene)]


def _general(scene: Scene) -> list[Statement]:
    """ "a small red solid"."""
    return [Statement((mention,)) for obj in scene.objects for mention in _by_class(obj)]


def _general_relations(scene: Scene) -> list[Statement]:
    """ "a small red solid above a blue star"."""
    return [
        Statement((mention, describe(second)), predicate)
        for first, second in permutations(scene.objects, 2)
        for mention in _by_class(first)
        for predicate in OPPOSITE
    ]


def _by_class(obj: SceneObject) -> list[Mention]:
    classes = load_vocabulary().classes
    return [replace(describe(obj), shape=name) for name, shapes in classes.items() if obj.shape in shapes]


def _three(scene: Scene) -> list[Statement]:
    """ "a red cube and a blue ball and a green cone", by color and shape only, for brevity."""
    short_mentions = {obj.object_id: Mention(shape=obj.shape, color=obj.color) for obj in scene.objects}
    return [Statement(tuple(short_mentions[t.object_id] for t in three)) for three in permutations(scene.objects, 3)]


def _actions(scene: Scene) -> list[Statement]:
    """ "a small red cube is spinning"."""
    return [Statement((replace(describe(obj), action=obj.action),)) for obj in scene.objects if obj.action]


def _action_relations(scene: Scene) -> list[Statement]:
    """ "a red cube is spinning above a blue ball"."""
    return [
        Statement((replace(describe(first), action=first.action), describe(second)), predicate)
        for first, second in permutations(scene.objects, 2)
        for predicate in OPPOSITE
        if first.action
    ]


def _both(scene: Scene) -> list[Statement]:
    """ "there is both a red cube and a blue ball"."""
    return [_joined("both", describe(first), describe(second)) for first, second in permutations(scene.objects, 2)]


def _either(scene: Scene) -> list[Statement]:
    """ "there is either a red cube or a blue ball", where one of them is present."""
    return [
        _joined("either", *order)
        for obj in scene.objects
        for other in _others(obj)
        for order in permutations((describe(obj), other))
    ]


def _denied(scene: Scene) -> list[Statement]:
    """ "there is no red ball", of a color and a shape that both occur in the scene."""
    colors, shapes = ({getattr(obj, kind) for obj in scene.objects} for kind in ("color", "shape"))
    pairs = [(color, shape) for color in sorted(colors) for shape in sorted(shapes)]
    bare = [Mention(shape=shape, count=0) for shape in sorted(load_vocabulary().plurals)]
    return [Statement((mention,)) for mention in (*(Mention(shape=s, color=c, count=0) for c, s in pairs), *bare)]


def _joined(join: str, one: Mention, other: Mention) -> Statement:
    return Statement((one, other), join=join, parts=(Statement((one,)), Statement((other,))))


def _others(obj: SceneObject) -> list[Mention]:
    """The object in other colors."""
    return [replace(describe(obj), color=color) for color in load_vocabulary().colors if color != obj.color]


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
