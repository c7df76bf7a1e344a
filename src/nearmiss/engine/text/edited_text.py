"""A text with all that is read from it, and an edited text, read from its source and the words that changed.

What depends on which words:

- *words*: tokens are found independently of the words around them, so those outside the edit are the source's.
- *phrases*: `Segmentation.exchanged` (phrases.py states why the phrases outside of its range are the source's).
- *statement*, *named words*: functions of the phrases only, by the same code as for any other text.

So an `EditedText` has the same words, phrases and statement as a `Text` of its string; tests/text/test_edited_text.py
compares the two. Rules that compare a negative with its positive take two texts and use of an edit only that the first
`first` and the last `tail` words are equal.
"""

from nearmiss.engine.text.edits import Edit, diff
from nearmiss.engine.text.legible import LONGEST
from nearmiss.engine.text.parsing import Caption, statement_of
from nearmiss.engine.text.phrase_table import Phrase
from nearmiss.engine.text.phrases import Segmentation, spliced
from nearmiss.engine.text.tokens import Words, differing, token_spans, token_texts


class Text:
    """A text, its words, phrases and statement; each is read once, when it is first used.

    `names` are further nouns, such as the annotators' own words. Compares and hashes by identity.
    """

    __slots__ = ("_phrases", "_segmentation", "_spans", "_statement", "names", "string", "words")

    def __init__(self, string: str, names: frozenset[str] = frozenset(), words: Words | None = None) -> None:
        self.string, self.names = string, names
        self.words = token_texts(string) if words is None else words
        self._spans: list[tuple[int, int]] | None = None
        self._segmentation: Segmentation | None = None
        self._phrases: tuple[Phrase, ...] | None = None
        self._statement: Caption | str | None = _UNREAD

    @property
    def spans(self) -> list[tuple[int, int]]:
        """Start and end of each word in the string, in characters."""
        if self._spans is None:
            self._spans = token_spans(self.string)
        return self._spans

    @property
    def segmentation(self) -> Segmentation:
        """The phrases with their places, frames included."""
        if self._segmentation is None:
            self._segmentation = Segmentation(self.words, self.names)
        return self._segmentation

    @property
    def phrases(self) -> tuple[Phrase, ...]:
        """The phrases in order, frames and closing punctuation left out."""
        if self._phrases is None:
            self._phrases = self.segmentation.phrases()
        return self._phrases

    @property
    def statement(self) -> Caption | None:
        """The statement, or None where the text does not parse or is too long to be parsed."""
        if isinstance(self._statement, str):
            self._statement = None if len(self.string) > LONGEST else statement_of(self.phrases)
        return self._statement


_UNREAD = "unread"


class EditedText(Text):
    """A text that is `source` with its words [first, last) exchanged for others: `words[first : len(words) - tail]`.

    The first `first` and the last `tail` words are those of the source. `edits`, if known, are those that `diff` finds.
    """

    __slots__ = ("_edits", "_exchange", "first", "last", "source", "tail")

    def __init__(
        self,
        source: Text,
        string: str,
        words: Words,
        first: int,
        tail: int,
        edits: tuple[Edit, ...] | None = None,
    ) -> None:
        super().__init__(string, source.names, words)
        self.source, self.first, self.tail, self._edits = source, first, tail, edits
        self.last = len(source.words) - tail
        self._exchange: tuple[int, int, list[Phrase]] | None = None

    @classmethod
    def of(cls, source: Text, string: str) -> "EditedText":
        """Any string as an edit of a source: the words between their first and last difference are exchanged."""
        words = token_texts(string)
        return cls(source, string, words, *differing(source.words, words))

    @property
    def edits(self) -> tuple[Edit, ...]:
        """The fewest whole-token edits of the source's string, as `diff` finds them."""
        if self._edits is None:
            self._edits = tuple(diff(self.source.string, self.string))
        return self._edits

    @property
    def new_words(self) -> Words:
        """The words that the edit inserts."""
        return self.words[self.first : len(self.words) - self.tail]

    @property
    def new_phrases(self) -> list[Phrase]:
        """The phrases that stand in place of phrases of the source, frames included."""
        return self._exchanged()[2]

    @property
    def segmentation(self) -> Segmentation:
        """The phrases with their places; read from the whole text."""
        return super().segmentation

    @property
    def phrases(self) -> tuple[Phrase, ...]:
        """The phrases in order; those outside of the edit are taken from the source."""
        if self._phrases is None:
            self._phrases = spliced(self.source.segmentation, *self._exchanged())
        return self._phrases

    def _exchanged(self) -> tuple[int, int, list[Phrase]]:
        if self._exchange is None:
            self._exchange = self.source.segmentation.exchanged(self.words, self.first, self.last)
        return self._exchange
