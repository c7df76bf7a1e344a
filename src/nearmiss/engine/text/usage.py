"""Words of a caption that may be swapped or replaced, and replacements that change the meaning (our choices).

Excluded are words that name nothing visible ("couple", "several", "is"), words for the image itself, nouns that may be
colors ("orange"), and words with an unusual tag for the corpus.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from typing import Any, Final

from nearmiss.engine.text.kinds import of_one_noun_kind
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


_OBJECT_FOLLOWS = frozenset(("DET", "NOUN", "ADJ", "NUM", "PRON", "PROPN"))
_RARE = 0.2  # share of a verb's occurrences below which its use with, or without, an object counts as an error


class Usage:
    """How a corpus uses its words, which corrects single errors of the tagger.

    The usual coarse class of each word (the most frequent one, of equals the first by alphabet), whether its stem is
    rather a verb than a noun, whether a noun names an amount or part ("flock of"), whether a verb has an object.
    """

    def __init__(self, tagged: Iterable[Sequence[Tagged]]) -> None:
        counts: dict[str, Counter[str]] = {}
        self._of: Counter[str] = Counter()
        self._objects: Counter[str] = Counter()
        for sentence in tagged:
            lower = [word.lower for word in sentence]
            for at, word in enumerate(sentence):
                low, pos = lower[at], word.pos
                counts.setdefault(low, Counter())[pos] += 1
                if pos == "NOUN":
                    if lower[at + 1 : at + 2] == ["of"]:
                        self._of[low] += 1
                elif pos == "VERB" and object_follows(sentence, at + 1):
                    self._objects[low] += 1
        self._counts = counts
        self._usual = {word: min(seen, key=lambda pos: (-seen[pos], pos)) for word, seen in counts.items()}
        self._stems: Counter[str] = Counter()  # of a stem, occurrences as a verb minus those as a noun
        for low, seen in counts.items():
            if difference := seen["VERB"] - seen["NOUN"]:
                self._stems[_stem(low)] += difference

    def is_verbal(self, word: str) -> bool:
        """Whether the stem of a word in lower case is rather a verb: "kneels", tagged as a noun after a noun."""
        return self._stems[_stem(word)] > 0

    def is_amount(self, noun: str) -> bool:
        """Whether a noun in lower case usually precedes "of": an amount or a part ("flock", "slice", "top")."""
        return self._of[noun] > max(1, self._counts.get(noun, Counter())["NOUN"] / 2)

    def can_have(self, verb: str, with_object: bool) -> bool:
        """Whether a verb in lower case is used with, or without, an object directly after it."""
        uses = self._counts.get(verb, Counter())["VERB"]
        share = self._objects[verb] / uses if uses else 0.5
        return (share if with_object else 1 - share) >= _RARE

    def serves(self, word: str, pos: str) -> bool:
        """Whether a word, in lower case, may be swapped or be a fill as a word of this class."""
        if (
            not (word.isalpha() or word in _opposite_locations())
            or word in _excluded_words(pos)
            or self._usual.get(word, pos) != pos
        ):
            return False
        return pos != "NOUN" or attribute_kind(word) is None


def is_fixed(attribute: str, following: str) -> bool:
    """Whether an attribute is part of an expression with the next word ("a little boy", "a hard hat")."""
    if following in (*load("size")["fixed_before"].get(attribute, ()), *words()["fixed_before"].get(attribute, ())):
        return True
    kind = attribute_kind(attribute)
    return kind is not None and kind[0] == "color" and following in load("color")["fixed_before"]


def object_follows(sentence: Sequence[Tagged], at: int) -> bool:
    """Whether the words from `at` on can be the object of the verb or preposition before them."""
    return at < len(sentence) and sentence[at].pos in _OBJECT_FOLLOWS


@cache
def _stem(word: str) -> str:
    """A word without its ending, crudely: "flies", "flying" and "fly" have one stem."""
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) > 2:
            word = word[: -len(ending)]
            break
    word = word.removesuffix("e")
    if len(word) > 3 and word[-1] == word[-2]:
        word = word[:-1]
    return f"{word[:-1]}y" if word.endswith("i") else word


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
    unknown kind ("an Asian highway": "a busy highway"). A noun is of another kind where the lexicons say so (kinds.py).
    """
    if pos == "NOUN" and not of_one_noun_kind(lowered(old), new):
        return False
    kind, other = attribute_kind(old), attribute_kind(new)
    if kind is None or other is None:
        return kind is other and pos != "ADJ"
    return kind[0] == other[0] and {kind[1], other[1]} != {"young", "new"}  # "a modern boy" can be young


def alike(old: str, new: str) -> bool:
    """Whether both words may describe the same object: red and orange, cowboy and person."""
    one, other = attribute_kind(old), attribute_kind(new)
    if one is not None and other is not None:
        return (one[1], other[1]) in interchangeable("color")
    first, second = noun_group(old), noun_group(new)
    if _near_nouns(lowered(old).split()[-1], lowered(new)):
        return True
    if first in words()["general"] or second in words()["general"]:
        return True
    return first in hypernyms(second) or second in hypernyms(first) or (first, second) in interchangeable("object")


@lru_cache(maxsize=1 << 14)
def _near_nouns(old: str, new: str) -> bool:
    return any(old in together and new in together for together in words()["near_nouns"])


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
