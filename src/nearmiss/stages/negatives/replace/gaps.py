"""Slots of CE-CLIP: selects the words of a tagged caption that are exchanged or filled with another word.

Published: nouns, adjectives and verbs by the coarse tags of spaCy; the first two of more than two nouns are exchanged
by string replacement, and a random word of each class is masked. Corrected: words are tokens, so that "man" in "woman"
is not replaced; adjacent nouns ("tennis racket") move together; nouns are not exchanged that are equal, differ in
number, are items of a list or part of a location phrase ("to the left of"). Our choices: two nouns are enough, and if
the first two give no negative, the next two are tried.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from random import Random
from typing import Any, NamedTuple, Protocol

from nearmiss.base.errors import InputError
from nearmiss.engine.text.cloze import Cloze
from nearmiss.engine.text.lexicon import noun_group
from nearmiss.engine.text.tagging import Tagged, tag
from nearmiss.engine.text.tokens import token_texts
from nearmiss.engine.text.usage import FILLED, Usage, is_location_noun, word_class, words
from nearmiss.stages.negatives.candidates import TOO_MANY, max_candidates

_BATCH = 64
_OVERSAMPLING = 3  # factor of fills requested, since subwords and words of other classes are filtered out
_WORD_STARTS = ("Ġ", "▁")  # word-start markers of byte-level and SentencePiece vocabularies


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


class CorpusFiller:
    """Fills counted on the captions of the corpus (our choice if no language model is given)."""

    def __init__(self, cloze: Cloze) -> None:
        self._cloze = cloze

    def fills(self, gaps: Sequence[Gap], most: int) -> list[list[Fill]]:
        """At most `most` words of the gap's class for each gap."""
        found = []
        for gap in gaps:
            ranked = self._cloze.fills(gap.words, gap.index, gap.word_class)
            others = (Fill(word, level, count) for word, level, count in ranked if word != gap.words[gap.index])
            found.append([fill for fill, _ in zip(others, range(most), strict=False)])
        return found

    def filled_captions(self, gaps: Sequence[Gap], most: int) -> list[list[str]]:
        """The captions with the first words of the cloze model, including the original word."""
        return [
            [
                _filled(gap, word)
                for (word, _, _), _ in zip(
                    self._cloze.fills(gap.words, gap.index, gap.word_class), range(most), strict=False
                )
            ]
            for gap in gaps
        ]


class LanguageModelFiller:
    """Fills of a masked language model by name or folder; CE-CLIP uses distilroberta-base.

    Our choices: only whole words that the `tagger` assigns the class of the replaced word. Runs on an accelerator if
    there is one; rounding may then order fills differently than on a CPU.
    """

    def __init__(self, model: str, tagger: str | None) -> None:
        from transformers import pipeline

        try:
            self._pipeline = pipeline("fill-mask", model=model)
        except (OSError, ValueError) as error:
            raise InputError(
                f"no masked language model could be loaded: {error}",
                file=model,
                remedy="give a folder or model that transformers can load for fill-mask, or null for corpus counts",
            ) from None
        tokenizer: Any = self._pipeline.tokenizer
        self._tokenizer = tokenizer
        self._tagger = tagger
        self._marks_starts = any(piece.startswith(_WORD_STARTS) for piece in tokenizer.get_vocab())

    def fills(self, gaps: Sequence[Gap], most: int) -> list[list[Fill]]:
        """At most `most` whole words of the gap's class for each gap."""
        predictions = self._predictions(gaps, _OVERSAMPLING * most)
        candidates = [self._whole_words(gap, predicted) for gap, predicted in zip(gaps, predictions, strict=True)]
        return [fills[:most] for fills in self._of_class(gaps, candidates)]

    def filled_captions(self, gaps: Sequence[Gap], most: int) -> list[list[str]]:
        """The captions with each fill, as the pipeline formats them."""
        return [[str(each["sequence"]) for each in predicted] for predicted in self._predictions(gaps, most)]

    def _predictions(self, gaps: Sequence[Gap], most: int) -> list[list[dict[str, Any]]]:
        """Predictions of the pipeline for each gap, best first, in batches."""
        if not gaps:
            return []
        texts = [_filled(gap, self._tokenizer.mask_token) for gap in gaps]
        predictions: Any = self._pipeline(texts, top_k=min(most, len(self._tokenizer)), batch_size=_BATCH)
        return [predictions] if len(texts) == 1 else list(predictions)

    def _whole_words(self, gap: Gap, predicted: Sequence[dict[str, Any]]) -> list[Fill]:
        fills: dict[str, Fill] = {}
        for each in predicted:
            word = str(each["token_str"]).strip().lower()
            if word.isalpha() and self._starts_word(gap, each["token"]) and word != gap.words[gap.index]:
                fills.setdefault(word, Fill(word, 0, each["score"]))
        return list(fills.values())

    def _starts_word(self, gap: Gap, token: int) -> bool:
        """Whether a token starts a word; at the start of a text, tokens of RoBERTa have no marker."""
        piece = self._tokenizer.convert_ids_to_tokens(token)
        if self._marks_starts and gap.start > 0:
            return piece.startswith(_WORD_STARTS)
        return not piece.startswith("##")

    def _of_class(self, gaps: Sequence[Gap], candidates: list[list[Fill]]) -> list[list[Fill]]:
        """The fills that have the class of the replaced word when tagged in their sentence."""
        texts = [_filled(gap, fill.word) for gap, fills in zip(gaps, candidates, strict=True) for fill in fills]
        tagged = iter(tag(texts, self._tagger))
        return [
            [fill for fill in fills if word_class(next(tagged)[gap.index]) == gap.word_class]
            for gap, fills in zip(gaps, candidates, strict=True)
        ]


