"""Checks whether a caption is contradicted by an image's annotations, to avoid false negatives.

A caption is parsed by phrases (parsing.py) and compared with the annotated objects, relations and boxes. The check
shares no code with the world's truth values (engine/world/truth.py), which count the false negatives that it misses.

Semantics (our choice): a mentioned object exists, several mentions are different objects, a number is exact. An object
with a word in the annotators' vocabulary but without annotation is absent, unless the data set is not exhaustive for
it in this image. An object without a word, and an attribute of a kind that is not annotated, is unknown. A crowd
exists, but its number is unknown. If the annotations are not exhaustive, a statement is only plausible as a negative if
nothing but absence contradicts it: an object that is not annotated, or a number. Geometry is between box centers and
undefined within `MARGIN` of a borderline. A negative may name objects of the scene: the statement decides, not the
word.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from nearmiss.engine.text.annotations import Annotated, Annotations, without_posture
from nearmiss.engine.text.assignment import Steps, TooManyStepsError
from nearmiss.engine.text.edited_text import Text
from nearmiss.engine.text.lexicon import hypernyms, load, opposites
from nearmiss.engine.text.own_captions import OwnCaptions
from nearmiss.engine.text.parsing import Caption, Mention
from nearmiss.engine.text.phrase_table import ANYTHING
from nearmiss.engine.text.readings import best_reading
from nearmiss.engine.text.truth_values import Truth, every, negated

MARGIN = 0.04  # of the image's side

Kind = Literal["verified", "plausible", "true", "collision", "undefined"]


@dataclass(frozen=True)
class Verdict:
    """The result for a negative: `verified` (contradicted) and `plausible` are accepted, the others not."""

    kind: Kind
    why: str


UNDECIDED = Verdict("plausible", "too many possible readings")
"""The verdict where the search for a reading takes too many steps (assignment.py)."""
_BY_ABSENCE = Verdict("plausible", "only absence from annotations that are not exhaustive contradicts it")
_NOT_ANNOTATED = Verdict("plausible", "the image has no annotations")
_VERDICTS = {
    Truth.FALSE: Verdict("verified", "the annotations contradict it"),
    Truth.UNKNOWN: Verdict("plausible", "the annotations do not decide"),
    Truth.UNDEFINED: Verdict("undefined", "undefined: too near the border to decide"),
    Truth.TRUE: Verdict("true", "true of the image"),
}


def check(negative: str, annotations: Annotations | None, own_captions: Iterable[str] = ()) -> Verdict:
    """The verdict on a caption as a negative of an image with these annotations (None: not annotated)."""
    names = annotations.vocabulary.names if annotations is not None else frozenset()
    return verdict(Text(negative, names), annotations, OwnCaptions(tuple(own_captions), names))


def verdict(negative: Text, annotations: Annotations | None, own: OwnCaptions) -> Verdict:
    """`check` of a text; all three know the same names."""
    if own.state(negative):
        return Verdict("collision", "states what a caption of the image states")
    if annotations is None:
        return _NOT_ANNOTATED
    caption = negative.statement
    if caption is None:
        return Verdict("plausible", "its statement could not be read")
    steps = Steps()
    value = truth(caption, annotations, steps)
    if value is Truth.FALSE and not annotations.exhaustive:
        return _VERDICTS[value] if truth(caption, annotations.without_absence()) is value else _BY_ABSENCE
    return UNDECIDED if steps.exceeded and value is Truth.UNKNOWN else _VERDICTS[value]


def truth(caption: Caption, annotations: Annotations, steps: Steps | None = None) -> Truth:
    """Truth of a statement by the annotations; unknown where that takes more than `steps` (MAX_STEPS by default)."""
    steps = steps or Steps()
    if caption.join is not None:
        return _of_joined(caption, annotations, steps)
    subjects = {subject for subject, _, _ in caption.relations}
    related = subjects | {obj for _, _, obj in caption.relations}
    parts = [
        _counted(mention, annotations, exact=index not in related)
        for index, mention in enumerate(caption.mentions)
        if mention.count is not None and not (mention.count == 0 and index in related)
    ]
    together = [i for i, mention in enumerate(caption.mentions) if mention.count is None or i in related]
    if together:
        found = _together(caption, together, annotations, steps)
        denied = any(caption.mentions[index].count == 0 for index in subjects)
        parts.append(negated(found) if denied else found)
    return every(parts)


def _of_joined(caption: Caption, annotations: Annotations, steps: Steps) -> Truth:
    """For two statements: whether both hold, whether exactly one does, or how two numbers compare."""
    if caption.join not in ("both", "either"):
        return _compared(caption, annotations)
    parts = [truth(part, annotations, steps) for part in caption.parts]
    if caption.join == "both":
        return every(parts)
    if not {*parts} <= {Truth.TRUE, Truth.FALSE}:
        return max(part for part in parts if part is not Truth.TRUE)
    return Truth.TRUE if len({*parts}) == 2 else Truth.FALSE


def _compared(caption: Caption, annotations: Annotations) -> Truth:
    """Whether the numbers of two kinds of objects compare as stated; unknown where an attribute leaves them open."""
    bounds = []
    for mention in caption.mentions:
        if not _counts(mention.noun, annotations):
            return Truth.UNKNOWN
        fits = [_fits(mention, obj, annotations) for obj in annotations.objects]
        bounds.append((fits.count(Truth.TRUE), len(fits) - fits.count(Truth.FALSE)))
    if len(bounds) != 2:
        return Truth.UNKNOWN
    (least, most), (other_least, other_most) = bounds if caption.join != "fewer" else bounds[::-1]
    if caption.join == "as many":
        apart = most < other_least or least > other_most
        return Truth.FALSE if apart else Truth.TRUE if least == most == other_least == other_most else Truth.UNKNOWN
    return Truth.TRUE if least > other_most else Truth.FALSE if most <= other_least else Truth.UNKNOWN


def _counted(mention: Mention, annotations: Annotations, *, exact: bool) -> Truth:
    """Whether the number is right; where a relation narrows the objects down, whether there are enough."""
    number = mention.count or 0
    fits = [_fits(mention, obj, annotations) for obj in annotations.objects]
    sure = fits.count(Truth.TRUE)
    possible = sure + fits.count(Truth.UNKNOWN) + fits.count(Truth.UNDEFINED)
    if not number and sure and _has_word(mention.noun, annotations):
        return Truth.FALSE  # a crowd exists, or one of several objects that are not all annotated
    if not _counts(mention.noun, annotations):
        return Truth.UNKNOWN
    if possible < number or (exact and sure > number):
        return Truth.FALSE
    if possible == sure:
        return Truth.TRUE if exact else Truth.UNKNOWN
    return Truth.UNDEFINED if Truth.UNDEFINED in fits else Truth.UNKNOWN


def _together(caption: Caption, mentions: Sequence[int], annotations: Annotations, steps: Steps) -> Truth:
    """The best value of all mentions and relations over assignments of different annotated objects.

    Several mentions may be of one crowd, whose objects have no boxes. A mention of a noun that is not annotated
    exhaustively may also be an object without annotation. Beyond the step limit the value is unknown, never false.
    """
    objects = [obj for obj in annotations.objects if not obj.crowd]
    crowds = [obj for obj in annotations.objects if obj.crowd]
    fits, unmarked = [], []
    for index in mentions:
        mention = caption.mentions[index]
        fits.append([_fits(mention, obj, annotations) for obj in objects])
        others = [_fits(mention, obj, annotations) for obj in crowds]
        if not _marks_all(mention.noun, annotations):
            others.append(Truth.UNKNOWN)
        unmarked.append(max(others, default=Truth.FALSE))
        if not unmarked[-1] and not any(fits[-1]):
            return Truth.FALSE
    position = {index: at for at, index in enumerate(mentions)}
    relations = [
        (position[subject], predicate, position[other])
        for subject, predicate, other in caption.relations
        if subject in position and other in position
    ]
    known = _Relations(annotations, objects, {predicate for _, predicate, _ in relations})
    try:
        return best_reading(fits, unmarked, relations, known.between, known.looks, steps)
    except TooManyStepsError:
        return Truth.UNKNOWN


def _has_word(noun: str, annotations: Annotations) -> bool:
    """Whether the annotators' vocabulary has a word for such an object."""
    return noun == ANYTHING or noun in annotations.vocabulary.nouns


