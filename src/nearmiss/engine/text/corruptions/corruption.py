"""The interface of a text corruption, and the words that one may change.

An item must stay solvable: a word in which its captions differ is never changed, nor a word for a location or number
(our choice). All captions of an item are changed alike.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

from nearmiss.engine.text.edits import Edit, diff, replay
from nearmiss.engine.text.lexicon import load
from nearmiss.engine.text.tokens import Token, tokenize

Apply = Callable[[Sequence[str], Any, int, Random], list[str]]

SHORTEST = 3  # letters of a word that is changed; shorter words would become unrecognizable


@dataclass(frozen=True)
class TextCorruption:
    """A corruption: `apply(captions, options, severity, rng)` gives as many new captions; severity is 1 to 5."""

    name: str
    apply: Apply


def picked(captions: Sequence[str], share: float, rng: Random) -> list[str]:
    """Words in lower case that make up about `share` of the first caption, at least one word where one may be changed.

    A word that occurs twice counts twice. Where too few words are eligible, all of them are picked.
    """
    words = _eligible(captions)
    counts = Counter(token.lower for token in tokenize(captions[0]) if token.is_word)
    left = max(1, round(share * counts.total()))
    chosen = []
    for word in rng.sample(words, len(words)):
        if left <= 0:
            break
        chosen.append(word)
        left -= counts[word]
    return chosen


def edited(captions: Sequence[str], words: Mapping[str, Any], edit: Callable[[str, Token], Edit]) -> list[str]:
    """The captions with `edit(caption, token)` applied at every occurrence of one of the words."""
    return [
        replay(caption, [edit(caption, token) for token in tokenize(caption) if token.lower in words])
        for caption in captions
    ]


def respelled(captions: Sequence[str], spellings: Mapping[str, str]) -> list[str]:
    """The captions with every occurrence of a word, whatever its capitals, replaced by its new spelling."""
    return edited(
        captions,
        spellings,
        lambda _, token: Edit(token.start, token.end, token.text, spellings[token.lower]),
    )


def share_changed(captions: Sequence[str], made: Sequence[str]) -> float:
    """The share of the words of `captions`, split at white space, that `made` does not have."""
    lost = total = 0
    for before, after in zip(captions, made, strict=True):
        words = before.split()
        lost += (Counter(words) - Counter(after.split())).total()
        total += len(words)
    return lost / total if total else 0.0


def _eligible(captions: Sequence[str]) -> list[str]:
    """Words, in lower case and sorted, that every caption has and that no difference between captions affects."""
    common = set.intersection(*({token.lower for token in tokenize(caption) if token.is_word} for caption in captions))
    touched = {
        token.lower
        for other in captions[1:]
        for edit in diff(captions[0], other)
        for text in (edit.old, edit.new)
        for token in tokenize(text)
    }
    return sorted(word for word in common - touched - location_and_number_words() if len(word) >= SHORTEST)


@cache
def location_and_number_words() -> frozenset[str]:
    """Every word of a phrase for a location or a number."""
    location = load("location")
    phrases = [
        phrase for group in ("relations", "halves") for phrases in location[group].values() for phrase in phrases
    ]
    return frozenset(word for phrase in (*phrases, *load("number")["words"]) for word in phrase.lower().split())
