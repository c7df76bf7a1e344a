"""Where the words come from that fill a gap: a masked language model, or the cloze model of the corpus."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from nearmiss.base.errors import InputError
from nearmiss.engine.text.cloze import Cloze

_WORD_STARTS = ("Ġ", "▁")  # how byte-level and SentencePiece vocabularies mark the beginning of a word


@dataclass(frozen=True)
class Gap:
    """One word of a caption that is to be replaced: `caption[start:end]`, the `place`-th of `words` (lower case).

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


class LanguageModelFiller:
    """Fills of a masked language model by name or folder, as CE-CLIP takes them from distilroberta-base.

    Only whole words count (our choice): letters alone, and no piece of a longer word.
    """

    def __init__(self, model: str) -> None:
        from transformers import pipeline

        try:
            self._pipeline = pipeline("fill-mask", model=model, device="cpu")
        except (OSError, ValueError) as error:
            raise InputError(
                f"no masked language model could be loaded: {error}",
                file=model,
                remedy="name a folder or model that transformers can load for fill-mask, or null for the corpus's own",
            ) from None
        tokenizer: Any = self._pipeline.tokenizer
        self._tokenizer = tokenizer
        self._marks_starts = any(piece.startswith(_WORD_STARTS) for piece in tokenizer.get_vocab())

    def fills(self, gaps: Sequence[Gap], most: int) -> list[list[Fill]]:
        """At most `most` whole words for each gap."""
        texts = [gap.caption[: gap.start] + self._tokenizer.mask_token + gap.caption[gap.end :] for gap in gaps]
        asked = min(3 * most, len(self._tokenizer))  # more than needed, since pieces of words fall out
        answers = [self._pipeline(text, top_k=asked) for text in texts]
        return [self._whole_words(gap, answer)[:most] for gap, answer in zip(gaps, answers, strict=True)]

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