def _marks_all(noun: str, annotations: Annotations) -> bool:
    """Whether every such object in the image is annotated."""
    return annotations.closed is None if noun == ANYTHING else annotations.marks_all(noun)


def _counts(noun: str, annotations: Annotations) -> bool:
    """Whether the number of such objects is known: all are annotated, and none in a crowd."""
    if noun == ANYTHING:
        return annotations.closed is None and not any(obj.crowd for obj in annotations.objects)
    return annotations.counts(noun)


@cache
def _named(claimed: str, noun: str) -> Truth:
    """Whether an object annotated as `noun` is a `claimed`."""
    if claimed in (ANYTHING, noun) or claimed in hypernyms(noun) or noun.endswith(f" {claimed}"):
        return Truth.TRUE
    if noun in hypernyms(claimed) or claimed.endswith(f" {noun}"):
        return Truth.UNKNOWN
    return Truth.FALSE


def _fits(mention: Mention, obj: Annotated, annotations: Annotations) -> Truth:
    """Whether the object matches noun, attributes and location of the mention."""
    named = _named(mention.noun, obj.noun)
    if named is Truth.FALSE:
        return named
    if obj.crowd:
        return Truth.UNKNOWN if mention.attributes or mention.location else named
    parts = [named, *(_carries(obj, kind, group) for kind, group in mention.attributes)]
    if mention.location is not None:
        parts.append(_located(obj, mention.location, annotations))
    return every(parts)


