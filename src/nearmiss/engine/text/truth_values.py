"""Truth values of statements about annotated images, and their combination."""

from collections.abc import Iterable
from enum import IntEnum


class Truth(IntEnum):
    """The truth value of a statement, ordered so that the maximum over possible readings is the value of the best one.

    `UNKNOWN`: the annotations do not decide. `UNDEFINED`: two boxes are too close to decide a position.
    """

    FALSE = 0
    UNKNOWN = 1
    UNDEFINED = 2
    TRUE = 3


def every(parts: Iterable[Truth]) -> Truth:
    """The value of a conjunction: false where a part is; else undefined, unknown, or true where all parts are."""
    values = set(parts)
    for value in (Truth.FALSE, Truth.UNDEFINED, Truth.UNKNOWN):
        if value in values:
            return value
    return Truth.TRUE


def negated(value: Truth) -> Truth:
    """The value of a negation; what is not decided stays undecided."""
    return {Truth.TRUE: Truth.FALSE, Truth.FALSE: Truth.TRUE}.get(value, value)
