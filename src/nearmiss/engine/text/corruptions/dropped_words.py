"""Dropped words: captions without some of the words that they share."""

from collections.abc import Sequence
from random import Random
from typing import Any

from nearmiss.engine.text.corruptions.corruption import TextCorruption, edited, picked
from nearmiss.engine.text.edits import Edit
from nearmiss.engine.text.tokens import Token


def apply(captions: Sequence[str], options: Any, severity: int, rng: Random) -> list[str]:
    """Leave out the severity's share of words; captions of which one would be empty are returned as they are."""
    words = picked(captions, options.share[severity - 1], rng)
    made = [caption.strip() for caption in edited(captions, dict.fromkeys(words), _dropped)]
    return made if all(made) else list(captions)


def _dropped(caption: str, token: Token) -> Edit:
    """Removes a word and the space before it."""
    start = token.start - (token.start > 0 and caption[token.start - 1] == " ")
    return Edit(start, token.end, caption[start : token.end], "")


CORRUPTION = TextCorruption("dropped_words", apply)
