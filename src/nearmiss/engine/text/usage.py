"""Words of a caption that may be swapped or replaced, and replacements that change the meaning (our choices).

Excluded are words that name nothing visible ("couple", "several", "is"), words for the image itself, nouns that may be
colors ("orange"), and words with an unusual tag for the corpus.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from typing import Any, Final

from nearmiss.engine.text.lexicon import attribute_kind, hypernyms, interchangeable, load, noun_group
from nearmiss.engine.text.spelling import lowered, parted
from nearmiss.engine.text.tagging import Tagged
from nearmiss.engine.text.tokens import token_texts

FILLED: Final = {"attribute": "ADJ", "object": "NOUN", "action": "VERB"}


@cache
def words() -> dict[str, Any]:
    """The word lists of lexicons/usage.json."""
    return load("usage")


@cache
def _excluded_words(pos: str) -> frozenset[str]:
    return frozenset(words()["left_alone"].get(pos, ()))


@cache
def _opposite_locations() -> dict[str, str]:
    pairs = words()["opposite_places"]
    return dict([*pairs, *((b, a) for a, b in pairs)])


@cache
def is_location_noun(word: str) -> bool:
    """Whether a noun only serves a phrase of location: "left" in "to the left of"."""
    return word in _opposite_locations() or word in words()["other_places"]


def word_class(word: Tagged) -> str:
    """The class that a fill must have: the fine tag, which distinguishes number and verb forms."""
    return word.tag or word.pos


class Usage:
    """The usual coarse class of each word of a corpus: the most frequent one, of equals the first by alphabet."""

    def __init__(self, tagged: Iterable[Sequence[Tagged]]) -> None:
        counts = Counter((word.lower, word.pos) for sentence in tagged for word in sentence)
        self._usual: dict[str, str] = {}
        for (word, pos), _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
            self._usual.setdefault(word, pos)

    def serves(self, word: str, pos: str) -> bool:
        """Whether a word, in lower case, may be swapped or be a fill as a word of this class."""
        if (
            not (word.isalpha() or word in _opposite_locations())
            or word in _excluded_words(pos)
            or self._usual.get(word, pos) != pos
        ):
            return False
        return pos != "NOUN" or attribute_kind(word) is None


def comparable(old: str, new: str) -> bool:
    """Whether a word has another meaning of the same kind: another color for a color, the opposite for a location.

    Words that no lexicon has are comparable with each other and with all others.
    """
    old = lowered(old)
    if old in _opposite_locations() or new in _opposite_locations():
        return _opposite_locations().get(old) == new
    if noun_group(new) in (noun_group(old), noun_group(old.split()[-1])):  # a school bus is a bus
        return False
    first, second = attribute_kind(old), attribute_kind(new)
    return first is None or second is None or (first[0] == second[0] and first[1] != second[1])


def of_one_kind(old: str, new: str, pos: str) -> bool:
    """Whether the new word is of the kind of the old one: a color for a color, where the lexicons have the old word.

    A word of another kind ("a red train": "an electric train") may be true as well, and so may two adjectives of
    unknown kind ("an Asian highway": "a busy highway").
    """
    kind, other = attribute_kind(old), attribute_kind(new)
    if kind is None or other is None:
        return kind is other and pos != "ADJ"
    return kind[0] == other[0]


def alike(old: str, new: str) -> bool:
    """Whether both words may describe the same object: red and orange, cowboy and person."""
    one, other = attribute_kind(old), attribute_kind(new)
    if one is not None and other is not None:
        return (one[1], other[1]) in interchangeable("color")
    first, second = noun_group(old), noun_group(new)
    if _listed_together(lowered(old), lowered(new), "near_verbs") or _listed_together(
        lowered(old).split()[-1], lowered(new), "near_nouns"
    ):
        return True
    if first in words()["general"] or second in words()["general"]:
        return True
    return first in hypernyms(second) or second in hypernyms(first) or (first, second) in interchangeable("object")


@lru_cache(maxsize=1 << 14)
def _listed_together(old: str, new: str, key: str) -> bool:
    return any(old in together and new in together for together in words()[key])


@lru_cache(maxsize=1 << 10)
def meanings(captions: tuple[str, ...]) -> frozenset[object]:
    """The meanings of the words of some captions: groups of nouns and attributes."""
    return frozenset(
        [each for caption in captions for word in token_texts(parted(caption)) for each in _meanings(word)]
    )


def used(word: str, named: frozenset[object]) -> bool:
    """Whether a word, in either number, or its meaning is among `named`."""
    return not named.isdisjoint(_meanings(word))


@cache
def _meanings(word: str) -> tuple[object, object]:
    return noun_group(word), attribute_kind(word) or word
