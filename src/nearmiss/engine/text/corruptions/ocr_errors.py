"""Errors of optical character recognition: letters read as others of similar shape (ocr.json, our choice)."""

from collections.abc import Sequence
from random import Random
from typing import Any

from nearmiss.engine.text.corruptions.corruption import TextCorruption, picked, respelled
from nearmiss.engine.text.corruptions.letters import confused, misspelled


def apply(captions: Sequence[str], options: Any, severity: int, rng: Random) -> list[str]:
    """Misread a letter or a pair of letters in the severity's share of words."""
    words = picked(captions, options.share[severity - 1], rng)
    return respelled(captions, {word: misspelled(word, (confused,), rng) for word in words})


CORRUPTION = TextCorruption("ocr_errors", apply)
