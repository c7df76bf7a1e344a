"""CE-CLIP's slots: which words of a tagged caption are exchanged, and which are to be filled with another word.

Published: nouns, adjectives and verbs by spaCy's coarse tags; the first two of more than two nouns are exchanged by
replacing strings, and one word of each class, drawn at random, is masked. Corrected: words are tokens, so that "man" in
"woman" is safe; neighbouring nouns ("tennis racket") move together; nouns that are equal, of unlike number, only listed
or part of a phrase of place ("to the left of") are not exchanged. Our choices: two nouns are enough, and where the
first two do not make a negative, the next two are tried.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from random import Random

from nearmiss.engine.text.lexicon import noun_group
from nearmiss.engine.text.tagging import Tagged
from nearmiss.stages.negatives.candidates import TOO_MANY, most_tried
from nearmiss.stages.negatives.replace_fill import Gap
from nearmiss.stages.negatives.replace_words import FILLED, Usage, is_place, word_class, words

Sentence = Sequence[Tagged]


@dataclass(frozen=True)
class Unit:
    """A noun, or several in a row, that moves as one; `plural` is its last word's number."""

    text: str
    start: int
    end: int
    plural: bool


@dataclass(frozen=True)
class Empty:
    """Why a slot has nothing to offer for a caption."""

    reason: str


def exchanges(caption: str, sentence: Sentence, usage: Usage) -> list[tuple[Unit, Unit]] | Empty:
    """Pairs of nouns to exchange, the first two of the caption first; of very many pairs, the first ones."""
    units = _units(caption, sentence, usage)
    if len(units) < 2:
        return Empty("fewer than two nouns")
    pairs = [(one, other) for one, other in combinations(units, 2) if _differ(one, other)]
    if not pairs:
        return Empty("no two nouns that differ and agree in number")
    pairs = sorted(pairs, key=lambda pair: (pair[1].start, pair[0].start))
    tried = pairs[: most_tried(caption)]
    found = [(one, other) for one, other in tried if not _same_either_way(sentence, one, other)]
    if not found:
        listed = "the nouns are only listed: exchanged they say the same"
        return Empty(listed if len(tried) == len(pairs) else TOO_MANY)
    return found


def gaps(caption: str, sentence: Sentence, slot: str, usage: Usage, random: Random, most: int) -> list[Gap] | Empty:
    """At most `most` places of a slot's class, in an order that is drawn."""
    pos = FILLED[slot]
    lower = tuple(word.lower for word in sentence)
    places = [
        i
        for i, word in enumerate(sentence)
        if word.pos == pos and usage.serves(lower[i], pos) and _ends(sentence, i) and not _describes(sentence, i)
    ]
    if not places:
        return Empty(f"no word tagged {pos} that may be replaced")
    chosen = random.sample(places, min(most, len(places)))
    return [_gap(caption, sentence, lower, i) for i in chosen]


def _gap(caption: str, sentence: Sentence, lower: tuple[str, ...], last: int) -> Gap:
    """The gap that ends with a word; nouns in a row are filled as one ("school bus")."""
    first, word = last, sentence[last]
    while word.pos == "NOUN" and first > 0 and _next(sentence, first - 1):
        first -= 1
    start = sentence[first].start
    whole = " ".join(lower[first : last + 1])
    words = (*lower[:first], whole, *lower[last + 1 :])
    return Gap(caption, start, word.end, words, first, word.pos, word_class(word))


def _ends(sentence: Sentence, at: int) -> bool:
    """Whether no noun follows that belongs to this one."""
    return sentence[at].pos != "NOUN" or not _next(sentence, at)


def _describes(sentence: Sentence, at: int) -> bool:
    """Whether a verb stands before its noun as an adjective would ("an elevated bridge"): it tells of no action."""
    return sentence[at].pos == "VERB" and at > 0 and sentence[at - 1].pos in ("DET", "ADJ", "NUM")


def _next(sentence: Sentence, at: int) -> bool:
    """Whether this noun and the word after it are nouns in a row."""
    if at + 1 >= len(sentence) or sentence[at].pos not in ("NOUN", "PROPN") or sentence[at + 1].pos != "NOUN":
        return False
    if is_place(sentence[at].lower) or is_place(sentence[at + 1].lower):
        return False  # "left side"
    return sentence[at + 1].start == sentence[at].end + 1


def _units(caption: str, sentence: Sentence, usage: Usage) -> list[Unit]:
    units: list[Unit] = []
    named = False
    before: Tagged | None = None  # the word before, where it was such a noun
    for word in sentence:
        low = word.lower
        if word.pos != "NOUN" or is_place(low) or not usage.serves(low, "NOUN"):
            before, named = None, word.pos == "PROPN"
            continue
        if named:  # "wii game" moves as a whole or not at all
            continue
        compound = before is not None and word.start == before.end + 1
        start = units.pop().start if compound else word.start
        units.append(Unit(caption[start : word.end], start, word.end, word.tag == "NNS"))
        before = word
    return units


def _differ(one: Unit, other: Unit) -> bool:
    """Whether exchanging the two says something else and keeps the sentence whole."""
    return one.plural == other.plural and noun_group(one.text) != noun_group(other.text)


def _same_either_way(sentence: Sentence, one: Unit, other: Unit) -> bool:
    """Whether two plain nouns are only listed or near each other: "a man and a dog", "a dog next to a man"."""
    if any(word.pos == "ADJ" and after.start in (one.start, other.start) for word, after in pairwise(sentence)):
        return False
    between = [word.lower for word in sentence if one.end <= word.start and word.end <= other.start]
    return " ".join(word for word in between if word not in words()["articles"]) in words()["symmetric"]
