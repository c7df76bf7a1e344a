"""The truth value of a statement about a scene: true, false, or undecided by the pixels.

Reads the exact scene. It shares no code with the check that generators use (engine/text/verdict.py), so that false
negatives are counted independently.

Semantics (our choice): a mention is existential ("a red cube left of a blue ball" holds when some such pair of objects
exists), a number is exact ("two cubes" holds when there are exactly two), size is one of the world's named sizes,
"either" is exclusive, and the parts of "both" and "either" are evaluated separately. Geometry is between centers and
undefined within a margin of `MARGIN` times the image side.
"""

from itertools import permutations
from math import hypot

from nearmiss.engine.world.scene import Scene, SceneObject
from nearmiss.engine.world.statements import Mention, Statement
from nearmiss.engine.world.vocabulary import load_vocabulary

MARGIN = 0.04

_AXES = {"to the left of": ("x", 1), "to the right of": ("x", -1), "above": ("y", 1), "below": ("y", -1)}
_HALVES = {
    "on the left-hand side": ("x", 1),
    "on the right-hand side": ("x", -1),
    "at the top": ("y", 1),
    "at the bottom": ("y", -1),
}


def truth_value(statement: Statement, scene: Scene) -> bool | None:
    """True, False, or None where the pixels cannot decide (an occluded object, a borderline position)."""
    if statement.join is not None:
        return _joined(statement, scene)
    parts: list[bool | None] = []
    if statement.ground is not None:
        parts.append(statement.ground == scene.ground)
    if statement.predicate is not None:
        parts.append(_related(statement, scene))
    else:
        counted = [mention for mention in statement.mentions if mention.count is not None]
        parts.extend(_counted(mention, scene) for mention in counted)
        parts.append(_present([mention for mention in statement.mentions if mention.count is None], scene))
    return _every(parts)


def related(subject: SceneObject, predicate: str, obj: SceneObject, side: int) -> bool | None:
    """Whether `subject` is in relation `predicate` to `obj`; None within the margin."""
    axis, sign = _AXES[predicate]
    return _decide(sign * (getattr(obj, axis) - getattr(subject, axis)), side)


def located(obj: SceneObject, location: str, side: int) -> bool | None:
    """Whether `obj` lies in the half of the image that `location` names; None within the margin."""
    axis, sign = _HALVES[location]
    return _decide(sign * (side / 2 - getattr(obj, axis)), side)


def is_occluded(obj: SceneObject, scene: Scene) -> bool:
    """Whether an object that is drawn later covers the center of this one (objects are drawn in order)."""
    later = scene.objects[scene.objects.index(obj) + 1 :]
    return any(hypot(other.x - obj.x, other.y - obj.y) < other.radius for other in later)


def _decide(distance: float, side: int) -> bool | None:
    if abs(distance) < MARGIN * side:
        return None
    return distance > 0


def _every(parts: list[bool | None]) -> bool | None:
    if False in parts:
        return False
    return None if None in parts else True


def _some(parts: list[bool | None]) -> bool | None:
    if True in parts:
        return True
    return None if None in parts else False


def _class_of(obj: SceneObject, name: str | None) -> str | None:
    return name if name is not None and obj.shape in load_vocabulary().classes[name] else None


def _matches(mention: Mention, obj: SceneObject, scene: Scene) -> bool | None:
    named = obj.shape if mention.shape not in load_vocabulary().classes else _class_of(obj, mention.shape)
    stated = ((mention.shape, named), (mention.color, obj.color), (mention.size, obj.size))
    further = ((mention.pattern, obj.pattern), (mention.action, obj.action))
    alike = all(word is None or word == value for word, value in (*stated, *further))
    if is_occluded(obj, scene):
        return None
    if not alike:
        return False
    return True if mention.location is None else located(obj, mention.location, scene.side)


def _present(mentions: list[Mention], scene: Scene) -> bool | None:
    """Whether distinct objects of the scene match all mentions at once."""
    if len(mentions) == 1:
        return _some([_matches(mentions[0], obj, scene) for obj in scene.objects])
    fits = [[_matches(mention, obj, scene) for obj in scene.objects] for mention in mentions]
    orders = permutations(range(len(scene.objects)), len(mentions))
    return _some([_every([fit[i] for fit, i in zip(fits, order, strict=True)]) for order in orders])


def _counted(mention: Mention, scene: Scene) -> bool | None:
    """Whether the number of matching objects is that of the mention."""
    fits = [_matches(mention, obj, scene) for obj in scene.objects]
    sure, unsure = fits.count(True), fits.count(None)
    if mention.count is None or not sure <= mention.count <= sure + unsure:
        return False
    return True if unsure == 0 else None


def _joined(statement: Statement, scene: Scene) -> bool | None:
    """Both parts, exactly one, or a comparison of two counts."""
    if statement.join in ("both", "either"):
        parts = [truth_value(part, scene) for part in statement.parts]
        if statement.join == "both" or None in parts:
            return _every(parts) if statement.join == "both" else None
        return parts[0] != parts[1]
    one, other = (_bounds(part.mentions, scene) for part in statement.parts)
    if statement.join == "fewer":
        one, other = other, one
    if statement.join == "as many":
        return (one == other) if one[0] == one[1] and other[0] == other[1] else None
    return True if one[0] > other[1] else False if one[1] <= other[0] else None


def _bounds(mentions: tuple[Mention, ...], scene: Scene) -> tuple[int, int]:
    """The least and the greatest number of matching objects."""
    fits = [_matches(mentions[0], obj, scene) for obj in scene.objects]
    return fits.count(True), len(fits) - fits.count(False)


def _related(statement: Statement, scene: Scene) -> bool | None:
    """Whether some pair matches; "no A is above B" (a subject with count 0) holds where none does."""
    subject, other = statement.mentions
    found = _some(
        [
            _every(
                [
                    _matches(subject, first, scene),
                    _matches(other, second, scene),
                    related(first, statement.predicate or "", second, scene.side),
                ]
            )
            for first, second in permutations(scene.objects, 2)
        ]
    )
    return found if subject.count is None or found is None else not found
