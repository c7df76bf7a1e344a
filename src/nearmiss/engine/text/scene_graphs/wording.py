"""HNC's sentences (CoNLL 2023, the templates of its generator), with corrected number agreement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import combinations
from pathlib import Path
from typing import Any

from nearmiss.base.files import read_json
from nearmiss.engine.text.category_names import plural_of
from nearmiss.engine.text.inflection import indefinite_article, is_plural, number_word, singular
from nearmiss.engine.text.lexicon import hypernyms, interchangeable, load, noun_group
from nearmiss.engine.text.scene_graphs.predicates import complement

TEMPLATE_PREFIX = "hnc_"
_MOST = 10  # captions do not state larger numbers (our choice)


@cache
def words() -> dict[str, Any]:
    """Templates, opposite predicates and lists of excluded words (words.json)."""
    return read_json(Path(__file__).with_name("words.json"))


@dataclass(frozen=True)
class Phrase:
    """A noun phrase: attributes in the order of the annotation, then the name."""

    name: str
    attributes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join((*self.attributes, self.name))


def attribute_sentence(name: str, attribute: str) -> str:
    """Like: The cube is red."""
    return fill("attribute", thing=name, be=be(name), attribute=attribute)


def relation_sentence(subject: Phrase, predicate: str, obj: Phrase) -> str:
    """Like: The red cube is to the left of the ball."""
    return fill("relation", subject=str(subject), be=be(subject.name), predicate=predicate, object=str(obj))


def count_sentence(name: str, number: int) -> str:
    """Like: There are two cubes. `name` is in the singular."""
    one = number == 1
    return fill("count", be="is" if one else "are", number=number_word(number), thing=name if one else plural_of(name))


def comparison_sentence(comparator: str, obj: str, other: str) -> str:
    """Like: There are fewer cubes than balls. `comparator` is more, fewer or as_many; names are in the singular."""
    return fill(comparator, thing=plural_of(obj), other=plural_of(other))


def existence_of_related(name: str, predicate: str, obj: Phrase, *, exists: bool) -> str:
    """Like: There is at least one cube that is above the ball; or: There are no dogs that are on the bench."""
    quantity = quantity_of(name, exists)
    return fill("exists_related", be=be(name), quantity=quantity, thing=name, predicate=predicate, object=str(obj))


def existence_of_attribute(name: str, attribute: str, *, exists: bool) -> str:
    """Like: There is at least one cube that is red; or: There are no dogs that are brown."""
    return fill("exists_attribute", be=be(name), quantity=quantity_of(name, exists), thing=name, attribute=attribute)


def both_attributes(one: Phrase, other: Phrase) -> str:
    """Like: There is both a red cube and a blue ball; of one name: There is both a red and a blue cube."""
    if one.name != other.name:
        return fill("both_attributes", be=be(one.name), one=indefinite(one), other=indefinite(other))
    first, second = (indefinite(each).removesuffix(f" {each.name}") for each in (one, other))
    return fill("both_of_one_name", be=be(one.name), one=first, other=second, thing=one.name)


def either_attribute(one: Phrase, other: Phrase) -> str:
    """Like: There is either a red cube or a blue ball."""
    return fill("either_attribute", be=be(one.name), one=indefinite(one), other=indefinite(other))


def either_object(subject: Phrase, predicate: str, obj: Phrase, other: Phrase) -> str:
    """Like: The cube is above either the ball or the star."""
    parts = {"object": str(obj), "other_object": str(other)}
    return fill("either_object", subject=str(subject), be=be(subject.name), predicate=predicate, **parts)


Clause = tuple[Phrase, str, Phrase]  # subject, predicate, object


def both_of_one_thing(one: Clause, other: Clause) -> str:
    """Like: The cube is both above the ball and to the left of the star. Both have one subject."""
    (subject, predicate, obj), (_, other_predicate, other_obj) = one, other
    return fill(
        "both_of_one_thing",
        **{"subject": str(subject), "be": be(subject.name), "predicate": predicate, "object": str(obj)},
        **{"other_predicate": other_predicate, "other_object": str(other_obj)},
    )


def both_to_one_thing(one: Phrase, other: Phrase, predicate: str, obj: Phrase) -> str:
    """Like: There is both a cube and a star above the ball."""
    parts = {"one": indefinite(one), "other": indefinite(other), "object": str(obj)}
    return fill("both_to_one_thing", be=be(one.name), predicate=predicate, **parts)


def both_related(one: Clause, other: Clause) -> str:
    """Like: There is both a cube above the ball and a star to the left of the cone."""
    (subject, predicate, obj), (other_subject, other_predicate, other_obj) = one, other
    return fill(
        "both_related",
        **{"be": be(subject.name), "one": indefinite(subject), "predicate": predicate, "object": str(obj)},
        **{"other": indefinite(other_subject), "other_predicate": other_predicate, "other_object": str(other_obj)},
    )


def indefinite(phrase: Phrase) -> str:
    """With its article: "a red cube", "an orange", "red cubes", "green grass"."""
    parts = str(phrase)
    bare = is_plural(phrase.name) or uncountable(phrase.name)
    return parts if bare else f"{indefinite_article(parts.split(maxsplit=1)[0])} {parts}"


def template_id(kind: str) -> str:
    """Id of a sentence's template in the tables; `kind` is its name in words.json."""
    return TEMPLATE_PREFIX + kind


