"""Sentences made of two statements: both A and B, either A or B, more (fewer, as many) A than (as) B.

What the two parts share occurs once ("the cube is above either the ball or the star"); here it is added to both parts,
so that the parser of simple statements can parse them.
"""

from dataclasses import dataclass
from typing import Literal

from nearmiss.engine.text.lexicon import attribute_kind
from nearmiss.engine.text.phrase_table import JOINING, Phrase

Phrases = tuple[Phrase, ...]
Join = Literal["both", "either", "more", "fewer", "as many"]

_LINKS: dict[Join, str] = {"both": "and", "either": "or", "more": "than", "fewer": "than", "as many": "as"}
_COMPARED: dict[Join, tuple[str, ...]] = {"more": ("more",), "fewer": ("fewer",), "as many": ("as", "many")}


@dataclass(frozen=True)
class Compound:
    """How two statements are joined, and the phrases of each; None where the boundary is ambiguous."""

    join: Join
    parts: tuple[Phrases, Phrases] | None


def compound(found: Phrases) -> Compound | None:
    """The two statements of a sentence, or None for a simple one."""
    for phrase in found:
        if phrase.about is JOINING:
            break
    else:
        return None
    if found and found[0].label == "be":
        for join, words in _COMPARED.items():
            if tuple(phrase.text for phrase in found[1 : 1 + len(words)]) == words:
                halves = _halves(found[1 + len(words) :], join)
                # "There are more than two dogs" compares nothing; "as many as" neither.
                return Compound(join, halves) if halves is None or all(halves) else None
    for join in ("both", "either"):
        at = next((index for index, phrase in enumerate(found) if phrase.text == join), 0)
        before, after = found[:at], found[at + 1 :]
        # "Cars are parked on both sides" joins nothing: "both" follows the verb, "either" may follow a relation.
        verbs = before[-1:] if join == "both" else before
        if after and any(phrase.label == "be" for phrase in verbs):
            halves = _halves(after, join)
            return Compound(join, None if halves is None else _completed(before, *halves))
    return None


def _halves(found: Phrases, join: Join) -> tuple[Phrases, Phrases] | None:
    links = [index for index, phrase in enumerate(found) if phrase.text == _LINKS[join]]
    return (found[: links[0]], found[links[0] + 1 :]) if len(links) == 1 else None


def _completed(before: Phrases, one: Phrases, other: Phrases) -> tuple[Phrases, Phrases]:
    """Each half with the shared phrases: a subject and predicate before, a noun or a relation behind."""
    if before[0].label != "be":
        return before + one, before + other
    nouns = [phrase for phrase in other if phrase.label == "noun"]
    if len(nouns) == 1 and (shared := _shared_attributes(one, other)) is not None:
        return (*shared, *nouns), other
    behind = next((index for index, phrase in enumerate(other) if index and _definite(phrase)), None)
    if behind is not None and not any(map(_definite, one)):
        head = next((index for index, phrase in enumerate(other) if phrase.label == "noun"), behind)
        return one + other[head + 1 :], other
    return one, other


def _shared_attributes(half: Phrases, other: Phrases) -> Phrases | None:
    """The half where it has attributes and no noun ("a red"); "orange" next to "a red cube" is one."""
    if not half or not any(phrase.label in ("adjective", "word") for phrase in other):
        return None
    *ahead, last = half
    kind = attribute_kind(last.text)
    if last.label == "noun" and kind is not None:
        last = Phrase("adjective", kind, last.text)
    single = (*ahead, last)
    return None if any(phrase.label == "noun" for phrase in single) else single


def _definite(phrase: Phrase) -> bool:
    return phrase.label == "article" and phrase.text == "the"
