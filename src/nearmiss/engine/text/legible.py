"""Rules for texts that can be captions (our choice); others are set aside."""

import re
import unicodedata

from nearmiss.engine.text.spelling import lowered

LONGEST = 10_000
"""Characters of a caption. A text tower reads about 300; the longest published captions, of Localized Narratives, have
a few thousand."""
TOO_LONG = f"the caption is longer than {LONGEST} characters"


_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")  # all but those that are whitespace of a text


def illegible(text: str) -> str | None:
    """Why no negatives are made from a text; None where it is usable.

    Rejected are empty and overlong texts, control characters, emoji and other symbols, text that runs from right to
    left, and text without a word in Latin letters: the methods parse English. Tabs and line breaks are whitespace.
    """
    if not text.strip():
        return "the caption is empty"
    if len(text) > LONGEST:
        return TOO_LONG
    if _CONTROL.search(text) is not None:
        return "the caption has control characters"
    if not text.isascii():
        if not {unicodedata.category(each) for each in text}.isdisjoint(("Cs", "Co", "Cn")):
            return "the caption has control characters"
        if any(unicodedata.bidirectional(each) in _RIGHT_TO_LEFT for each in text):
            return "the caption runs from right to left"
        if any(each == "\ufe0f" or (unicodedata.category(each) == "So" and ord(each) >= _PICTURES) for each in text):
            return "the caption has emoji"
    return None if any(each.isalpha() and each < "ɐ" for each in lowered(text)) else "the caption has no word"


_RIGHT_TO_LEFT = ("R", "AL", "AN", "RLE", "RLO", "RLI")
_PICTURES = 0x2190  # arrows, and all symbols after them