def quantity_of(name: str, exists: bool) -> str:
    """The quantifier for some objects of a name, or none."""
    if not exists:
        return "no"
    return "some" if is_plural(name) else "at least one"


@cache
def same_name(one: str, other: str) -> bool:
    """Whether two names may refer to the same object: tree and trees, man and guy, man and person."""
    first, second = noun_group(one), noun_group(other)
    return (
        first == second
        or first in hypernyms(second)
        or second in hypernyms(first)
        or (first, second) in interchangeable("object")
        or (first, second) in _overlapping()
    )


@cache
def _overlapping() -> frozenset[tuple[str, str]]:
    """Pairs of nouns in both orders that annotators use for one object, or for an object and a part of it."""
    sets: Sequence[Sequence[str]] = words()["overlapping_names"]
    return frozenset((noun_group(a), noun_group(b)) for each in sets for a in each for b in each if a != b)


def whole_scene(name: str) -> bool:
    """Whether the name is a word of the whole photograph, which is no object in it."""
    return singular(name.rsplit(maxsplit=1)[-1]) in words()["whole_scene"]


def numeral(attribute: str) -> bool:
    """Whether an annotated attribute is a number or a quantity, which is true of a group and of no single object."""
    return attribute in words()["quantities"] or attribute.replace(".", "").isdigit()


@cache
def same_number(one: str, other: str) -> bool:
    """Whether two names differ at most in number: tree and trees."""
    return singular(one) == singular(other)


@cache
def opposites(predicate: str) -> tuple[str, ...]:
    """Predicates that cannot hold where this one does."""
    pairs: Sequence[Sequence[str]] = words()["opposites"]
    found = [b for a, b in pairs if a == predicate] + [a for a, b in pairs if b == predicate]
    return tuple(sorted(set(found)))


@cache
def converse(predicate: str) -> str | None:
    """The converse predicate: "below" for "above", "near" for "near"; None without one."""
    pairs: Sequence[Sequence[str]] = words()["converses"]
    return {**{a: b for a, b in pairs}, **{b: a for a, b in pairs}}.get(predicate)


@cache
def countable(name: str) -> str | None:
    """None if objects of this name can be counted; else the reason."""
    last = name.rsplit(maxsplit=1)[-1]
    if is_plural(name):
        return "the name is a plural: the annotation does not state how many"
    if uncountable(name):
        return "uncountable"
    if last in words()["body_parts"]:
        return "body part: annotators do not mark them all"
    return None


def uncountable(name: str) -> bool:
    """Whether the name is a mass noun, by its last word."""
    return name.rsplit(maxsplit=1)[-1] in load("grammar")["uncountable"]


def comparable(numbers: Mapping[str, int]) -> list[tuple[str, str]]:
    """Pairs of names with comparable numbers, sorted: countable, and no two names may refer to the same objects."""
    clear = [name for name in sorted(numbers) if countable(name) is None]
    clear = [name for name in clear if not any(other != name and same_name(name, other) for other in numbers)]
    return list(combinations(clear, 2))


def writable(number: int) -> bool:
    """Whether captions state this number."""
    return 1 <= number <= _MOST


@lru_cache(maxsize=1 << 16)
def unfit(predicate: str, *names: str) -> str | None:
    """None if a relation may be stated of these names; else the reason (skip constraints of HNC, and grammar)."""
    if complement(predicate) is None:
        return "the predicate is no complement of 'be'"
    if predicate in words()["vague_predicates"]:
        return "vague predicate"
    if predicate in words()["spatial_predicates"]:
        for name in names:
            last = singular(name.split()[-1])
            if last in words()["background"]:
                return "place relative to the background"
            if last in words()["body_parts"]:
                return "place relative to a body part"
    return None


def be(name: str) -> str:
    """The form of "be" that agrees with the name."""
    return "are" if is_plural(name) else "is"


def fill(kind: str, **slots: str) -> str:
    """The sentence of a template, by its name in words.json."""
    return str(words()["templates"][kind]).format(**slots)
