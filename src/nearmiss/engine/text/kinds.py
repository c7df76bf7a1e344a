"""Kinds of nouns and of actions, so that a new word is of the kind of the old one (our choices).

A person is replaced by a person only: words of any other kind are absurd or insulting in that place. An animal, a
vehicle or a dish is replaced by one of its kind, where the lexicons have both words.
"""

from collections.abc import Sequence
from functools import cache, lru_cache

from nearmiss.engine.text.collisions import more_general
from nearmiss.engine.text.edits import Edit
from nearmiss.engine.text.lexicon import load, noun_group
from nearmiss.engine.text.spelling import lowered
from nearmiss.engine.text.tokens import Words, token_texts

NO_PERSON = "a word that names no person is in the place of a person"


@cache
def persons() -> frozenset[str]:
    """Nouns that name persons, as groups."""
    groups = [name for name, entry in load("object")["groups"].items() if "person" in entry["kinds"]]
    return frozenset(map(noun_group, [*groups, *load("hypernym")["members"]["person"], *load("person")["persons"]]))


@lru_cache(maxsize=1 << 14)
def is_person(words: str) -> bool:
    """Whether the last of some words, in either number, names a person."""
    last = words.rsplit(maxsplit=1)[-1:]
    return bool(last) and noun_group(last[0]) in persons()


def person_replaced(positive: Words, edits: Sequence[Edit]) -> str | None:
    """The reason if an edit replaces a person by a new word that names none; words of the text itself may move."""
    for edit in edits:
        if edit.old and edit.new and _loses_person(edit.old, edit.new):
            new = token_texts(edit.new)
            if new and new[-1] not in positive:
                return NO_PERSON
    return None


@lru_cache(maxsize=1 << 14)
def _loses_person(old: str, new: str) -> bool:
    return is_person(lowered(old)) and not is_person(lowered(new))


@lru_cache(maxsize=1 << 14)
def of_one_noun_kind(old: str, new: str) -> bool:
    """Whether both nouns name persons or neither does, and no lexicon puts them into different kinds."""
    if is_person(old) != is_person(new):
        return False
    first, second = _kinds(old), _kinds(new)
    return not (first and second) or not first.isdisjoint(second)


@cache
def _kinds(noun: str) -> frozenset[str]:
    """The kinds of an object group, and all more general nouns."""
    for name in (noun_group(noun), noun_group(noun.rsplit(maxsplit=1)[-1])):
        kinds = load("object")["groups"].get(name, {}).get("kinds", ())
        found = {*kinds, *more_general(name)} - {name}
        if found:
            return frozenset(found)
    return frozenset()


@lru_cache(maxsize=1 << 14)
def is_animate(noun: str) -> bool:
    """Whether a word names a person or an animal."""
    return is_person(noun) or "animal" in _kinds(noun)


@cache
def _actions() -> dict[str, frozenset[str]]:
    """Form of a verb -> the verbs of the lexicon that it may be a form of."""
    found: dict[str, set[str]] = {}
    for verb, forms in load("action")["verbs"].items():
        for form in forms:
            found.setdefault(form, set()).add(verb)
    return {form: frozenset(verbs) for form, verbs in found.items()}


@cache
def _compatible() -> frozenset[frozenset[str]]:
    """Pairs of verbs that can be true of one scene: the first of a list and each other."""
    return frozenset(frozenset((verb, other)) for verb, *others in load("action")["together"] for other in others)


_STATES_OF_THINGS = frozenset(("stand", "sit", "lie", "park", "drive", "run"))  # of a vehicle, a still image shows any


@lru_cache(maxsize=1 << 14)
def exclusive_actions(old: str, new: str, *, animate: bool = True) -> bool:
    """Whether two verbs name actions that cannot both be meant: of one family, and not listed as compatible.

    `animate`: whether a person or animal may do them; a lamp that stands can as well be said to sit.
    """
    first, second = (_actions().get(lowered(word), frozenset[str]()) for word in (old, new))
    if not first or not second or not first.isdisjoint(second):
        return False
    if not animate and first <= _STATES_OF_THINGS and second <= _STATES_OF_THINGS:
        return False
    families = load("action")["families"]
    return all(
        frozenset((one, other)) not in _compatible() and any(one in verbs and other in verbs for verbs in families)
        for one in first
        for other in second
    )
