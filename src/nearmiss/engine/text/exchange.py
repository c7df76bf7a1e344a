"""Detects swaps of two spans that keep the meaning: "a cat and a dog", "a man next to a dog" (all rules are ours).

Where annotations exist, the check decides as well; these rules only use the words.
"""

from collections.abc import Sequence
from functools import cache

from nearmiss.engine.text.lexicon import hypernyms, load, noun_group
from nearmiss.engine.text.spans import Sentence, Span
from nearmiss.engine.text.tagging import Tagged
from nearmiss.engine.text.usage import words

LISTED = "the spans are only listed: swapping them preserves the meaning"
BESIDE = "the relation of the spans is symmetric: swapping them preserves the meaning"
TOGETHER = "the verbs have one subject: swapping them preserves the meaning"
PART = "one is a part or an amount of the other: exchanged they make no sense"
RELATED = "one can name the other: swapping them may preserve the meaning"
SHARED = "the adjective before the list may belong to both: swapping them may preserve the meaning"

_LIST = ("and", "or", ",")


def same_either_way(sentence: Sentence, one: Span, other: Span) -> str | None:
    """Why a swap of two spans keeps the meaning; None where it changes it as far as the words show."""
    if one.kind in ("VP", "ADV"):
        return TOGETHER if _only_joined(sentence[one.last : other.first]) else None
    if one.kind == "ADJ":
        return _same_heads(sentence, one, other)
    if one.kind != "NP" and _related(str(one.meaning), str(other.meaning)):
        return RELATED
    between = sentence[one.last : _opening(sentence, other)]
    if one.kind == "NP" and between and between[-1].lower == "with" and _related_phrases(sentence, one, other):
        return RELATED
    if [word.lower for word in between] == ["of"]:
        return PART
    joint = _joint(between)
    if joint is None:
        return None
    own = one.kind == "NP" or _modifiers(sentence, one) == _modifiers(sentence, other)
    if not own and joint in _LIST and not _opened(sentence, other):
        return SHARED
    return (LISTED if joint in _LIST else BESIDE) if own else None


def _related(one: str, other: str) -> bool:
    return one in hypernyms(other) or other in hypernyms(one)


def _related_phrases(sentence: Sentence, one: Span, other: Span) -> bool:
    """ "a cow in a field with a smaller cow": both are cows, and each is with the other."""
    first, second = (noun_group(sentence[span.last - 1].text) for span in (one, other))
    return first == second or _related(first, second)


def _same_heads(sentence: Sentence, one: Span, other: Span) -> str | None:
    """ "a red car next to a blue car": with the adjectives swapped, the same two cars."""
    first, second = _head(sentence, one), _head(sentence, other)
    if noun_group(sentence[first].text) != noun_group(sentence[second].text):
        return None
    joint = _joint(sentence[first + 1 : _opening(sentence, other)])
    return None if joint is None else LISTED if joint in _LIST else BESIDE


def _joint(between: Sequence[Tagged]) -> str | None:
    """The symmetric connection of two objects ("and", "next to"), None where it is not symmetric.

    In a list further objects may stand between the two.
    """
    kept = [word for word in between if word.lower not in _silent()]
    text = " ".join(word.lower for word in kept)
    if text in (*words()["symmetric"], *words()["mutual"]):
        return "and" if set(text.split()) <= {*_LIST} else text
    objects = ("NOUN", "PROPN", "ADJ", "DET", "NUM")
    joints = [word.lower for word in kept if word.pos not in objects]
    if all(word.pos in (*objects, "ADP", "ADV", "PUNCT") for word in kept) and text.endswith(_beside()):
        return "next to"  # "a man out in the water next to a dog": the location is that of both
    is_list = bool(joints) and set(joints) <= {*_LIST} and kept[0].lower in _LIST and kept[-1].lower in _LIST
    return "and" if is_list else None


@cache
def _beside() -> tuple[str, ...]:
    """Endings of the words between two objects that are close to each other, wherever the two are."""
    return tuple(
        f" {joint}" for joint in words()["symmetric"] if joint[-1].isalpha() and joint not in ("and", "or", ", and")
    )


@cache
def _silent() -> frozenset[str]:
    """Words that do not change the relation of two objects."""
    grammar = load("grammar")
    return frozenset({*words()["articles"], *grammar["be"], *words()["postures"], "both", "that", "who", "which"})


def _only_joined(between: Sequence[Tagged]) -> bool:
    return all(word.lower in _LIST for word in between)


def _opening(sentence: Sentence, span: Span) -> int:
    """The start of the noun phrase."""
    at = span.first
    while at > 0 and sentence[at - 1].pos in ("DET", "ADJ", "NUM"):
        at -= 1
    return at


def _opened(sentence: Sentence, span: Span) -> bool:
    return sentence[_opening(sentence, span)].pos in ("DET", "NUM")


def _modifiers(sentence: Sentence, span: Span) -> list[str]:
    """Adjectives and numbers before a noun; where both have the same ("two cats, two dogs"), the meaning stays."""
    phrase = sentence[_opening(sentence, span) : span.first]
    return [word.lower for word in phrase if word.pos != "DET"]


def _head(sentence: Sentence, span: Span) -> int:
    """The last noun of the noun phrase after an adjective."""
    at = span.last
    while at + 1 < len(sentence) and (sentence[at].pos == "ADJ" or sentence[at + 1].pos == "NOUN"):
        at += 1
    return at
