"""Words, numbers and punctuation of a caption with their places in it."""

import re
from dataclasses import dataclass
from functools import lru_cache

# A hyphenated or apostrophised word is one token: "red" in "red-haired" is nobody's color to exchange.
_TOKEN = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*|\d+(?:[.,:]\d+)*|[^\w\s]|_")


@dataclass(frozen=True, slots=True)
class Token:
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
    return tuple(Token(match[0], match.start(), match.end()) for match in _TOKEN.finditer(text))


@lru_cache(maxsize=1 << 16)
def normalized(text: str) -> str:
    """A caption as its words and numbers alone, in lower case: captions that differ in nothing else are equal."""
    return " ".join(token.lower for token in tokenize(text) if token.text[0].isalnum())
