"""Swapped letters: two neighboring letters of a word in the other order."""

from collections.abc import Sequence
from random import Random
from typing import Any

from nearmiss.engine.text.corruptions.corruption import TextCorruption, picked, respelled
from nearmiss.engine.text.corruptions.letters import misspelled, swapped


def apply(captions: Sequence[str], options: Any, severity: int, rng: Random) -> list[str]:
    """Swap two letters in the severity's share of words."""
    words = picked(captions, options.share[severity - 1], rng)
    return respelled(captions, {word: misspelled(word, (swapped,), rng) for word in words})


CORRUPTION = TextCorruption("swapped_letters", apply)
