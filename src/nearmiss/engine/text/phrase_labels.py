"""Labels of edits from phrases, without a full parse: fast, and nearly always sufficient.

Two captions can state the same only if they name the same objects. Where one phrase replaces another of the same label
(a noun for a noun, a color for a color), the rest of the sentence parses as before.
"""

from collections.abc import Iterable, Sequence

from nearmiss.engine.text.lexicon import load
from nearmiss.engine.text.phrase_table import INDEFINITE, JOINING, Phrase

Label = tuple[str | None, str | None]

_CONCEPTS = ("color", "pattern")  # kinds of attributes that are separate concepts


def concept_of(kind: str) -> str:
    """The concept of a kind of attributes: color, pattern, size, or attribute for all others."""
    if kind in load("size")["dimensions"]:
        return "size"
    return kind if kind in _CONCEPTS else "attribute"


def named(phrases: Iterable[Phrase]) -> frozenset[object] | None:
    """The canonical words that a caption names, without order; equal for captions that state the same.

    None where the text may be two statements ("more A than B"), for which this does not hold.
    """
    found = frozenset([phrase.about for phrase in phrases])
    return None if JOINING in found else found


def exchanged(before: Sequence[Phrase], after: Sequence[Phrase]) -> Label | None:
    """The label of an edit that replaces one phrase by another of the same label, provided that the sentence is a
    simple one that parses; None where the phrases do not determine it.

    In every equivalent form of the two statements, this concept differs and nothing else has to.
    """
    if len(before) != len(after):
        return None
    changed = [at for at, phrase in enumerate(before) if phrase is not after[at] and phrase != after[at]]
    if len(changed) == 2 and {before[changed[0]].text, after[changed[0]].text} == INDEFINITE:
        del changed[0]
    return of_replaced(before, changed[0], after[changed[0]]) if len(changed) == 1 else None


def of_replaced(before: Sequence[Phrase], at: int, new: Phrase) -> Label | None:
    """`exchanged` where the phrase number `at` is replaced."""
    old = before[at]
    if old.label != new.label:
        return None
    if old.label == "noun":
        following = before[at + 1].label if at + 1 < len(before) else ""
        head = following not in ("adjective", "noun")  # else possibly the first part of a compound
        return ("object", "replace") if head and old.value.group != new.value.group else None
    if old.label == "adjective":
        return _attribute_exchanged(before, old, new)
    return ("location", "replace") if old.label == "half" and old.value != new.value else None


def _attribute_exchanged(before: Sequence[Phrase], old: Phrase, new: Phrase) -> Label | None:
    """The concept, where both attributes belong to it and each occurs at most once; a material may be a noun."""
    concept, values = concept_of(old.value[0]), [phrase.value for phrase in before if phrase.label == "adjective"]
    alike = old.value[0] == new.value[0] or concept == concept_of(new.value[0]) == "size"
    if not alike or old.value[0] == "material" or values.count(old.value) > 1 or new.value in values:
        return None
    return concept, "replace"
