"""Sentences of two statements in the world's grammar: both A and B, either A or B, more (fewer, as many) A than (as) B.

Works on chunks (statements.py). What the two parts share occurs once and is added to both.
"""

from collections.abc import Sequence
from typing import Any

Chunk = tuple[str, Any]
Parts = tuple[list[Chunk], list[Chunk]]

# Phrases of two statements, and their chunks; "at least one" and "some" are read as an article, without a number.
PHRASES: dict[str, Chunk] = {
    **{word: ("join", word) for word in ("both", "either", "more", "fewer", "as many")},
    **{"or": ("or", None), "than": ("than", None), "as": ("than", None)},
    **{"at least one": ("article", None), "some": ("article", None)},
}
_LINKS = {"both": "and", "either": "or"}
_THE_FIRST: Chunk = ("article", None)


def split(chunks: Sequence[Chunk]) -> tuple[str, Parts] | None:
    """(join, chunks of each part), None where the sentence does not split in two."""
    at = [label for label, _ in chunks].index("join")
    join, before, after = str(chunks[at][1]), list(chunks[:at]), list(chunks[at + 1 :])
    links = [index for index, (label, _) in enumerate(after) if label == _LINKS.get(join, "than")]
    if len(links) != 1:
        return None
    one, other = after[: links[0]], after[links[0] + 1 :]
    if join not in _LINKS:
        return join, ([_THE_FIRST, *one], [_THE_FIRST, *other])
    if any(label == "noun" for label, _ in before):
        return join, (before + one, before + other)
    return join, _completed(one, other)


def _completed(one: list[Chunk], other: list[Chunk]) -> Parts:
    """The first part with the noun ("a red and a blue cube") or the relation that only the second one has."""
    labels = [label for label, _ in other]
    if "noun" in labels and not any(label == "noun" for label, _ in one):
        return [*one, other[labels.index("noun")]], other
    if "predicate" in labels and not any(label == "predicate" for label, _ in one):
        return one + other[labels.index("predicate") :], other
    return one, other
