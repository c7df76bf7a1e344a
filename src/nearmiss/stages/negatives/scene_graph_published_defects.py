"""What is wrong in HNC's published generator, each fault by a name; mode `faithful` is made of these.

Read in the code of the release (DigitalPhonetics/hard-negative-captions, b15e48a). Faults of selection stand in
scene_graph_published_selection.py, faults of single caption types with the type. Not reproduced: draws without a seed
(ours have one for each image), statistics that saw the validation graphs (ours see the graphs that are given), and
fields of the records that our tables do not have (ambiguity, noisy, bounding boxes).
"""

from collections.abc import Sequence

from nearmiss.engine.text.inflection import is_plural, number_word, plural
from nearmiss.stages.negatives.scene_graph_graphs import Box
from nearmiss.stages.negatives.scene_graph_wording import be, fill, words

_STACKED = frozenset(["on top of", "above", "on"])
_BENEATH = frozenset(["below", "on the bottom of"])
_OVERLAPPING = frozenset(
    ["in", "inside", "around", "behind", "in front of"]
    + [f"{posture} {place}" for posture in ("sitting", "standing", "lying") for place in ("on", "on top of")]
)


def overlap_by_the_wrong_height(one: Box, other: Box) -> float:
    """Intersection over union in which the first box's area is its width times the *second* box's height."""
    (ax, ay, aw, ah), (bx, by, bw, bh) = one, other
    wide = max(min(ax + aw, bx + bw) - max(ax, bx) + 1, 0.0)
    high = max(min(ay + ah, by + bh) - max(ay, by) + 1, 0.0)
    shared = wide * high
    union = (aw + 1) * (bh + 1) + (bw + 1) * (bh + 1) - shared
    return shared / union if union else 0.0


def seems_true(predicate: str, subject: Box, thing: Box) -> bool:
    """The published box test of a foil: few predicates are doubted at all, and of left and right too few cases."""
    (sx, sy, sw, sh), (ox, oy, ow, oh) = subject, thing
    overlap = overlap_by_the_wrong_height(subject, thing)
    if predicate in ("to the left of", "to the right of"):
        apart = sy + sh < oy or oy + oh < sy
        if predicate == "to the left of":
            return sx < ox and (sx + sw < ox or overlap > 0.5 or apart)
        return sx > ox and (sx > ox + ow or overlap > 0.5 or apart)
    if predicate in _STACKED:
        return sy + sh < oy + oh and overlap < 0.5
    if predicate in _BENEATH:
        return sy + sh > oy + oh and overlap < 0.5
    return predicate in _OVERLAPPING and overlap > 0.5


def skipped(predicate: str, *names: str) -> bool:
    """The published constraint on places: a list of exact words, in which "knees" is missing by a slip of the pen."""
    lists = words()
    if predicate not in lists["spatial_predicates"]:
        return False
    return any(name in lists["background"] or name in _body_parts() for name in names)


def body_part(name: str) -> bool:
    """Whether the published list of body parts has the word."""
    return name in _body_parts()


def _body_parts() -> frozenset[str]:
    parts: Sequence[str] = words()["published_body_parts"]
    return frozenset([*parts, *(plural(part) for part in parts if part != "knee"), "hair"])


def article_by_letter(noun: str, attribute: str | None = None) -> str:
    """A noun with its article, which goes by the first letter ("a hour"); plurals have none."""
    said = f"{attribute} {noun}" if attribute else noun
    if is_plural(noun):
        return said
    return f"{'an' if said[0] in 'aeiou' else 'a'} {said}"


def false_count(name: str, true: int, false: int) -> str:
    """A foiled number; where neither number is one the noun falls back to the singular: "There are four tree"."""
    noun = plural(name) if true == 1 and false != 1 else name
    return fill("count", be="is" if false == 1 else "are", number=number_word(false), thing=noun)


def comparison(comparator: str, name: str, other: str) -> str:
    """The names compared; "fewer" swaps its arguments, so that what is said of (cube, ball) is true of (ball, cube)."""
    one, two = (other, name) if comparator == "fewer" else (name, other)
    return fill(comparator, thing=plural(one), other=plural(two))


def inverted_agreement(name: str) -> str:
    """The verb of "There ... both", the wrong way round: "are" before a singular, "is" before a plural."""
    return "is" if be(name) == "are" else "are"
