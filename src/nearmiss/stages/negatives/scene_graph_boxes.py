"""Could a relation hold between two boxes? HNC's box test (its noisy detector), corrected.

Corrections: the published code takes one box's height for the other's area, lets left/right pass where columns
overlap, and never doubts nearness. Here a false triple is refused wherever the boxes leave it possible.
"""

from nearmiss.stages.negatives.scene_graph_graphs import Box

_ABOVE = frozenset(["above", "over", "on", "on top of", "standing on", "sitting on", "lying on", "lying on top of"])
_BELOW = frozenset(["below", "under", "beneath", "underneath", "on the bottom of", "sitting under", "standing under"])
_SHARING = frozenset(["in", "inside", "around", "behind", "in front of", "covering", "covered by", "surrounding"])
_NEAR = frozenset(["near", "next to", "beside", "by", "close to", "on the side of", "touching"])


def could_hold(predicate: str, subject: Box, thing: Box) -> bool:
    """Whether the boxes allow "subject predicate thing". Predicates that boxes say nothing about: False, as in HNC."""
    (sx, sy), (ox, oy) = _center(subject), _center(thing)
    if predicate == "to the left of":
        return sx <= ox
    if predicate == "to the right of":
        return sx >= ox
    if predicate in _ABOVE:
        return sy <= oy
    if predicate in _BELOW:
        return sy >= oy
    if predicate in _SHARING:
        return _overlap(subject, thing) > 0
    if predicate in _NEAR:
        return _gap(subject, thing) < max(subject[2], subject[3], thing[2], thing[3])
    return False


def _center(box: Box) -> tuple[float, float]:
    x, y, w, h = box
    return x + w / 2, y + h / 2


def _overlap(one: Box, other: Box) -> float:
    """Area of the intersection in square pixels."""
    wide = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    high = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    return max(wide, 0.0) * max(high, 0.0)


def _gap(one: Box, other: Box) -> float:
    """Pixels between two boxes along the wider of their two gaps; 0 where they touch."""
    aside = max(one[0], other[0]) - min(one[0] + one[2], other[0] + other[2])
    above = max(one[1], other[1]) - min(one[1] + one[3], other[1] + other[3])
    return max(aside, above, 0.0)