def _carries(obj: Annotated, kind: str, group: str) -> Truth:
    """Whether the object has the attribute; another one of the same kind, or the opposite, contradicts it."""
    if (kind, group) in obj.attributes:
        return Truth.TRUE
    contrary = opposites("size").get(group, ())
    if kind and any(other == kind or value in contrary for other, value in obj.attributes):
        return Truth.FALSE
    return Truth.UNKNOWN


def _located(obj: Annotated, location: str, annotations: Annotations) -> Truth:
    if location not in load("location")["axes"]:
        return Truth.UNKNOWN
    axis, sign = load("location")["axes"][location]
    side = annotations.width if axis == "x" else annotations.height
    return _decide(sign * (side / 2 - _center(obj, axis)), side)


# Decided by boxes; for "over" and "under", boxes only decide what is impossible.
_GEOMETRIC = frozenset(("to the left of", "to the right of", "above", "below"))


class _Relations:
    """Whether relations hold between annotated objects, given by their indices in `objects`.

    `looks` holds all that determines the relations of an object: its center on the axes of the predicates, and its
    identity where it has annotated relations.
    """

    def __init__(self, annotations: Annotations, objects: Sequence[Annotated], predicates: set[str]) -> None:
        self._annotations = annotations
        self._axes = load("location")["axes"]
        axes = {self._axes[form][0] for each in predicates if (form := without_posture(each)) in self._axes}
        self._ids = [obj.object_id for obj in objects]
        self._centers = {axis: [_center(obj, axis) for obj in objects] for axis in sorted(axes)}
        stated = annotations.relations if predicates else ()
        self._linked = {pair for one, _, other in stated for pair in ((one, other), (other, one))}
        ends = {one for one, _ in self._linked}
        self.looks: list[Hashable] = [
            (name if name in ends else None, *(centers[at] for centers in self._centers.values()))
            for at, name in enumerate(self._ids)
        ]

    def between(self, subject: int, predicate: str, other: int) -> Truth:
        """Whether the relation is annotated, excluded by another that is, or decided by the boxes."""
        pair = self._ids[subject], self._ids[other]
        stated = _stated(pair[0], predicate, pair[1], self._annotations.relations) if pair in self._linked else None
        if stated is not None:
            return stated
        predicate = without_posture(predicate)
        if predicate not in self._axes:
            return Truth.UNKNOWN
        axis, sign = self._axes[predicate]
        side = self._annotations.width if axis == "x" else self._annotations.height
        value = _decide(sign * (self._centers[axis][other] - self._centers[axis][subject]), side)
        return value if predicate in _GEOMETRIC or value is Truth.FALSE else Truth.UNKNOWN


def _stated(subject: str, predicate: str, other: str, relations: frozenset[tuple[str, str, str]]) -> Truth | None:
    """The value of a relation by the annotated relations between two objects (ids); None where undecided."""
    if (subject, predicate, other) in relations:
        return Truth.TRUE
    predicate = without_posture(predicate)
    contrary = opposites("location").get(predicate, ())
    if any((subject, each, other) in relations for each in contrary):
        return Truth.FALSE
    if (other, predicate, subject) in relations and predicate in load("location")["symmetric"]:
        return Truth.TRUE
    if contrary and (other, predicate, subject) in relations:
        return Truth.FALSE
    if any((other, each, subject) in relations for each in contrary if predicate in _GEOMETRIC):
        return Truth.TRUE
    return None


def _center(obj: Annotated, axis: str) -> float:
    x, y, w, h = obj.box
    return x + w / 2 if axis == "x" else y + h / 2


def _decide(distance: float, side: float) -> Truth:
    if abs(distance) < MARGIN * side:
        return Truth.UNDEFINED
    return Truth.TRUE if distance > 0 else Truth.FALSE
