"""Keyboard typos: a letter of a neighboring key, two letters swapped, one left out, one repeated."""

from collections.abc import Sequence
from random import Random
from typing import Any

from nearmiss.engine.text.corruptions.corruption import TextCorruption, picked, respelled
from nearmiss.engine.text.corruptions.letters import doubled, dropped, misspelled, neighbor, swapped


def apply(captions: Sequence[str], options: Any, severity: int, rng: Random) -> list[str]:
    """Mistype the severity's share of words."""
    return mistyped(captions, options.share[severity - 1], rng)


def mistyped(captions: Sequence[str], share: float, rng: Random) -> list[str]:
    """The captions with about `share` of the first one's words mistyped, at least one word where one may be."""
    return respelled(captions, {word: typo(word, rng) for word in picked(captions, share, rng)})


def typo(word: str, rng: Random) -> str:
    """The word with one typo, which gives no other word of the lexicons if possible."""
    made = misspelled(word, (neighbor, swapped, dropped, doubled), rng)
    return made if made != word else dropped(word, rng)


CORRUPTION = TextCorruption("typos", apply)
