"""Splits a caption into labeled phrases (phrase_table.py): the longest phrase wins, an unknown word is a phrase.

**Invariant.** Phrases are found from left to right, each by a walk through the prefix tree from its first word. A walk
reads its words in order and stops at the first one that continues no phrase: it depends on the words [start, reach),
and on nothing before them. Therefore, where the words [first, last) of a caption are exchanged for others,

1. all phrases before the first walk with `reach > first` are found again: their walks read unchanged words only;
2. from where a new phrase begins at a word behind the exchanged ones at which a phrase of the caption begins as well,
   all phrases to the end are found again: the words that follow are the same.

`Segmentation.exchanged` walks only between the two. `Spot.admits` is the most frequent case, without any walk: one
phrase stands in place of one phrase if no walk from before goes on with it, and it does not go on behind. Closing
punctuation is cut off first; if the exchange changes where that begins, the whole caption is split again. Which frames
are left out, and whether an "either" is an adjective or a noun, is decided from all phrases (`phrases`), however they
were found.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from nearmiss.engine.text.phrase_table import Node, Phrase, table, unlisted
from nearmiss.engine.text.tokens import Words, token_texts


class Segmentation:
    """The phrases of some words in order, frames included: phrase i begins at the word `starts[i]`, and its walk reads
    the words before `reaches[i]`. `end` is the number of words without closing punctuation.
    """

    __slots__ = ("_root", "end", "found", "reaches", "settled", "starts", "words")

    def __init__(self, words: Words, names: frozenset[str]) -> None:
        self.words = words
        self._root = root = table(names).following
        self.end = end = _end(words)
        self.found: list[Phrase] = []
        self.starts: list[int] = []
        self.reaches: list[int] = []
        at = 0
        while at < end:
            self.starts.append(at)
            node = root.get(words[at])
            # The walks of most words end at once: no phrase begins with the word, or none goes on with the next one.
            if node is None:
                phrase, at, reach = unlisted(words[at]), at + 1, at + 1
            elif at + 1 < end and words[at + 1] not in node.following:
                reach = at + 2 if node.following else at + 1
                phrase, at = node.phrase or unlisted(words[at]), at + 1
            else:
                phrase, at, reach = _walk(root, words, at, end)
            self.found.append(phrase)
            self.reaches.append(reach)
        self.settled = _UNSETTLED.isdisjoint([phrase.label for phrase in self.found])

    def phrases(self) -> tuple[Phrase, ...]:
        """The phrases without frames, every "either" decided."""
        return tuple(self.found) if self.settled else _settled(self.found)

    def exchanged(self, words: Words, first: int, last: int) -> tuple[int, int, list[Phrase]]:
        """(start, stop, new): `found[:start] + new + found[stop:]` are the phrases of `words`, frames included.

        `words` are those of the segmentation with [first, last) exchanged for any number of others.
        """
        shift = len(words) - len(self.words)
        end = _end(words)
        if end != self.end + shift or last > self.end:
            return 0, len(self.found), Segmentation._of_root(self._root, words, end)
        starts, new = self.starts, list[Phrase]()
        start = 0
        for reach in self.reaches:
            if reach > first:
                break
            start += 1
        at, stop, count = starts[start] if start < len(starts) else self.end, start, len(starts)
        while at < end:
            if at - shift >= last:
                while stop < count and starts[stop] + shift < at:
                    stop += 1
                if stop < count and starts[stop] + shift == at:
                    return start, stop, new
            phrase, at, _ = _walk(self._root, words, at, end)
            new.append(phrase)
        return start, count, new

    @staticmethod
    def _of_root(root: dict[str, Node], words: Words, end: int) -> list[Phrase]:
        found, at = [], 0
        while at < end:
            phrase, at, _ = _walk(root, words, at, end)
            found.append(phrase)
        return found

    def spot(self, first: int, last: int) -> "Spot | None":
        """The phrase that consists of the words [first, last); None where they are none, or parts of others."""
        starts, end = self.starts, self.end
        index = bisect_left(starts, first)
        if index == len(starts) or starts[index] != first:
            return None
        if (starts[index + 1] if index + 1 < len(starts) else end) != last:
            return None
        following = self.words[last] if last < end else ""
        reaching = [start for start, reach in zip(starts[:index], self.reaches, strict=False) if reach > first]
        return Spot(index, following, tuple([_node(self._root, self.words[start:first]) for start in reaching]))


class Spot(NamedTuple):
    """A phrase of a segmentation: its number, the word behind it ("" at the end), and for each walk from before that
    read its first word, the words with which that walk would have gone on."""

    number: int
    following: str
    open: tuple[Mapping[str, Node], ...]

    def admits(self, first: str, going_on: Mapping[str, Node]) -> bool:
        """Whether a phrase in place of the spot's own is the only one that changes; `first` is its first word,
        `going_on` the words with which a longer one goes on (`entry`)."""
        if self.following in going_on:
            return False
        return not self.open or all([first not in following for following in self.open])


def entry(words: Words, names: frozenset[str]) -> tuple[Phrase | None, Mapping[str, Node]]:
    """The phrase of exactly these words, and the words with which a longer one goes on."""
    node: Node | None = None
    following = table(names).following
    for word in words:
        node = following.get(word)
        if node is None:
            return (unlisted(word), {}) if len(words) == 1 else (None, {})
        following = node.following
    phrase = None if node is None else node.phrase or (unlisted(words[0]) if len(words) == 1 else None)
    return phrase, following


def _node(root: Mapping[str, Node], words: Words) -> Mapping[str, Node]:
    for word in words:
        root = root[word].following
    return root


@lru_cache(maxsize=1 << 14)
def phrases(text: str, names: frozenset[str]) -> tuple[Phrase, ...]:
    """The caption's phrases in order, frames and closing punctuation left out."""
    return Segmentation(token_texts(text), names).phrases()


