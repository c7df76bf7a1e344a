"""The captions of one image, read once: the statements and words that a negative of the image must not have."""

from collections.abc import Iterable, Sequence
from functools import cached_property

from nearmiss.engine.text.collisions import Used
from nearmiss.engine.text.edited_text import EditedText, Text
from nearmiss.engine.text.labels import same
from nearmiss.engine.text.phrase_table import JOINING
from nearmiss.engine.text.phrases import UNSETTLED


class OwnCaptions:
    """`strings` are the captions of an image; `names` are further nouns."""

    def __init__(self, strings: Sequence[str] = (), names: frozenset[str] = frozenset()) -> None:
        self.strings, self.names = tuple(strings), names

    @cached_property
    def texts(self) -> dict[str, Text]:
        """Each caption as a text."""
        return {string: Text(string, self.names) for string in self.strings}

    @cached_property
    def used(self) -> Used:
        """The words of the captions and their meanings."""
        return Used.of(self.strings)

    @cached_property
    def _words(self) -> frozenset[str]:
        return frozenset([word for text in self.texts.values() for word in text.words])

    @cached_property
    def _meanings(self) -> frozenset[object]:
        """What the phrases of the captions are about; JOINING is among them where one may be two statements."""
        return frozenset([phrase.about for text in self.texts.values() for phrase in text.phrases])

    def state(self, text: Text) -> bool:
        """Whether a caption consists of the same words, or states the same where both parse."""
        if isinstance(text, EditedText) and self.texts.get(text.source.string) is text.source and self._lack(text):
            return False
        if text.normalized in self._normalized:
            return True
        # Only captions that name the same can state the same.
        about = text.named
        others: Iterable[Text] = self.texts.values()
        if about is not None:
            others = (*self._named.get(about, ()), *self._named.get(None, ()))
        return any(other.statement is not None and same(other, text) for other in others)

    @cached_property
    def _normalized(self) -> frozenset[str]:
        return frozenset([text.normalized for text in self.texts.values()])

    @cached_property
    def _named(self) -> dict[frozenset[object] | None, list[Text]]:
        """The captions by what they name."""
        found: dict[frozenset[object] | None, list[Text]] = {}
        for text in self.texts.values():
            found.setdefault(text.named, []).append(text)
        return found

    def _lack(self, text: EditedText) -> bool:
        """Whether no caption has a word that an edit of one of them inserts, and none is about what it inserts.

        Then no caption consists of the same words. And none states the same: captions that do are about the same
        (phrase_labels.py), unless one may be two statements.
        """
        words, meanings = self._words, self._meanings
        for word in text.new_words:
            if word not in words and word[0].isalnum():
                break
        else:
            return False
        if JOINING in meanings:
            return False
        lacking = False
        for phrase in text.exchange[2]:
            if phrase.about is JOINING:
                return False
            lacking = lacking or (phrase.about not in meanings and phrase.label not in UNSETTLED)
        return lacking
