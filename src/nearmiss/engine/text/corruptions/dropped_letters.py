"""Dropped letters: a word without one of its letters."""

from collections.abc import Sequence
from random import Random
from typing import Any

from nearmiss.engine.text.corruptions.corruption import TextCorruption, picked, respelled
from nearmiss.engine.text.corruptions.letters import dropped, misspelled


def apply(captions: Sequence[str], options: Any, severity: int, rng: Random) -> list[str]:
    """Drop a letter in the severity's share of words."""
    words = picked(captions, options.share[severity - 1], rng)
    return respelled(captions, {word: misspelled(word, (dropped,), rng) for word in words})


CORRUPTION = TextCorruption("dropped_letters", apply)
