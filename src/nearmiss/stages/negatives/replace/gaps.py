"""Slots of CE-CLIP: selects the words of a tagged caption that are exchanged or filled with another word.

Published: nouns, adjectives and verbs by the coarse tags of spaCy; the first two of more than two nouns are exchanged
by string replacement, and a random word of each class is masked. Corrected: words are tokens, so that "man" in "woman"
is not replaced; adjacent nouns ("tennis racket") move together; nouns are not exchanged that are equal, differ in
number, are items of a list or part of a location phrase ("to the left of"). Our choices: two nouns are enough, and if
the first two give no negative, the next two are tried.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, islice, pairwise
from random import Random
from typing import NamedTuple, Protocol

from nearmiss.engine.text.cloze import Cloze
from nearmiss.engine.text.kinds import exclusive_actions
from nearmiss.engine.text.lexicon import attribute_kind
from nearmiss.engine.text.spans import Span, in_compound, joined, nouns
from nearmiss.engine.text.tagging import Tagged
from nearmiss.engine.text.tokens import token_texts
from nearmiss.engine.text.usage import (
    FILLED,
    Usage,
    is_fixed,
    is_location_noun,
    object_follows,
    of_one_kind,
    word_class,
    words,
)
from nearmiss.stages.negatives.candidates import TOO_MANY, max_candidates


@dataclass(frozen=True)
class Gap:
    """A word of a caption to be replaced: `caption[start:end]`, which is `words[index]` in lower case.

    Adjacent nouns ("school bus") are one word here. `pos` is the coarse class, `word_class` the fine one that a fill
    from the corpus must have.
    """

    caption: str
    start: int
    end: int
    words: tuple[str, ...]
    index: int
    pos: str
    word_class: str
    with_object: bool = False  # an object directly follows
    narrow: bool = False  # without annotations: only fills of the kind of the word, and actions that exclude it

    @property
    def last(self) -> int:
        """The gap is the tokens [index, last) of the caption."""
        return self.index + len(self.words[self.index].split(" "))


class Fill(NamedTuple):
    """A word for a gap. Fills of a lower level come first; within a level, `weight` is the likelihood of a fill."""

    word: str
    level: int
    weight: float


class Filler(Protocol):
    """Returns the most likely fills of each gap, best first; the original word may be among them."""

    def fills(self, gaps: Sequence[Gap], most: int) -> list[list[Fill]]:
        """At most `most` fills for each gap."""
        ...

    def filled_captions(self, gaps: Sequence[Gap], most: int) -> list[list[str]]:
        """Whole captions with at most `most` fills of each gap, best first, unfiltered."""
        ...


_CONSIDERED = 20  # ranked words for each fill that is requested


def _suits(gap: Gap, word: str) -> bool:
    """Whether a word can be accepted where no annotation decides."""
    old = gap.words[gap.index]
    if not of_one_kind(old, word, gap.pos):
        return False
    return gap.pos != "VERB" or attribute_kind(word) is not None or exclusive_actions(old, word)


class CorpusFiller:
    """Fills counted on the captions of the corpus (our choice if no language model is given)."""

    def __init__(self, cloze: Cloze) -> None:
        self._cloze = cloze

    def fills(self, gaps: Sequence[Gap], most: int) -> list[list[Fill]]:
        """At most `most` words of the gap's class for each gap."""
        found = []
        for gap in gaps:
            ranked = self._cloze.fills(gap.words, gap.index, gap.word_class)
            others = (
                Fill(word, level, count)
                for word, level, count in islice(ranked, _CONSIDERED * most)
                if word != gap.words[gap.index] and (not gap.narrow or _suits(gap, word))
            )
            found.append(list(islice(others, most)))
        return found

    def filled_captions(self, gaps: Sequence[Gap], most: int) -> list[list[str]]:
        """The captions with the first words of the cloze model, including the original word."""
        return [
            [
                filled(gap, word)
                for (word, _, _), _ in zip(
                    self._cloze.fills(gap.words, gap.index, gap.word_class), range(most), strict=False
                )
            ]
            for gap in gaps
        ]


def filled(gap: Gap, word: str) -> str:
    return gap.caption[: gap.start] + word + gap.caption[gap.end :]


Sentence = Sequence[Tagged]


@dataclass(frozen=True)
class EmptySlot:
    """The reason why a slot has no candidate for a caption."""

    reason: str


