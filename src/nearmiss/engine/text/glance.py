"""What the phrases of two captions tell at a glance, before either is read to the end: cheap, and nearly always enough.

Two captions can state the same only if they name the same objects; and where one phrase gave way to another that plays
the same part (a noun to a noun, a color to a color), the sentence around it is read as it was before.
"""

from collections.abc import Sequence
from functools import lru_cache

from nearmiss.engine.text.lexicon import load
from nearmiss.engine.text.phrases import JOINING, Phrase, phrases

Label = tuple[str | None, str | None]

_CONCEPTS = ("color", "pattern")  # kinds of attributes that are concepts of their own


def concept_of(kind: str) -> str:
    """The concept of a kind of attributes: color, pattern, size, or attribute for all others."""
    if kind in load("size")["dimensions"]:
        return "size"
    return kind if kind in _CONCEPTS else "attribute"


@lru_cache(maxsize=1 << 14)
def named(text: str, names: frozenset[str]) -> frozenset[object] | None:
    """What a caption names, in canonical words and no order; captions that state the same name the same.

    None where the text may be two statements ("more A than B"), of which this does not hold.
    """
    found = frozenset([phrase.about for phrase in phrases(text, names)])
    return None if JOINING in found else found


def exchanged(before: Sequence[Phrase], after: Sequence[Phrase]) -> Label | None:
    """The label of an edit that exchanges one phrase for another of its part, if the sentence is a plain one that is
    read to the end; None where the phrases only do not decide it.

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
