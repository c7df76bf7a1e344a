"""Keyboard typos: a neighboring key, two letters swapped, one left out, one repeated.

An item must stay solvable: a word in which its captions differ is never mistyped, nor a word for a location or number;
no typo gives another known word (our choice). All captions of an item get the same typos.
"""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from random import Random

from nearmiss.engine.text.edits import Edit, diff, replay
from nearmiss.engine.text.lexicon import attribute_words, load, object_words
from nearmiss.engine.text.tokens import tokenize

SHORTEST = 3  # letters of a word that is mistyped; shorter words would become unrecognizable


def mistyped(captions: Sequence[str], share: float, rng: Random) -> list[str]:
    """The captions with about `share` of the first one's words mistyped, at least one word where one may be.

    A word that occurs twice is mistyped twice. Where too few words are eligible, all of them are mistyped.
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
    """The share of the words of `captions` that differs in `made`, the same captions with typos."""
    pairs = [
        (old, new)
        for before, after in zip(captions, made, strict=True)
        for old, new in zip(before.split(), after.split(), strict=True)
    ]
    return sum(old != new for old, new in pairs) / len(pairs)


def typo(word: str, rng: Random) -> str:
    """The word with one typo, which gives no other word of the lexicons if possible."""
    for _ in range(20):
        made = rng.choice((_neighbor, _exchanged, _omitted, _doubled))(word, rng)
        if made != word and made not in _known():
            return made
    return _omitted(word, rng)


def _allowed(captions: Sequence[str]) -> list[str]:
    """Words, in lower case and sorted, that every caption has and that no difference between captions affects."""
    common = set.intersection(*({token.lower for token in tokenize(caption) if token.is_word} for caption in captions))
    touched = {
        token.lower
        for other in captions[1:]
        for edit in diff(captions[0], other)
        for text in (edit.old, edit.new)
        for token in tokenize(text)
    }
    return sorted(word for word in common - touched - _location_and_number_words() if len(word) >= SHORTEST)


@cache
def _known() -> frozenset[str]:
    return frozenset(object_words()) | frozenset(attribute_words()) | _location_and_number_words()


@cache
def _location_and_number_words() -> frozenset[str]:
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


def _neighbor(word: str, rng: Random) -> str:
    index = rng.randrange(len(word))
    neighbors = _neighbors(word[index])
    return word[:index] + rng.choice(neighbors) + word[index + 1 :] if neighbors else word


def _exchanged(word: str, rng: Random) -> str:
    index = rng.randrange(len(word) - 1)
    return word[:index] + word[index + 1] + word[index] + word[index + 2 :]


def _omitted(word: str, rng: Random) -> str:
    index = rng.randrange(len(word))
    return word[:index] + word[index + 1 :]


def _doubled(word: str, rng: Random) -> str:
    index = rng.randrange(len(word))
    return word[: index + 1] + word[index:]
