"""A cloze model from counts on the corpus: the words of a class that occur between given neighbors.

It replaces a masked language model where none is configured (our choice: CE-CLIP fills its slots with distilroberta).
Contexts are tried from the narrowest to the widest, and a word of a narrower context precedes every word that only a
wider one has (backoff without weights, so that counts stay integers):

    two words on each side, one word on each side, the word on the right, the word on the left, any position.

Only words that the corpus has in the same word class are candidates, so "red" is never filled with "cube".
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

Tagged = tuple[str, str]  # a word in lower case and its word class
Context = tuple[str, ...]

_EDGE: Final = ""


class Cloze:
    """Counts of (word class, context) -> word over a tagged corpus; words of other classes are only contexts."""

    def __init__(self, sentences: Iterable[Sequence[Tagged]], classes: Iterable[str]) -> None:
        self._classes = frozenset(classes)
        self._seen: dict[Context, str | dict[str, int]] = {}  # a word that is the only one, once, or the words' counts
        self._ranked: dict[Context, list[tuple[str, int]]] = {}
        for sentence in sentences:
            self._count(sentence)

    def _count(self, sentence: Sequence[Tagged]) -> None:
        words = [word for word, _ in sentence]
        for index, (word, word_class) in enumerate(sentence):
            if word_class in self._classes:
                for context in _contexts(words, index, word_class):
                    seen = self._seen.get(context)
                    if seen is None:
                        self._seen[context] = word
                    elif isinstance(seen, str):
                        self._seen[context] = {seen: 1, word: 1} if seen != word else {word: 2}
                    else:
                        seen[word] = seen.get(word, 0) + 1

    def fills(self, words: Sequence[str], index: int, word_class: str) -> Iterator[tuple[str, int, int]]:
        """Words for position `index`, best first: (word, level, count); level 0 is the narrowest context.

        Within a level the more frequent word comes first, equal ones in alphabetical order. The current word is
        not left out: the caller filters fills. The widest level has every word of the class.
        """
        given: set[str] = set()
        for level, context in enumerate(_contexts(words, index, word_class)):
            for word, count in self._best(context):
                if word not in given:
                    given.add(word)
                    yield word, level, count

    def _best(self, context: Context) -> list[tuple[str, int]]:
        """The words of a context, the most frequent first; sorted once."""
        if context not in self._ranked:
            seen = self._seen.get(context, {})
            counts = {seen: 1} if isinstance(seen, str) else seen
            self._ranked[context] = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return self._ranked[context]


def _contexts(words: Sequence[str], index: int, word_class: str) -> tuple[Context, ...]:
    """The contexts of a position, narrowest first; the edge of the sentence is a special word."""
    before_last, before = _word(words, index - 2), _word(words, index - 1)
    after, after_next = _word(words, index + 1), _word(words, index + 2)
    return (
        (word_class, "4", before_last, before, after, after_next),
        (word_class, "2", before, after),
        (word_class, "right", after),
        (word_class, "left", before),
        (word_class, "any"),
    )


def _word(words: Sequence[str], index: int) -> str:
    return words[index] if 0 <= index < len(words) else _EDGE