def skeleton(text: str, names: frozenset[str] = frozenset()) -> str:
    """The wording of a caption without its content: labels in place of nouns, numbers, relations and halves, no
    articles and adjectives: "picture of noun relation noun". Captions in one template have one skeleton.
    """
    kept = {"noun": "noun", "number": "number", "relation": "relation", "half": "half", "be": "is"}
    whole = _decided(Segmentation(token_texts(text), names).found)
    found = [each for each in whole if each.label not in ("article", "adjective")]
    parts = [kept.get(each.label, each.text) for each in found]
    return " ".join(part for at, part in enumerate(parts) if at == 0 or (part, parts[at - 1]) != ("noun", "noun"))


def spliced(source: Segmentation, start: int, stop: int, new: Sequence[Phrase]) -> tuple[Phrase, ...]:
    """The phrases, without frames and decided, where `new` stands in place of `source.found[start:stop]`."""
    found = [*source.found[:start], *new, *source.found[stop:]]
    if source.settled and all(phrase.label not in UNSETTLED for phrase in new):
        return tuple(found)
    return _settled(found)


UNSETTLED = ("frame", "either")
"""Labels that no phrase has in the end: frames are left out, and an "either" becomes an adjective or a noun."""
_UNSETTLED = frozenset(UNSETTLED)


def _walk(root: dict[str, Node], words: Words, start: int, end: int) -> tuple[Phrase, int, int]:
    """The longest phrase that begins at a word, the word after it, and the reach of the walk."""
    node = root.get(words[start])
    if node is None:
        return unlisted(words[start]), start + 1, start + 1
    phrase, following, at = node.phrase, start + 1, start + 1
    while node.following:
        if at == end:
            return phrase or unlisted(words[start]), following, end + 1  # a word added at the end may continue it
        node = node.following.get(words[at])
        at += 1
        if node is None:
            break
        if node.phrase is not None:
            phrase, following = node.phrase, at
    return phrase or unlisted(words[start]), following, at


def _end(words: Words) -> int:
    """The number of words without closing punctuation."""
    end = len(words)
    while end and not words[end - 1][0].isalnum():
        end -= 1
    return end


def _settled(found: Sequence[Phrase]) -> tuple[Phrase, ...]:
    """Without frames, and every "either" decided."""
    return tuple(_decided([phrase for phrase in found if phrase.label != "frame"]))


def _decided(found: Sequence[Phrase]) -> list[Phrase]:
    """Every "either" as adjective or noun: an adjective is before a noun, or after "is" and at the end."""
    decided = list(found)
    for index, phrase in enumerate(found):
        if phrase.label == "either":
            kind, noun = phrase.value
            before = found[index - 1].label if index else ""
            after = found[index + 1].label if index + 1 < len(found) else ""
            joined = before == "and" and index > 1 and decided[index - 2].label == "adjective"  # "small and orange"
            adjective = after in ("noun", "adjective", "either", "word") or before == "be" or joined
            label, value = ("adjective", kind) if adjective else ("noun", noun)
            decided[index] = Phrase.of(label, value, phrase.text)
    return decided