def _filled(gap: Gap, word: str) -> str:
    return gap.caption[: gap.start] + word + gap.caption[gap.end :]


Sentence = Sequence[Tagged]


@dataclass(frozen=True)
class Unit:
    """One or several adjacent nouns that move together; `plural` is the number of the last word."""

    text: str
    start: int
    end: int
    plural: bool


@dataclass(frozen=True)
class EmptySlot:
    """The reason why a slot has no candidate for a caption."""

    reason: str


def exchanges(caption: str, sentence: Sentence, usage: Usage) -> list[tuple[Unit, Unit]] | EmptySlot:
    """Pairs of nouns to exchange, in the order of the caption; at most `max_candidates`."""
    units = _units(caption, sentence, usage)
    if len(units) < 2:
        return EmptySlot("fewer than two nouns")
    pairs = [(one, other) for one, other in combinations(units, 2) if _differ(one, other)]
    if not pairs:
        return EmptySlot("no two nouns that differ and agree in number")
    pairs = sorted(pairs, key=lambda pair: (pair[1].start, pair[0].start))
    tried = pairs[: max_candidates(caption)]
    found = [(one, other) for one, other in tried if not _symmetric(sentence, one, other)]
    if not found:
        symmetric = "the nouns are only listed: swapping them preserves the meaning"
        return EmptySlot(symmetric if len(tried) == len(pairs) else TOO_MANY)
    return found


def gaps(caption: str, sentence: Sentence, slot: str, usage: Usage, random: Random, most: int) -> list[Gap] | EmptySlot:
    """At most `most` gaps of the class of a slot, in a random order."""
    pos = FILLED[slot]
    lower = token_texts(caption)
    indices = [
        i
        for i, word in enumerate(sentence)
        if word.pos == pos and usage.serves(lower[i], pos) and _ends(sentence, i) and not _describes(sentence, i)
    ]
    if not indices:
        return EmptySlot(f"no word tagged {pos} that may be replaced")
    chosen = random.sample(indices, min(most, len(indices)))
    return [_gap(caption, sentence, lower, i) for i in chosen]


def _gap(caption: str, sentence: Sentence, lower: tuple[str, ...], last: int) -> Gap:
    """The gap that ends with a word; adjacent nouns ("school bus") are filled as one."""
    first, word = last, sentence[last]
    while word.pos == "NOUN" and first > 0 and _next(sentence, first - 1):
        first -= 1
    start = sentence[first].start
    whole = " ".join(lower[first : last + 1])
    words = (*lower[:first], whole, *lower[last + 1 :])
    return Gap(caption, start, word.end, words, first, word.pos, word_class(word))


def _ends(sentence: Sentence, index: int) -> bool:
    """Whether the word is not a noun that another noun of the same unit follows."""
    return sentence[index].pos != "NOUN" or not _next(sentence, index)


def _describes(sentence: Sentence, index: int) -> bool:
    """Whether a verb is used as an adjective ("an elevated bridge") and names no action."""
    return sentence[index].pos == "VERB" and index > 0 and sentence[index - 1].pos in ("DET", "ADJ", "NUM")


def _next(sentence: Sentence, index: int) -> bool:
    """Whether the noun and the next word are adjacent nouns."""
    if index + 1 >= len(sentence) or sentence[index].pos not in ("NOUN", "PROPN") or sentence[index + 1].pos != "NOUN":
        return False
    if is_location_noun(sentence[index].lower) or is_location_noun(sentence[index + 1].lower):
        return False  # "left side"
    return sentence[index + 1].start == sentence[index].end + 1


def _units(caption: str, sentence: Sentence, usage: Usage) -> list[Unit]:
    units: list[Unit] = []
    named = False
    before: Tagged | None = None  # the previous word, if it was such a noun
    for word in sentence:
        low = word.lower
        if word.pos != "NOUN" or is_location_noun(low) or not usage.serves(low, "NOUN"):
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
    """Whether the exchange changes the meaning and keeps the sentence grammatical."""
    return one.plural == other.plural and noun_group(one.text) != noun_group(other.text)


def _symmetric(sentence: Sentence, one: Unit, other: Unit) -> bool:
    """Whether two nouns without adjectives are in a list or a symmetric relation: "a dog next to a man"."""
    if any(word.pos == "ADJ" and after.start in (one.start, other.start) for word, after in pairwise(sentence)):
        return False
    between = [word.lower for word in sentence if one.end <= word.start and word.end <= other.start]
    return " ".join(word for word in between if word not in words()["articles"]) in words()["symmetric"]
