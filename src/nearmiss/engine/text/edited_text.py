"""A text with all that is read from it, and an edited text, read from its source and the words that changed.

What depends on which words:

- *words*: tokens are found independently of the words around them, so those outside the edit are the source's.
- *phrases*: `Segmentation.exchanged` (phrases.py states why the phrases outside of its range are the source's).
- *statement*, *named words*: functions of the phrases only, by the same code as for any other text.

So an `EditedText` has the same words, phrases and statement as a `Text` of its string;
tests/negatives/test_fast_reading.py compares the two. Rules that compare a negative with its positive take two texts
and use of an edit only that the first `first` and the last `tail` words are equal.
"""

from nearmiss.engine.text.compounds import Compound, compound
from nearmiss.engine.text.edits import Edit, diff
from nearmiss.engine.text.legible import LONGEST
from nearmiss.engine.text.parsing import Caption, is_statement, statement_of
from nearmiss.engine.text.phrase_labels import named
from nearmiss.engine.text.phrase_table import INDEFINITE, Phrase
from nearmiss.engine.text.phrases import UNSETTLED, Segmentation, spliced
from nearmiss.engine.text.tokens import Words, differing, token_spans, token_texts

Exchange = tuple[int, int, list[Phrase]]  # new phrases in place of those [start, stop) of the source


class Text:
    """A text, its words, phrases and statement; each but the words is read once, when it is first used.

    `words` are the tokens in normalized spelling and lower case, `names` further nouns, such as the annotators' own
    words. Compares and hashes by identity.
    """

    __slots__ = (
        "_compound",
        "_named",
        "_normalized",
        "_phrases",
        "_readable",
        "_segmentation",
        "_spans",
        "_statement",
        "names",
        "string",
        "words",
    )

    def __init__(self, string: str, names: frozenset[str] = frozenset()) -> None:
        self.string, self.names = string, names
        self.words: Words = token_texts(string)
        self._spans: list[tuple[int, int]] | None = None
        self._segmentation: Segmentation | None = None
        self._phrases: tuple[Phrase, ...] | None = None
        self._normalized: str | None = None
        self._named: frozenset[object] | str | None = _UNREAD
        self._compound: Compound | str | None = _UNREAD
        self._statement: Caption | str | None = _UNREAD
        self._readable: bool | None = None

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
    def named(self) -> frozenset[object] | None:
        """The canonical words that the text names (phrase_labels.py)."""
        if isinstance(self._named, str):
            self._named = named(self.phrases)
        return self._named

    @property
    def normalized(self) -> str:
        """The words and numbers only: texts that differ in nothing else are equal."""
        if self._normalized is None:
            self._normalized = " ".join([word for word in self.words if word[0].isalnum()])
        return self._normalized

    @property
    def compound(self) -> Compound | None:
        """The two statements of which the text consists; None for a simple one."""
        if isinstance(self._compound, str):
            self._compound = compound(self.phrases)
        return self._compound

    @property
    def statement(self) -> Caption | None:
        """The statement, or None where the text does not parse or is too long to be parsed."""
        if isinstance(self._statement, str):
            self._statement = None if len(self.string) > LONGEST else statement_of(self.phrases, self.compound)
        return self._statement

    @property
    def readable(self) -> bool:
        """Whether the text has a statement; a simple text is read for this without building it."""
        if self._readable is None:
            simple = isinstance(self._statement, str) and self.compound is None and len(self.string) <= LONGEST
            self._readable = is_statement(self.phrases) if simple else self.statement is not None
        return self._readable


_UNREAD = "unread"


class EditedText(Text):
    """A text that is `source` with its words [first, last) exchanged for `new_words`; the `tail` words behind stay.

    `edits` and `exchange`, if known, are what `diff` and `Segmentation.exchanged` find.
    """

    __slots__ = ("_edits", "_exchange", "first", "last", "new_words", "source", "tail")

    def __init__(
        self,
        source: Text,
        string: str,
        new_words: Words,
        first: int,
        last: int,
        edits: tuple[Edit, ...] | None = None,
        exchange: Exchange | None = None,
    ) -> None:
        words = source.words
        self.source, self.string, self.names, self.new_words = source, string, source.names, new_words
        self.first, self.last, self.tail = first, last, len(words) - last
        self.words = words[:first] + new_words + words[last:]
        self._edits, self._exchange = edits, exchange
        self._spans = self._segmentation = self._phrases = self._normalized = self._readable = None
        self._named = self._compound = self._statement = _UNREAD

    @classmethod
    def of(cls, source: Text, string: str) -> "EditedText":
        """Any string as an edit of a source: the words between their first and last difference are exchanged."""
        words = token_texts(string)
        first, tail = differing(source.words, words)
        return cls(source, string, words[first : len(words) - tail], first, len(source.words) - tail)

    @property
    def edits(self) -> tuple[Edit, ...]:
        """The fewest whole-token edits of the source's string, as `diff` finds them."""
        if self._edits is None:
            self._edits = tuple(diff(self.source.string, self.string))
        return self._edits

    @property
    def exchange(self) -> Exchange:
        """Where phrases of the source, frames included, are replaced by others."""
        if self._exchange is None:
            self._exchange = self.source.segmentation.exchanged(self.words, self.first, self.last)
        return self._exchange

    @property
    def phrases(self) -> tuple[Phrase, ...]:
        """The phrases in order; those outside of the edit are taken from the source."""
        if self._phrases is None:
            self._phrases = spliced(self.source.segmentation, *self.exchange)
        return self._phrases

    @property
    def replaced(self) -> tuple[int, Phrase] | None:
        """The one phrase in which the phrases differ from the source's but for "a" and "an", and its number; None where
        more may differ."""
        start, stop, new = self.exchange
        source = self.source.segmentation
        if not source.settled or stop - start != len(new):
            return None
        if len(new) == 2 and {new[0].text, source.found[start].text} == INDEFINITE:
            start, new = start + 1, new[1:]
        return (start, new[0]) if len(new) == 1 and new[0].label not in UNSETTLED else None
