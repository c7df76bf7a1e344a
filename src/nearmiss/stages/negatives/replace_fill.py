"""Where the words come from that fill a gap: a masked language model, or the cloze model of the corpus."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from nearmiss.base.errors import InputError
from nearmiss.engine.text.cloze import Cloze
from nearmiss.engine.text.tagging import tag
from nearmiss.stages.negatives.replace_words import word_class

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
