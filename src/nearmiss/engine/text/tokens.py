"""Words, numbers and punctuation of a caption with their offsets.

Offsets are in characters of the unchanged caption: it is split first, and the tokens are then normalized for comparison
(spelling.py). Our choices: a word is one token with the hyphens, dashes and apostrophes of any kind between its
letters, with its combining marks, and with invisible characters inside it; every Unicode space separates tokens; an
emoji is one token with its modifiers, and so is a flag.
"""

import re
import unicodedata
from functools import cache, lru_cache
from typing import NamedTuple

from nearmiss.engine.text.spelling import APOSTROPHES, HYPHENS, INVISIBLE, lowered

# A hyphenated or apostrophised word is one token: "red" in "red-haired" is no color to replace.
_ASCII = re.compile(r"[^\W\d_]+(?:[-'`][^\W\d_]+)*|\d+(?:[.,:]\d+)*|[^\w\s]|_")


@cache
def _unicode() -> re.Pattern[str]:
    """The same for texts beyond ASCII; compiled on first use."""
    marks = f"[{_marks()}]"
    letters = rf"[^\W\d_](?:[^\W\d_]|{marks})*"
    inside = rf"(?:[{INVISIBLE}]+[{HYPHENS}{APOSTROPHES}]?[{INVISIBLE}]*|[{HYPHENS}{APOSTROPHES}][{INVISIBLE}]*)"
    word = rf"{letters}(?:{inside}{letters})*"
    flag = "[\U0001f1e6-\U0001f1ff]{2}"
    skin, tag, joiner = "[\U0001f3fb-\U0001f3ff]", "[\U000e0020-\U000e007f]", "\u200d"
    symbol = rf"[^\w\s](?:{marks}|{skin}|{tag}|{joiner}[^\w\s])*"
    return re.compile(rf"{word}|\d+(?:[.,:]\d+)*{marks}*|{flag}|{symbol}|_")


def _marks() -> str:
    """All combining marks (categories Mn, Mc, Me), as ranges of a character class."""
    spans: list[list[int]] = []
    for code in (*range(0x300, 0x20000), *range(0xE0100, 0xE01F0)):
        if unicodedata.category(chr(code))[0] == "M":
            if spans and spans[-1][1] == code - 1:
                spans[-1][1] = code
            else:
                spans.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in spans)


def _pattern(text: str) -> re.Pattern[str]:
    return _ASCII if text.isascii() else _unicode()


Words = tuple[str, ...]
"""The tokens of a text in normalized spelling and lower case."""


class Token(NamedTuple):
    """A token; `text[start:end]` of its caption is its own text. Offsets are in characters."""

    text: str
    start: int
    end: int

    @property
    def lower(self) -> str:
        """The token in normalized spelling and lower case."""
        return lowered(self.text)

    @property
    def is_word(self) -> bool:
        """Whether it is a word, not a number or punctuation."""
        return self.text[0].isalpha()


@lru_cache(maxsize=1 << 14)
def tokenize(text: str) -> tuple[Token, ...]:
    """The tokens of a text in order; whitespace belongs to none."""
    return tuple([Token(match[0], *match.span()) for match in _pattern(text).finditer(text)])


@lru_cache(maxsize=1 << 14)
def token_texts(text: str) -> Words:
    """The tokens of a text in normalized spelling and lower case, without offsets, which is faster."""
    if text.isascii():
        return tuple(_ASCII.findall(text.lower()))
    return tuple(map(lowered, _unicode().findall(text)))


def token_spans(text: str) -> list[tuple[int, int]]:
    """Start and end of each token of a text."""
    return [match.span() for match in _pattern(text).finditer(text)]


def differing(before: Words, after: Words) -> tuple[int, int]:
    """How many words are equal at the start of both texts, and how many of the others at the end."""
    least = min(len(before), len(after))
    head = 0
    while head < least and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < least - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    return head, tail


@lru_cache(maxsize=1 << 14)
def normalized(text: str) -> str:
    """A caption as its words and numbers only, in lower case: captions that differ in nothing else are equal."""
    return " ".join([word for word in token_texts(text) if word[0].isalnum()])
