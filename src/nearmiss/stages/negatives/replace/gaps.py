"""CE-CLIP's slots: which words of a tagged caption are exchanged, and which are to be filled with another word.

Published: nouns, adjectives and verbs by spaCy's coarse tags; the first two of more than two nouns are exchanged by
replacing strings, and one word of each class, drawn at random, is masked. Corrected: words are tokens, so that "man" in
"woman" is safe; neighboring nouns ("tennis racket") move together; nouns that are equal, of unlike number, only listed
or part of a phrase of place ("to the left of") are not exchanged. Our choices: two nouns are enough, and where the
first two do not make a negative, the next two are tried.
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
from nearmiss.engine.text.usage import FILLED, Usage, is_location_noun, word_class, words
from nearmiss.stages.negatives.candidates import TOO_MANY, most_tried

_BATCH = 64
_ASKED = 3  # times as many fills as are wanted, since pieces of words and other classes fall out
_WORD_STARTS = ("Ġ", "▁")  # how byte-level and SentencePiece vocabularies mark the beginning of a word


@dataclass(frozen=True)
class Gap:
    """One word of a caption that is to be replaced: `caption[start:end]`, the `place`-th of `words` (lower case).

    Nouns in a row ("school bus") are one word here.
    `pos` is its coarse class, `word_class` the fine one that a fill from the corpus agrees in.
    """

    caption: str
    start: int
    end: int
    words: tuple[str, ...]
    place: int
    pos: str
    word_class: str


class Fill(NamedTuple):
    """A word for a gap. Fills of a lower level come first; inside a level the weight says how likely a fill is."""

    word: str
    level: int
    weight: float


class Filler(Protocol):
    """Gives the most likely fills of each gap, best first; the word that stands there may be among them."""

    def fills(self, gaps: Sequence[Gap], most: int) -> list[list[Fill]]:
        """At most `most` fills for each gap."""
        ...

    def told(self, gaps: Sequence[Gap], most: int) -> list[list[str]]:
        """The whole captions with at most `most` fills of each gap, best first, whatever the fills are."""
        ...


class CorpusFiller:
    """Fills counted on the captions themselves (our choice where no language model is given)."""

    def __init__(self, cloze: Cloze) -> None:
        self._cloze = cloze

    def fills(self, gaps: Sequence[Gap], most: int) -> list[list[Fill]]:
        """At most `most` words of the gap's class for each gap."""
        found = []
        for gap in gaps:
            ranked = self._cloze.fills(gap.words, gap.place, gap.word_class)
            others = (Fill(word, level, count) for word, level, count in ranked if word != gap.words[gap.place])
            found.append([fill for fill, _ in zip(others, range(most), strict=False)])
        return found

    def told(self, gaps: Sequence[Gap], most: int) -> list[list[str]]:
        """The captions with the first words of the cloze model, the one that stands there among them."""
        return [
            [
                _filled(gap, word)
                for (word, _, _), _ in zip(
                    self._cloze.fills(gap.words, gap.place, gap.word_class), range(most), strict=False
                )
            ]
            for gap in gaps
        ]


class LanguageModelFiller:
    """Fills of a masked language model by name or folder, as CE-CLIP takes them from distilroberta-base.

    Our choices: only whole words count, and only those that the `tagger` gives the class of the word they replace. On
    an accelerator, where there is one; the last bits of its scores may order fills differently than a CPU does.
    """

    def __init__(self, model: str, tagger: str | None) -> None:
        from transformers import pipeline

        try:
            self._pipeline = pipeline("fill-mask", model=model)
        except (OSError, ValueError) as error:
            raise InputError(
                f"no masked language model could be loaded: {error}",
                file=model,
                remedy="name a folder or model that transformers can load for fill-mask, or null for the corpus's own",
            ) from None
        tokenizer: Any = self._pipeline.tokenizer
        self._tokenizer = tokenizer
        self._tagger = tagger
        self._marks_starts = any(piece.startswith(_WORD_STARTS) for piece in tokenizer.get_vocab())

    def fills(self, gaps: Sequence[Gap], most: int) -> list[list[Fill]]:
        """At most `most` whole words of the gap's class for each gap."""
        answers = self._answers(gaps, _ASKED * most)
        offered = [self._whole_words(gap, answer) for gap, answer in zip(gaps, answers, strict=True)]
        return [fills[:most] for fills in self._of_class(gaps, offered)]

    def told(self, gaps: Sequence[Gap], most: int) -> list[list[str]]:
        """The captions as the pipeline spells them with each of its fills."""
        return [[str(each["sequence"]) for each in answer] for answer in self._answers(gaps, most)]

    def _answers(self, gaps: Sequence[Gap], most: int) -> list[list[dict[str, Any]]]:
        """What the pipeline says of each gap, best first; gaps are put to it in batches."""
        if not gaps:
            return []
        texts = [_filled(gap, self._tokenizer.mask_token) for gap in gaps]
        answers: Any = self._pipeline(texts, top_k=min(most, len(self._tokenizer)), batch_size=_BATCH)
        return [answers] if len(texts) == 1 else list(answers)

    def _whole_words(self, gap: Gap, answer: Sequence[dict[str, Any]]) -> list[Fill]:
        fills: dict[str, Fill] = {}
        for each in answer:
            word = str(each["token_str"]).strip().lower()
            if word.isalpha() and self._starts_word(gap, each["token"]) and word != gap.words[gap.place]:
                fills.setdefault(word, Fill(word, 0, each["score"]))
        return list(fills.values())

    def _starts_word(self, gap: Gap, token: int) -> bool:
        """Whether a piece begins a word; at the very start of a text RoBERTa's pieces carry no mark."""
        piece = self._tokenizer.convert_ids_to_tokens(token)
        if self._marks_starts and gap.start > 0:
            return piece.startswith(_WORD_STARTS)
        return not piece.startswith("##")

    def _of_class(self, gaps: Sequence[Gap], offered: list[list[Fill]]) -> list[list[Fill]]:
        """The fills that, tagged in their sentence, are of the class of the word they replace."""
        texts = [_filled(gap, fill.word) for gap, fills in zip(gaps, offered, strict=True) for fill in fills]
        tagged = iter(tag(texts, self._tagger))
        return [
            [fill for fill in fills if word_class(next(tagged)[gap.place]) == gap.word_class]
            for gap, fills in zip(gaps, offered, strict=True)
        ]


def _filled(gap: Gap, word: str) -> str:
    return gap.caption[: gap.start] + word + gap.caption[gap.end :]


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
    if is_location_noun(sentence[at].lower) or is_location_noun(sentence[at + 1].lower):
        return False  # "left side"
    return sentence[at + 1].start == sentence[at].end + 1


def _units(caption: str, sentence: Sentence, usage: Usage) -> list[Unit]:
    units: list[Unit] = []
    named = False
    before: Tagged | None = None  # the word before, where it was such a noun
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
    """Whether exchanging the two says something else and keeps the sentence whole."""
    return one.plural == other.plural and noun_group(one.text) != noun_group(other.text)


def _same_either_way(sentence: Sentence, one: Unit, other: Unit) -> bool:
    """Whether two plain nouns are only listed or near each other: "a man and a dog", "a dog next to a man"."""
    if any(word.pos == "ADJ" and after.start in (one.start, other.start) for word, after in pairwise(sentence)):
        return False
    between = [word.lower for word in sentence if one.end <= word.start and word.end <= other.start]
    return " ".join(word for word in between if word not in words()["articles"]) in words()["symmetric"]
