"""What the phrases of two captions tell at a glance, before either is read to the end: cheap, and nearly always enough.

Two captions can state the same only if they name the same things; and where one phrase gave way to another that plays
the same part (a noun to a noun, a color to a color), the sentence around it is read as it was before.
"""

from collections.abc import Sequence
from functools import cache, lru_cache

from nearmiss.engine.text.lexicon import load, noun_group, opposites
from nearmiss.engine.text.phrases import Phrase, phrases

Label = tuple[str | None, str | None]

# Sentences with one of these may be two statements, which can be told in other words ("more A than B").
_JOINING = frozenset(("both", "either", "more", "fewer", "as"))
_CONCEPTS = ("color", "pattern")  # kinds of attributes that are concepts of their own


def concept_of(kind: str) -> str:
    """The concept of a kind of attributes: color, pattern, size, or attribute for all others."""
    if kind in load("size")["dimensions"]:
        return "size"
    return kind if kind in _CONCEPTS else "attribute"


def inverse(predicate: str) -> str | None:
    """The predicate that says the same from the other end: "above" for "below", "near" for "near"; None without one."""
    axes, symmetric = load("location")["axes"], load("location")["symmetric"]
    if predicate in symmetric:
        return predicate
    return next((other for other in opposites("location").get(predicate, ()) if predicate in axes), None)


@lru_cache(maxsize=1 << 14)
def named(text: str, names: frozenset[str]) -> frozenset[object] | None:
    """What a caption names, in canonical words and no order; captions that state the same name the same.

    Numbers and materials are left out ("brick" may be read as a thing or as what one is made of). None where the text
    may be two statements, of which this does not hold.
    """
    found: set[object] = set()
    for phrase in phrases(text, names):
        if phrase.text in _JOINING:
            return None
        name = _name(phrase)
        if name is not None:
            found.add(name)
    return frozenset(found)


@lru_cache(maxsize=1 << 14)
def _name(phrase: Phrase) -> object:
    label, value = phrase.label, phrase.value
    if label in ("noun", "word"):
        group = value.group if label == "noun" else noun_group(phrase.text)
        return None if group in _materials() else group
    if label == "adjective":
        return None if value[0] == "material" else value
    if label == "relation":
        return min(value, inverse(value) or value)
    return value if label == "half" else None


@cache
def _materials() -> frozenset[str]:
    return frozenset(noun_group(word) for words in load("attribute")["material"].values() for word in words)


def exchanged(before: Sequence[Phrase], after: Sequence[Phrase]) -> Label | None:
    """The label of an edit that exchanges one phrase for another of its part, if the sentence is a plain one that is
    read to the end; None where the phrases alone do not decide it.

    However the two statements are told, something of this concept differs in them and nothing else need to: so no
    telling makes the change another one.
    """
    if len(before) != len(after):
        return None
    places = [at for at, phrase in enumerate(before) if phrase is not after[at] and phrase != after[at]]
    if len(places) != 1:
        return None
    at = places[0]
    old, new = before[at], after[at]
    if old.label != new.label:
        return None
    if old.label == "noun":
        following = before[at + 1].label if at + 1 < len(before) else ""
        head = following not in ("adjective", "noun")  # else perhaps the first part of a compound
        return ("object", "replace") if head and old.value.group != new.value.group else None
    if old.label == "adjective":
        return _attribute_exchanged(before, old, new)
    return ("location", "replace") if old.label == "half" and old.value != new.value else None


def _attribute_exchanged(before: Sequence[Phrase], old: Phrase, new: Phrase) -> Label | None:
    """The concept, where both attributes belong to it and each is said at most once; a material may be a noun."""
    concept, values = concept_of(old.value[0]), [phrase.value for phrase in before if phrase.label == "adjective"]
    alike = old.value[0] == new.value[0] or concept == concept_of(new.value[0]) == "size"
    if not alike or old.value[0] == "material" or values.count(old.value) > 1 or new.value in values:
        return None
    return concept, "replace"
