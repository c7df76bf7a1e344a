"""Keyboard typos: a key next to the right one, two letters exchanged, one left out, one struck twice.

A question must stay answerable: a word in which an item's captions differ is never mistyped, nor one that says where
objects are or how many; no typo makes another known word (our choice). All captions of an item get the same typos.
"""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from random import Random

from nearmiss.engine.text.edits import Edit, diff, replay
from nearmiss.engine.text.lexicon import attribute_words, load, object_words
from nearmiss.engine.text.tokens import tokenize

SHORTEST = 3  # letters of a word that is mistyped; of a shorter one nothing is left to recognize


def mistyped(captions: Sequence[str], share: float, rng: Random) -> list[str]:
    """The captions with about `share` of the first one's words mistyped, at least one word where one may be.

    A word that occurs twice is mistyped twice. Where too few words may be mistyped all of those are.
    """
    words = _allowed(captions)
    counts = Counter(token.lower for token in tokenize(captions[0]) if token.is_word)
    left = max(1, round(share * counts.total()))
    chosen: dict[str, str] = {}
    for word in rng.sample(words, len(words)):
        if left <= 0:
            break
        chosen[word] = typo(word, rng)
        left -= counts[word]
    return [_retyped(caption, chosen) for caption in captions]


def share_mistyped(captions: Sequence[str], made: Sequence[str]) -> float:
    """Which share of the words of `captions` differs in `made`, the same captions with typos."""
    pairs = [
        (old, new)
        for before, after in zip(captions, made, strict=True)
        for old, new in zip(before.split(), after.split(), strict=True)
    ]
    return sum(old != new for old, new in pairs) / len(pairs)


def typo(word: str, rng: Random) -> str:
    """The word with one typo that changes it, and not into another word of the lexicons where it can be helped."""
    for _ in range(20):
        made = rng.choice((_neighbor, _exchanged, _omitted, _doubled))(word, rng)
        if made != word and made not in _known():
            return made
    return _omitted(word, rng)


def _allowed(captions: Sequence[str]) -> list[str]:
    """Words, in lower case and sorted, that every caption has, none that a difference between captions touches."""
    common = set.intersection(*({token.lower for token in tokenize(caption) if token.is_word} for caption in captions))
    touched = {
        token.lower
        for other in captions[1:]
        for edit in diff(captions[0], other)
        for text in (edit.old, edit.new)
        for token in tokenize(text)
    }
    return sorted(word for word in common - touched - _places_and_numbers() if len(word) >= SHORTEST)


@cache
def _known() -> frozenset[str]:
    return frozenset(object_words()) | frozenset(attribute_words()) | _places_and_numbers()


@cache
def _places_and_numbers() -> frozenset[str]:
    location = load("location")
    phrases = [
        phrase for group in ("relations", "halves") for phrases in location[group].values() for phrase in phrases
    ]
    return frozenset(word for phrase in (*phrases, *load("number")["words"]) for word in phrase.lower().split())


def _retyped(caption: str, chosen: dict[str, str]) -> str:
    edits = [
        Edit(token.start, token.end, token.text, chosen[token.lower])
        for token in tokenize(caption)
        if token.lower in chosen
    ]
    return replay(caption, edits)


@cache
def _neighbors(letter: str) -> str:
    """The letters on the keys around a letter's."""
    layout = load("keyboard")
    places = {
        key: (column + offset, row)
        for row, (keys, offset) in enumerate(zip(layout["rows"], layout["offsets"], strict=True))
        for column, key in enumerate(keys)
    }
    if letter not in places:
        return ""
    x, y = places[letter]
    return "".join(
        key for key, (u, v) in sorted(places.items()) if key != letter and abs(u - x) <= 1.0 and abs(v - y) <= 1
    )


def _neighbor(word: str, rng: Random) -> str:
    place = rng.randrange(len(word))
    near = _neighbors(word[place])
    return word[:place] + rng.choice(near) + word[place + 1 :] if near else word


def _exchanged(word: str, rng: Random) -> str:
    place = rng.randrange(len(word) - 1)
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def _omitted(word: str, rng: Random) -> str:
    place = rng.randrange(len(word))
    return word[:place] + word[place + 1 :]


def _doubled(word: str, rng: Random) -> str:
    place = rng.randrange(len(word))
    return word[: place + 1] + word[place:]
