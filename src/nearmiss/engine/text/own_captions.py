"""The captions of one image, read once: the statements and words that a negative of the image must not have."""

from collections.abc import Sequence
from functools import cached_property

from nearmiss.engine.text.collisions import Used
from nearmiss.engine.text.edited_text import EditedText, Text
from nearmiss.engine.text.labels import same_as_any
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
        return same_as_any(text, self.texts.values())

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
