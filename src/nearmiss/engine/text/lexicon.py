"""Words and their meanings, from data files: groups of words of one meaning, kinds of groups, opposites.

A *group* holds words of one meaning under a canonical name ("big" belongs to "large"); a *kind* holds groups that
exclude one another (colors, heights, materials). The lists are our choice: Rösch et al. do not publish theirs.
Objects are COCO's 80 categories with aliases, and simple shapes.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from nearmiss.engine.text.inflection import is_plural, plural, singular
from nearmiss.engine.text.spelling import lowered


@cache
def load(name: str) -> dict[str, Any]:
    """The lexicon file `lexicons/NAME.json` as it is."""
    text = files(__package__).joinpath("lexicons", f"{name}.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return content


@dataclass(frozen=True)
class Noun:
    """A noun: its canonical group (or itself, where no lexicon has it) and its number."""

    group: str
    plural: bool


@cache
def objects() -> dict[str, tuple[str, ...]]:
    """Words in the singular of each object group."""
    return {name: tuple(entry["words"]) for name, entry in load("object")["groups"].items()}


@cache
def object_words() -> dict[str, Noun]:
    """Every known form of every object word, both numbers: word -> Noun."""
    words: dict[str, Noun] = {}
    for name, entry in load("object")["groups"].items():
        for many in entry.get("plurals", [plural(word) for word in entry["words"]]):
            words.setdefault(many, Noun(name, True))
        for word in entry["words"]:
            words[word] = Noun(name, is_plural(word))
    return words


@cache
def noun_group(name: str) -> str:
    """The canonical group of a noun in either number; of an unknown one its singular in lower case."""
    low = " ".join(lowered(name).split())
    known = object_words().get(low)
    return known.group if known is not None else singular(low)


@cache
def hypernyms(group: str) -> tuple[str, ...]:
    """Groups that everything of this group also belongs to ("man": "person")."""
    entry = load("object")["groups"].get(group, {})
    return tuple(entry.get("is_a", ()))


@cache
def attribute_words() -> dict[str, tuple[str, str]]:
    """Every known attribute word: word -> (kind, group)."""
    words: dict[str, tuple[str, str]] = {}
    for kind, groups in load("attribute").items():
        words.update({word: (kind, group) for group, members in groups.items() for word in members})
    size = load("size")
    for dimension, groups in size["dimensions"].items():
        words.update({word: (dimension, group) for group in groups for word in size["groups"][group]})
    for group, members in load("color")["groups"].items():
        words.update({word: ("color", group) for word in members})
    return words


def attribute_kind(word: str) -> tuple[str, str] | None:
    """(kind, group) of an attribute; groups of one kind exclude one another; None where no lexicon has it."""
    return attribute_words().get(lowered(word))


@cache
def opposites(name: str) -> dict[str, tuple[str, ...]]:
    """For lexicon `size` or `location`: each group and its opposite groups."""
    found: dict[str, tuple[str, ...]] = {}
    for one, other in load(name)["opposites"]:
        found[one] = (*found.get(one, ()), other)
        found[other] = (*found.get(other, ()), one)
    return found


@cache
def inverse(predicate: str) -> str | None:
    """The inverse predicate: "above" for "below", "near" for "near"; None without one."""
    axes, symmetric = load("location")["axes"], load("location")["symmetric"]
    if predicate in symmetric:
        return predicate
    return next((other for other in opposites("location").get(predicate, ()) if predicate in axes), None)


@cache
def interchangeable(name: str) -> frozenset[tuple[str, str]]:
    """For lexicon `color` or `object`: pairs of groups, in both orders, that may describe the same object."""
    pairs = load(name)["near"]
    return frozenset([(a, b) for a, b in pairs] + [(b, a) for a, b in pairs])
