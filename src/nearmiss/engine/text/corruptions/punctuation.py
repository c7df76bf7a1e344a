"""Punctuation: a mark after words that have none."""

from collections.abc import Sequence
from random import Random
from typing import Any

from nearmiss.engine.text.corruptions.corruption import TextCorruption, edited, picked
from nearmiss.engine.text.edits import Edit

_MARKS = ".,;:!?"


def apply(captions: Sequence[str], options: Any, severity: int, rng: Random) -> list[str]:
    """Put a mark after the severity's share of words."""
    marks = {word: rng.choice(_MARKS) for word in picked(captions, options.share[severity - 1], rng)}
    return edited(
        captions,
        marks,
        lambda _, token: Edit(token.start, token.end, token.text, token.text + marks[token.lower]),
    )


CORRUPTION = TextCorruption("punctuation", apply)
