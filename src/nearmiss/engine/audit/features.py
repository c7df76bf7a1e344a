"""Features of a pair for the classifier: how often each is in the positive more than in the negative.

Families of features: words, pairs of neighboring words, and form. A sparse row a pair; features that fewer than two
pairs have are left out, as they cannot be both in training and test.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import pairwise

import numpy as np
from scipy.sparse import csr_matrix

from nearmiss.engine.audit.pairs import Pairs, Words

_EDGE = ""
_FAR = 30  # tokens; texts longer than captions would have too many pairs


def words(tokens: Words) -> Iterable[str]:
    """Each token by itself."""
    return tokens


def bigrams(tokens: Words) -> Iterable[str]:
    """Neighboring tokens, the text's edges included; never a token by itself."""
    return (f"{a} {b}" for a, b in pairwise((_EDGE, *tokens, _EDGE)))


def words_and_distant_pairs(tokens: Words) -> Iterable[str]:
    """Each token, and ordered pairs of tokens that are no neighbors, at most 30 tokens apart."""
    edged = (_EDGE, *tokens, _EDGE)
    distant = (f"{a} .. {b}" for at, a in enumerate(edged) for b in edged[at + 2 : at + 1 + _FAR])
    return (*tokens, *distant)


def words_and_bigrams(tokens: Words) -> Iterable[str]:
    """Both families."""
    return (*words(tokens), *bigrams(tokens))


_FORMS = {
    "begins with a capital": re.compile(r"^[^\W\d_a-z]"),
    "ends with a full stop": re.compile(r"\.$"),
    "ends with blanks": re.compile(r"\s$"),
    "blank before punctuation": re.compile(r"\s[.,;:!?']"),
    "two blanks": re.compile(r"\s\s"),
    "capital": re.compile(r"[A-Z]"),
    "punctuation": re.compile(r"[^\w\s]"),
}


def differences(pairs: Pairs, family: Callable[[Words], Iterable[str]]) -> csr_matrix:
    """(n, features) float64: counts in the positive minus counts in the negative, features in alphabetical order."""
    return _matrix([_minus(family(one), family(other)) for one, other in pairs.tokens])


def forms(pairs: Pairs) -> csr_matrix:
    """(n, 7) float64: features of the form of the raw text, positive minus negative."""
    sides = zip(pairs.positive, pairs.negative, strict=True)
    rows = [[len(p.findall(one)) - len(p.findall(other)) for p in _FORMS.values()] for one, other in sides]
    return csr_matrix(np.asarray(rows, dtype=np.float64).reshape(len(pairs), len(_FORMS)))


def _minus(one: Iterable[str], other: Iterable[str]) -> dict[str, int]:
    counts = Counter(one)
    counts.subtract(other)
    return {name: count for name, count in counts.items() if count}


def _matrix(rows: list[dict[str, int]]) -> csr_matrix:
    shared = Counter(name for row in rows for name in row)
    columns_of = {name: index for index, name in enumerate(sorted(n for n, count in shared.items() if count > 1))}
    kept = [sorted((columns_of[name], count) for name, count in row.items() if name in columns_of) for row in rows]
    ends = np.cumsum([0, *map(len, kept)])
    columns = np.fromiter((index for row in kept for index, _ in row), dtype=np.int32, count=int(ends[-1]))
    values = np.fromiter((count for row in kept for _, count in row), dtype=np.float64, count=int(ends[-1]))
    return csr_matrix((values, columns, ends), shape=(len(rows), max(1, len(columns_of))))