def exchanges(caption: str, sentence: Sentence, usage: Usage) -> list[tuple[Span, Span]] | EmptySlot:
    """Pairs of nouns to exchange, in the order of the caption; at most `max_candidates`."""
    found = nouns(caption, sentence, usage)
    if len(found) < 2:
        return EmptySlot("fewer than two nouns")
    pairs = [(one, other) for one, other in combinations(found, 2) if _differ(one, other)]
    if not pairs:
        return EmptySlot("no two nouns that differ and agree in number")
    pairs = sorted(pairs, key=lambda pair: (pair[1].start, pair[0].start))
    tried = pairs[: max_candidates(caption)]
    changing = [(one, other) for one, other in tried if not _symmetric(sentence, one, other)]
    if not changing:
        symmetric = "the nouns are only listed: swapping them preserves the meaning"
        return EmptySlot(symmetric if len(tried) == len(pairs) else TOO_MANY)
    return changing


def gaps(
    caption: str, sentence: Sentence, slot: str, usage: Usage, random: Random, most: int, *, narrow: bool = False
) -> list[Gap] | EmptySlot:
    """At most `most` gaps of the class of a slot, in a random order."""
    pos = FILLED[slot]
    lower = token_texts(caption)
    indices = [
        i
        for i, word in enumerate(sentence)
        if word.pos == pos and usage.serves(lower[i], pos) and _whole(sentence, i, usage)
    ]
    if not indices:
        return EmptySlot(f"no word tagged {pos} that may be replaced")
    chosen = random.sample(indices, min(most, len(indices)))
    return [_gap(caption, sentence, lower, i, narrow) for i in chosen]


def _gap(caption: str, sentence: Sentence, lower: tuple[str, ...], last: int, narrow: bool) -> Gap:
    """The gap that ends with a word; adjacent nouns ("school bus") are filled as one."""
    first, word = last, sentence[last]
    while word.pos == "NOUN" and first > 0 and _next(sentence, first - 1):
        first -= 1
    start = sentence[first].start
    whole = " ".join(lower[first : last + 1])
    words = (*lower[:first], whole, *lower[last + 1 :])
    followed = object_follows(sentence, last + 1)
    return Gap(caption, start, word.end, words, first, word.pos, word_class(word), followed, narrow)


def _whole(sentence: Sentence, index: int, usage: Usage) -> bool:
    """Whether the word is not a part of a longer expression that its replacement would split."""
    word, before = sentence[index], sentence[index - 1] if index else None
    if joined(sentence, index, index + 1):
        return False
    after = sentence[index + 1].lower if index + 1 < len(sentence) else ""
    if word.pos == "NOUN":  # not the first part of a compound, nor a verb after its subject ("the girl kneels")
        first = index
        while first and _next(sentence, first - 1):
            first -= 1
        unit = sentence[first : index + 1]
        if _next(sentence, index) or in_compound(sentence, first, index + 1):
            return False
        if after == "of" and usage.is_amount(word.lower) and not is_location_noun(word.lower):
            return False
        # "a girl kneels", "a man eating food": a verb among nouns
        return not any(usage.is_verbal(each.lower) for each in unit if len(unit) > 1 or each.lower.endswith("ing"))
    if word.pos == "ADJ":
        return not is_fixed(word.lower, after)
    if word.pos != "VERB" or before is None:
        return True
    # A verb used as an adjective ("an elevated bridge", "a nicely dressed woman") names no action.
    return before.pos not in ("DET", "ADJ", "NUM") and not (before.pos == "ADV" and object_follows(sentence, index + 1))


def _next(sentence: Sentence, index: int) -> bool:
    """Whether the noun and the next word are adjacent nouns."""
    if index + 1 >= len(sentence) or sentence[index].pos not in ("NOUN", "PROPN") or sentence[index + 1].pos != "NOUN":
        return False
    if is_location_noun(sentence[index].lower) or is_location_noun(sentence[index + 1].lower):
        return False  # "left side"
    return sentence[index + 1].start == sentence[index].end + 1


def _differ(one: Span, other: Span) -> bool:
    """Whether two nouns agree in number and differ in meaning; one may be without an article, as in a title."""
    return one.kind == other.kind and one.meaning != other.meaning


def _symmetric(sentence: Sentence, one: Span, other: Span) -> bool:
    """Whether two nouns without adjectives are in a list or a symmetric relation: "a dog next to a man"."""
    if any(word.pos == "ADJ" and after.start in (one.start, other.start) for word, after in pairwise(sentence)):
        return False
    between = [word.lower for word in sentence if one.end <= word.start and word.end <= other.start]
    return " ".join(word for word in between if word not in words()["articles"]) in words()["symmetric"]
