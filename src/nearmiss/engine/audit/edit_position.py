"""Where the edit is: in the true caption earlier than in the false one, or later?

The position of a text's changed words is the middle of the span from the first to the last of them, as a share of the
text's length in tokens. Edits of equal length at equal positions are ties.
"""

import numpy as np

from nearmiss.engine.audit.folds import Fold
from nearmiss.engine.audit.pairs import Array, Pairs, Words
from nearmiss.engine.audit.probe import Corpus


def gap(pairs: Pairs, folds: list[Fold], corpus: Corpus) -> Array:
    """Position in the positive minus position in the negative: (n,), each from 0 to 1."""
    return np.asarray([_position(*_span(one, other)) - _position(*_span(other, one)) for one, other in pairs.tokens])


def _span(words: Words, other: Words) -> tuple[int, int, int]:
    """First changed token, one past the last, and the number of tokens."""
    most = min(len(words), len(other))
    head = next((i for i in range(most) if words[i] != other[i]), most)
    tail = next((i for i in range(most - head) if words[-1 - i] != other[-1 - i]), most - head)
    return head, len(words) - tail, len(words)


def _position(start: int, end: int, length: int) -> float:
    return (start + end) / (2 * length) if length else 0.0
