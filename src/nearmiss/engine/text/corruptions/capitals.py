"""Capitals: words in capital letters. Most tokenizers of CLIP write texts in lower case first and see no difference."""

from collections.abc import Sequence
from random import Random
from typing import Any

from nearmiss.engine.text.corruptions.corruption import TextCorruption, picked, respelled


def apply(captions: Sequence[str], options: Any, severity: int, rng: Random) -> list[str]:
    """Write the severity's share of words in capitals."""
    words = picked(captions, options.share[severity - 1], rng)
    return respelled(captions, {word: word.upper() for word in words})


CORRUPTION = TextCorruption("capitals", apply)
