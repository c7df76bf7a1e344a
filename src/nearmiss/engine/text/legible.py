"""Can a text be a caption? Rules for text that strangers wrote (our choice): what breaks them is set aside."""

import unicodedata

from nearmiss.engine.text.spelling import lowered

LONGEST = 10_000
"""Characters of a caption. A text tower reads about 300; the longest published captions, of Localized Narratives, have
a few thousand."""
TOO_LONG = f"the caption is longer than {LONGEST} characters"


def illegible(text: str) -> str | None:
    """Why a text is no caption that negatives are made of; None where it is one.

    Refused are empty and overlong texts, control characters, emoji and other pictures, text that runs from right to
    left, and text without a word in Latin letters: the methods read English.
    """
    if not text.strip():
        return "the caption is empty"
    if len(text) > LONGEST:
        return TOO_LONG
    if text.isascii():
        return _plain(text)
    kinds = {unicodedata.category(each) for each in text if not each.isspace()}
    if not kinds.isdisjoint(("Cc", "Cs", "Co", "Cn")):
        return "the caption has control characters"
    if any(unicodedata.bidirectional(each) in ("R", "AL", "AN", "RLE", "RLO", "RLI") for each in text):
        return "the caption runs from right to left"
    if any((unicodedata.category(each) == "So" and ord(each) >= 0x2190) or each == "\ufe0f" for each in text):
        return "the caption has emoji"
    return _plain(text)


def _plain(text: str) -> str | None:
    if any(ord(each) < 32 and not each.isspace() for each in text):
        return "the caption has control characters"
    return None if any(each.isalpha() and each < "ɐ" for each in lowered(text)) else "the caption has no word"
