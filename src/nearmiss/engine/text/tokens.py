"""Words, numbers and punctuation of a caption with their places in it."""

import re
from functools import lru_cache
from typing import NamedTuple

# A hyphenated or apostrophised word is one token: "red" in "red-haired" is nobody's color to exchange.
_TOKEN = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*|\d+(?:[.,:]\d+)*|[^\w\s]|_")


class Token(NamedTuple):
    """A token; `text[start:end]` of its caption is its own text. Offsets are in characters."""

    text: str
    start: int
    end: int

    @property
    def lower(self) -> str:
        """The token in lower case."""
        return self.text.lower()

    @property
    def is_word(self) -> bool:
        """Whether it is a word, not a number or punctuation."""
        return self.text[0].isalpha()


@lru_cache(maxsize=1 << 14)
def tokenize(text: str) -> tuple[Token, ...]:
    """The tokens of a text in order; whitespace belongs to none."""
    return tuple([Token(match[0], *match.span()) for match in _TOKEN.finditer(text)])


@lru_cache(maxsize=1 << 14)
def said(text: str) -> tuple[str, ...]:
    """The tokens of a text in lower case, without their places: a third of the cost, where these are not asked for."""
    return tuple(map(str.lower, _TOKEN.findall(text)))


@lru_cache(maxsize=1 << 14)
def normalized(text: str) -> str:
    """A caption as its words and numbers alone, in lower case: captions that differ in nothing else are equal."""
    return " ".join([word for word in said(text) if word[0].isalnum()])
