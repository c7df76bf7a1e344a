"""A cloze model counted on the corpus itself: which words of a class stand between these neighbors?

It takes the place of a masked language model where none is given (our choice: CE-CLIP fills its slots with
distilroberta). Four contexts are tried from the narrowest to the widest, and a word that a narrower context has seen
comes before every word that only a wider one has (backoff without weights, so that counts stay integers):

    two words on each side, one word on each side, the word on the right, the word on the left, any place.

Only words that the corpus has in the same word class come into question, so "red" is never filled with "cube".
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

Tagged = tuple[str, str]  # a word in lower case and its word class
Context = tuple[str, ...]

_EDGE: Final = ""


class Cloze:
    """Counts of (word class, context) -> word over a tagged corpus; words of other classes are only contexts."""

    def __init__(self, sentences: Iterable[Sequence[Tagged]], classes: Iterable[str]) -> None:
        self._classes = frozenset(classes)
        self._seen: dict[Context, Counter[str]] = {}
        self._ranked: dict[Context, list[tuple[str, int]]] = {}
        for sentence in sentences:
            self._count(sentence)

    def _count(self, sentence: Sequence[Tagged]) -> None:
        words = [word for word, _ in sentence]
        for place, (word, word_class) in enumerate(sentence):
            if word_class in self._classes:
                for context in _contexts(words, place, word_class):
                    self._seen.setdefault(context, Counter())[word] += 1

    def fills(self, words: Sequence[str], place: int, word_class: str) -> Iterator[tuple[str, int, int]]:
        """Words for `place`, best first: (word, level, count), level 0 being the narrowest context.

        Inside a level the more frequent word comes first, equal ones in alphabetical order. The word that is
        there now is not left out: the caller says what a fill may be. The widest level holds every word of the class.
        """
        given: set[str] = set()
        for level, context in enumerate(_contexts(words, place, word_class)):
            for word, count in self._best(context):
                if word not in given:
                    given.add(word)
                    yield word, level, count

    def _best(self, context: Context) -> list[tuple[str, int]]:
        """The words seen in a context, the most frequent first; sorted once."""
        if context not in self._ranked:
            seen = self._seen.get(context, Counter[str]())
            self._ranked[context] = sorted(seen.items(), key=lambda item: (-item[1], item[0]))
        return self._ranked[context]


def _contexts(words: Sequence[str], place: int, word_class: str) -> Iterator[Context]:
    """The contexts of a place, narrowest first; the edge of the sentence is a word of its own."""
    before_last, before = _word(words, place - 2), _word(words, place - 1)
    after, after_next = _word(words, place + 1), _word(words, place + 2)
    yield word_class, "4", before_last, before, after, after_next
    yield word_class, "2", before, after
    yield word_class, "right", after
    yield word_class, "left", before
    yield word_class, "any"


def _word(words: Sequence[str], place: int) -> str:
    return words[place] if 0 <= place < len(words) else _EDGE
