"""The world's judge: is a statement true of a scene, false of it, or can its pixels not decide?

Reads the exact scene. It shares no code with the check that generators use (engine/text/check.py), so that false
negatives are counted by somebody who did not make them.

Semantics (our choice): a thing that is mentioned exists ("a red cube left of a blue ball" holds when some such pair of
two things does), a number is exact ("two cubes" holds when there are exactly two), size is one of the world's named
sizes, "either" is one of two and not both, and the parts of "both" and "either" are judged each alone. Geometry is
between centers; nearer to the border than `MARGIN` of the picture's side it is undefined.
"""

from itertools import permutations
from math import hypot

from nearmiss.engine.world.scene import Scene, Thing
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


def judge(statement: Statement, scene: Scene) -> bool | None:
    """True, False, or None where the pixels cannot decide (a hidden thing, a borderline position)."""
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


def related(subject: Thing, predicate: str, thing: Thing, side: int) -> bool | None:
    """Whether `subject` stands in relation `predicate` to `thing`; None within the margin."""
    axis, sign = _AXES[predicate]
    return _decide(sign * (getattr(thing, axis) - getattr(subject, axis)), side)


def located(thing: Thing, location: str, side: int) -> bool | None:
    """Whether `thing` lies in the half of the picture that `location` names; None within the margin."""
    axis, sign = _HALVES[location]
    return _decide(sign * (side / 2 - getattr(thing, axis)), side)


def hidden(thing: Thing, scene: Scene) -> bool:
    """Whether a thing that is drawn later lies over the center of this one (things are drawn in their order)."""
    later = scene.things[scene.things.index(thing) + 1 :]
    return any(hypot(other.x - thing.x, other.y - thing.y) < other.radius for other in later)


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


def _class_of(thing: Thing, name: str | None) -> str | None:
    return name if name is not None and thing.shape in load_vocabulary().classes[name] else None


def _matches(mention: Mention, thing: Thing, scene: Scene) -> bool | None:
    named = thing.shape if mention.shape not in load_vocabulary().classes else _class_of(thing, mention.shape)
    said = ((mention.shape, named), (mention.color, thing.color), (mention.size, thing.size))
    further = ((mention.pattern, thing.pattern), (mention.action, thing.action))
    alike = all(word is None or word == value for word, value in (*said, *further))
    if hidden(thing, scene):
        return None
    if not alike:
        return False
    return True if mention.location is None else located(thing, mention.location, scene.side)


def _present(mentions: list[Mention], scene: Scene) -> bool | None:
    """Whether different things of the scene fit all mentions at once."""
    if len(mentions) == 1:
        return _some([_matches(mentions[0], thing, scene) for thing in scene.things])
    fits = [[_matches(mention, thing, scene) for thing in scene.things] for mention in mentions]
    orders = permutations(range(len(scene.things)), len(mentions))
    return _some([_every([fit[i] for fit, i in zip(fits, order, strict=True)]) for order in orders])


def _counted(mention: Mention, scene: Scene) -> bool | None:
    """Whether exactly as many things fit as the mention says."""
    fits = [_matches(mention, thing, scene) for thing in scene.things]
    sure, unsure = fits.count(True), fits.count(None)
    if mention.count is None or not sure <= mention.count <= sure + unsure:
        return False
    return True if unsure == 0 else None


def _joined(statement: Statement, scene: Scene) -> bool | None:
    """Both parts, exactly one, or how the numbers of two kinds of things compare."""
    if statement.join in ("both", "either"):
        parts = [judge(part, scene) for part in statement.parts]
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
    """The least and the greatest number of things that fit."""
    fits = [_matches(mentions[0], thing, scene) for thing in scene.things]
    return fits.count(True), len(fits) - fits.count(False)


def _related(statement: Statement, scene: Scene) -> bool | None:
    """Whether some pair fits; "no A is above B" (a subject counted 0) holds where none does."""
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
            for first, second in permutations(scene.things, 2)
        ]
    )
    return found if subject.count is None or found is None else not found
