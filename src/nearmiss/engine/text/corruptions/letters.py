"""One wrong letter in a word: the changes that the corruptions of spelling share."""

import json
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from random import Random

from nearmiss.engine.text.corruptions.corruption import location_and_number_words
from nearmiss.engine.text.lexicon import attribute_words, load, object_words

Change = Callable[[str, Random], str]

_ATTEMPTS = 20  # draws before a word is given up


def misspelled(word: str, changes: Sequence[Change], rng: Random) -> str:
    """The word after one of the changes; the word itself where each gives it again or another word of the lexicons."""
    for _ in range(_ATTEMPTS):
        made = rng.choice(changes)(word, rng)
        if made != word and made not in _known():
            return made
    return word


@cache
def _known() -> frozenset[str]:
    return frozenset(object_words()) | frozenset(attribute_words()) | location_and_number_words()


def neighbor(word: str, rng: Random) -> str:
    """The word with a letter of a neighboring key."""
    index = rng.randrange(len(word))
    neighbors = _neighbors(word[index])
    return word[:index] + rng.choice(neighbors) + word[index + 1 :] if neighbors else word


def swapped(word: str, rng: Random) -> str:
    """The word with two neighboring letters in the other order."""
    index = rng.randrange(len(word) - 1)
    return word[:index] + word[index + 1] + word[index] + word[index + 2 :]


def dropped(word: str, rng: Random) -> str:
    """The word without one letter."""
    index = rng.randrange(len(word))
    return word[:index] + word[index + 1 :]


def doubled(word: str, rng: Random) -> str:
    """The word with one letter twice."""
    index = rng.randrange(len(word))
    return word[: index + 1] + word[index:]


def confused(word: str, rng: Random) -> str:
    """The word with one letter or pair of letters as character recognition misreads it; itself if none can be."""
    places = [
        (index, read, wrong)
        for read, readings in _readings().items()
        for index in range(len(word))
        if word.startswith(read, index)
        for wrong in readings
    ]
    if not places:
        return word
    index, read, wrong = rng.choice(places)
    return word[:index] + wrong + word[index + len(read) :]


@cache
def _readings() -> dict[str, list[str]]:
    """Letters, and what they are misread as."""
    content = json.loads(files(__package__).joinpath("ocr.json").read_text(encoding="utf-8"))
    readings: dict[str, list[str]] = content["readings"]
    return readings


@cache
def _neighbors(letter: str) -> str:
    """The letters on the keys around a letter's."""
    layout = load("keyboard")
    positions = {
        key: (column + offset, row)
        for row, (keys, offset) in enumerate(zip(layout["rows"], layout["offsets"], strict=True))
        for column, key in enumerate(keys)
    }
    if letter not in positions:
        return ""
    x, y = positions[letter]
    return "".join(
        key for key, (u, v) in sorted(positions.items()) if key != letter and abs(u - x) <= 1.0 and abs(v - y) <= 1
    )
