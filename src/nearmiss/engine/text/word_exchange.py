"""The exchange of a word or phrase of a text for another.

`Place.exchanged` writes what `apply` writes and has the edits that `diff` finds, without comparing the two texts: where
words of letters are exchanged for words of letters, the tokens around them stay, and of these only an article directly
before them changes with them ("a dog", "an elephant").
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from nearmiss.engine.text.edited_text import EditedText, Text
from nearmiss.engine.text.edits import Edit, apply, article_before, cased, diff
from nearmiss.engine.text.phrase_table import Node, Phrase
from nearmiss.engine.text.phrases import entry
from nearmiss.engine.text.tokens import Words, token_texts

_ARTICLES = ("a", "an")


class Place:
    """The words [first, last) of a text, which can be exchanged for others."""

    __slots__ = ("_article", "_behind", "_plain", "_spot", "end", "first", "last", "old", "source", "start")

    def __init__(self, source: Text, first: int, last: int) -> None:
        spans = source.spans
        self.source, self.first, self.last = source, first, last
        self.start, self.end = spans[first][0], spans[last - 1][1]
        self.old = source.string[self.start : self.end]
        self._behind = source.string[self.end :]
        self._plain = source.string.isascii() and _words_of_letters(self.old) is not None
        before = source.words[first - 1] if first else ""
        self._article = before if before in _ARTICLES else None
        self._spot = source.segmentation.spot(first, last)

    def exchanged(self, new: str) -> EditedText:
        """The source with these words exchanged for new ones, capitals kept and "a" and "an" adapted."""
        source, first, start, old = self.source, self.first, self.start, self.old
        string = source.string
        if self._plain and old[0].isupper():
            new = cased(Edit(start, self.end, old, new), string.isupper())
        pair = _pair(old, new, source.names)
        if pair is None or not self._plain:
            return EditedText.of(source, apply(string, [Edit(start, self.end, old, new)]))
        words, edits, exchange = pair.words, pair.edits, None
        if self._article is not None and (right := article_before(words[0])) != self._article:
            first, words = first - 1, (right, *words)
            opening, closing = source.spans[first]
            article = right.capitalize() if string[opening].isupper() else right
            old, new = string[opening : self.end], article + string[closing:start] + new
            start, edits = opening, _aligned(old, new)
        elif self._spot is not None and pair.phrase is not None and self._spot.admits(words[0], pair.going_on):
            exchange = self._spot.number, self._spot.number + 1, [pair.phrase]
        if edits is not None and len(edits) == 1:  # of one word for one word, nearly always
            at, to, was, becomes = edits[0]
            edits = (Edit(start + at, start + to, was, becomes),)
        elif edits is not None:
            edits = tuple([Edit(start + at, start + to, was, becomes) for at, to, was, becomes in edits])
        return EditedText(source, string[:start] + new + self._behind, words, first, self.last, edits, exchange)


class _Pair(NamedTuple):
    """What depends only on the old and the new words, whatever text they are in: the new ones as words, the edits with
    offsets from the start of the old ones, the phrase of the new ones and the words with which a longer one goes on."""

    words: Words
    edits: tuple[Edit, ...] | None
    phrase: Phrase | None
    going_on: Mapping[str, Node]


@lru_cache(maxsize=1 << 16)
def _pair(old: str, new: str, names: frozenset[str]) -> _Pair | None:
    words = _words_of_letters(new)
    if words is None:
        return None
    return _Pair(words, _aligned(old, new), *entry(words, names))


@lru_cache(maxsize=1 << 14)
def _words_of_letters(text: str) -> Words | None:
    """The words of a text of plain letters and spaces without an article in it; None for any other."""
    words = token_texts(text)
    plain = text.isascii() and all(word.isalpha() and word not in _ARTICLES for word in words)
    return words if words and plain and text[0].isalpha() and text[-1].isalpha() else None


@lru_cache(maxsize=1 << 14)
def _aligned(old: str, new: str) -> tuple[Edit, ...] | None:
    """The edits from `old` to `new`, where they are the same in whatever texts the two stand; else None.

    `diff` pairs the tokens that are equal from the start and from the end, and those of equal position between if there
    are as many. With as many tokens in both, or none in common, the first and the last different token are inside. The
    words around them are equal, so nothing else is paired.
    """
    was, becomes = token_texts(old), token_texts(new)
    if was == becomes or not (len(was) == len(becomes) or frozenset(was).isdisjoint(becomes)):
        return None
    return tuple(diff(old, new))
