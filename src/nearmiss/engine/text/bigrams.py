"""How likely the words of a negative are beside those of its caption, by pairs of words counted on captions.

An absurd negative can be distinguished from a caption without an image. The gap is the natural logarithm of
the probability of the caption minus that of the negative, over the words that the edit affects. Counts of pairs are
interpolated with those of single words (Witten and Bell, IEEE Trans. Inf. Theory 1991). The captions themselves are the
corpus, so that a caption's own words are taken out of the counts before it is scored. Nothing is downloaded.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from math import log

from nearmiss.engine.text.edited_text import EditedText
from nearmiss.engine.text.tokens import Words, token_texts

IMPLAUSIBLE = "its words are far less likely than those of its caption"

_EDGE = ""


class Bigrams:
    """Counts of words and of pairs of neighboring words, the edges of a caption included."""

    def __init__(self, captions: Iterable[str]) -> None:
        self._pairs: Counter[tuple[str, str]] = Counter()
        for caption in captions:
            words = (_EDGE, *token_texts(caption), _EDGE)
            self._pairs.update(pairwise(words))
        self._before: Counter[str] = Counter()
        self._words: Counter[str] = Counter()
        self._following: Counter[str] = Counter()  # number of different words after a word
        for (before, word), count in self._pairs.items():
            self._before[before] += count
            self._words[word] += count
            self._following[before] += 1
        self._total = self._words.total() + len(self._words) + 1

    def gap(self, text: EditedText) -> float:
        """By how much the edited words are less likely than those of the caption, which is one of the corpus."""
        source = text.source.words
        first, tail = text.first, text.tail
        return self._score(source, first, len(source) - tail, own=1) - self._score(
            text.words, first, len(text.words) - tail, own=0
        )

    def _score(self, words: Words, first: int, last: int, *, own: int) -> float:
        """The logarithm of the probability of the words [first, last) and the one after them, given their neighbors."""
        whole = (_EDGE, *words, _EDGE)
        return sum(self._log(whole[at], whole[at + 1], own) for at in range(first, last + 1))

    def _log(self, before: str, word: str, own: int) -> float:
        single = (max(self._words[word] - own, 0) + 1) / self._total
        following = self._following[before]
        pair = max(self._pairs[before, word] - own, 0)
        if not following:
            return log(single)
        return log((pair + following * single) / (max(self._before[before] - own, 0) + following))


@dataclass(frozen=True)
class Plausibility:
    """The largest gap that a negative may have."""

    bigrams: Bigrams
    max_gap: float

    def refuses(self, text: EditedText) -> bool:
        """Whether a negative is far less likely than its caption."""
        return self.bigrams.gap(text) > self.max_gap
