"""Words of a type that occur on one side of its pairs far more often than on the other.

A word that one caption of a pair has more often than the other is a vote; z is how far the votes are from a coin's, in
standard errors: (positive - negative) / sqrt(positive + negative).
"""

from collections import Counter
from math import sqrt
from typing import Any

from nearmiss.engine.audit.pairs import Pairs

_MOST = 8
_CLEAR = 3.0  # of thousands of words, a few reach 3 by chance


def one_sided_words(pairs: Pairs) -> dict[str, list[dict[str, Any]]]:
    """For each type the most one-sided words, the clearest first: word, votes as `positive` and `negative`, z."""
    return {kind: _of(pairs.take(rows)) for kind, rows in pairs.kinds.items()}


def _of(pairs: Pairs) -> list[dict[str, Any]]:
    votes: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for one, other in pairs.tokens:
        first, second = Counter(one), Counter(other)
        votes[True].update((first - second).keys())
        votes[False].update((second - first).keys())
    found: list[tuple[float, str, int, int]] = []
    for word in sorted(set(votes[True]) | set(votes[False])):
        positive, negative = votes[True][word], votes[False][word]
        z = (positive - negative) / sqrt(positive + negative)
        if abs(z) >= _CLEAR:
            found.append((round(z, 2), word, positive, negative))
    clearest = sorted(found, key=lambda row: (-abs(row[0]), row[1]))[:_MOST]
    return [{"word": word, "positive": one, "negative": other, "z": z} for z, word, one, other in clearest]
