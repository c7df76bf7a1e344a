"""Normalized spelling of words.

Captions write one word in many ways: with typographic hyphens and apostrophes, in full-width letters, with ligatures,
with accents as combining marks, with invisible characters inside. Lexicons have one spelling of each word, so words are
normalized before they are looked up or compared; the caption itself is never changed. Our choice: only letters and
digits are replaced by their compatibility forms; a superscript or a fraction is no number.
"""

import re
import unicodedata
from typing import Final

HYPHENS: Final = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
"""Hyphens, and dashes and minus signs that replace them: between two letters, all of them join a word."""

APOSTROPHES: Final = "'`\u00b4\u2018\u2019\u201b\u2032\uff07"
"""Apostrophes, and quotation marks, accents and primes that replace them between two letters."""

INVISIBLE: Final = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
"""Soft hyphen, zero-width spaces and joiners, direction marks: ignored inside a word."""

_LETTER_APOSTROPHE = re.compile("(?<=\\w)\u02bc(?=\\w)")  # a letter to Unicode; at the start of a word it is one
_COMPATIBLE = ("<wide>", "<narrow>", "<compat>", "<font>")


class _SpellingTable(dict[int, str | int]):
    """Code point -> normalized spelling; filled on demand."""

    def __missing__(self, code: int) -> str | int:
        letter = chr(code)
        spelling: str | int = code
        if letter.isspace() and not letter.isascii():
            spelling = " "
        elif unicodedata.decomposition(letter).startswith(_COMPATIBLE):
            folded = unicodedata.normalize("NFKC", letter)
            if letter.isalpha() and folded.isalpha():
                spelling = folded
            elif letter.isdecimal() or not letter.isalnum():
                spelling = folded if len(folded) == 1 and not folded.isspace() else code
        self[code] = spelling
        return spelling


_SPELLINGS = _SpellingTable()
_SPELLINGS.update({ord(each): "-" for each in HYPHENS})
_SPELLINGS.update({ord(each): "'" for each in APOSTROPHES if each != "`"})
_SPELLINGS.update({ord(each): "" for each in INVISIBLE})


_DASHES = str.maketrans({dash: f" {dash} " for dash in "\u2012\u2013\u2014\u2015"})


def parted(text: str) -> str:
    """The text with spaces around its dashes: "a dog\u2014a red one" mentions a dog, though its dash joins two words.

    For finding what a caption mentions; for edits, the words stay together.
    """
    return text if text.isascii() else text.translate(_DASHES)


def normalize_spelling(text: str) -> str:
    """The text in normalized spelling (NFC), possibly of another length; never empty for a word."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", _LETTER_APOSTROPHE.sub("'", text.translate(_SPELLINGS))) or text


def lowered(text: str) -> str:
    """The text in normalized spelling and lower case."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFC", normalize_spelling(text).lower())
