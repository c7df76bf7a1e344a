"""HNC's sentences (CoNLL 2023, the templates of its generator), with agreement of number put right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import combinations
from pathlib import Path
from typing import Any

from nearmiss.base.files import read_json
from nearmiss.engine.text.category_names import plural_of
from nearmiss.engine.text.inflection import indefinite_article, is_plural, number_word, singular
from nearmiss.engine.text.lexicon import hypernyms, interchangeable, noun_group

TEMPLATE_PREFIX = "hnc_"
_MOST = 10  # numbers past ten are not written: nobody counts that far in a caption (our choice)


@cache
def words() -> dict[str, Any]:
    """Templates, opposite predicates and the lists of words that some types leave out."""
    return read_json(Path(__file__).with_name("words.json"))


@dataclass(frozen=True)
class Phrase:
    """A thing as it is said: attributes in the order of the annotation, then its name."""

    name: str
    attributes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join((*self.attributes, self.name))


def attribute_sentence(name: str, attribute: str) -> str:
    """Like: The cube is red."""
    return fill("attribute", thing=name, be=be(name), attribute=attribute)


def relation_sentence(subject: Phrase, predicate: str, thing: Phrase) -> str:
    """Like: The red cube is to the left of the ball."""
    return fill("relation", subject=str(subject), be=be(subject.name), predicate=predicate, object=str(thing))


def count_sentence(name: str, number: int) -> str:
    """Like: There are two cubes. `name` is in the singular."""
    one = number == 1
    return fill("count", be="is" if one else "are", number=number_word(number), thing=name if one else plural_of(name))


def comparison_sentence(comparator: str, thing: str, other: str) -> str:
    """Like: There are fewer cubes than balls. `comparator` is more, fewer or as_many; names are in the singular."""
    return fill(comparator, thing=plural_of(thing), other=plural_of(other))


def existence_of_related(name: str, predicate: str, thing: Phrase, *, exists: bool) -> str:
    """Like: There is at least one cube that is above the ball; or: There are no dogs that are on the bench."""
    quantity = quantity_of(name, exists)
    return fill("exists_related", be=be(name), quantity=quantity, thing=name, predicate=predicate, object=str(thing))


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


def either_object(subject: Phrase, predicate: str, thing: Phrase, other: Phrase) -> str:
    """Like: The cube is above either the ball or the star."""
    said = {"object": str(thing), "other_object": str(other)}
    return fill("either_object", subject=str(subject), be=be(subject.name), predicate=predicate, **said)


Said = tuple[Phrase, str, Phrase]  # subject, predicate, object


def both_of_one_thing(one: Said, other: Said) -> str:
    """Like: The cube is both above the ball and to the left of the star. Both have one subject."""
    (subject, predicate, thing), (_, other_predicate, other_thing) = one, other
    return fill(
        "both_of_one_thing",
        **{"subject": str(subject), "be": be(subject.name), "predicate": predicate, "object": str(thing)},
        **{"other_predicate": other_predicate, "other_object": str(other_thing)},
    )


def both_to_one_thing(one: Phrase, other: Phrase, predicate: str, thing: Phrase) -> str:
    """Like: There is both a cube and a star above the ball."""
    said = {"one": indefinite(one), "other": indefinite(other), "object": str(thing)}
    return fill("both_to_one_thing", be=be(one.name), predicate=predicate, **said)


def both_related(one: Said, other: Said) -> str:
    """Like: There is both a cube above the ball and a star to the left of the cone."""
    (subject, predicate, thing), (other_subject, other_predicate, other_thing) = one, other
    return fill(
        "both_related",
        **{"be": be(subject.name), "one": indefinite(subject), "predicate": predicate, "object": str(thing)},
        **{"other": indefinite(other_subject), "other_predicate": other_predicate, "other_object": str(other_thing)},
    )


def indefinite(phrase: Phrase) -> str:
    """With its article: "a red cube", "an orange", "red cubes", "green grass"."""
    said = str(phrase)
    bare = is_plural(phrase.name) or uncountable(phrase.name)
    return said if bare else f"{indefinite_article(said.split(maxsplit=1)[0])} {said}"


def template_id(kind: str) -> str:
    """Id of a sentence's template in the tables; `kind` is its name in words.json."""
    return TEMPLATE_PREFIX + kind


def quantity_of(name: str, exists: bool) -> str:
    """How it is said that there is some of a name, or none."""
    if not exists:
        return "no"
    return "some" if is_plural(name) else "at least one"


@cache
def same_name(one: str, other: str) -> bool:
    """Whether two names may name one thing: tree and trees, man and guy, man and person."""
    first, second = noun_group(one), noun_group(other)
    return (
        first == second
        or first in hypernyms(second)
        or second in hypernyms(first)
        or (first, second) in interchangeable("object")
    )


@cache
def same_number(one: str, other: str) -> bool:
    """Whether two names are one but for number: tree and trees."""
    return singular(one) == singular(other)


@cache
def opposites(predicate: str) -> tuple[str, ...]:
    """Predicates that cannot hold where this one does."""
    pairs: Sequence[Sequence[str]] = words()["opposites"]
    found = [b for a, b in pairs if a == predicate] + [a for a, b in pairs if b == predicate]
    return tuple(sorted(set(found)))


@cache
def converse(predicate: str) -> str | None:
    """The predicate that says the same from the other end: "below" for "above", "near" for "near"; None without one."""
    pairs: Sequence[Sequence[str]] = words()["converses"]
    return {**{a: b for a, b in pairs}, **{b: a for a, b in pairs}}.get(predicate)


@cache
def countable(name: str) -> str | None:
    """None where things of this name can be counted; else the reason why not."""
    last = name.rsplit(maxsplit=1)[-1]
    if is_plural(name):
        return "the name is a plural: the annotation does not say how many"
    if uncountable(name):
        return "uncountable"
    if last in words()["body_parts"]:
        return "body part: annotators do not mark them all"
    return None


def uncountable(name: str) -> bool:
    """Whether the name is a mass noun, by its last word."""
    return name.rsplit(maxsplit=1)[-1] in words()["uncountable"]


def comparable(numbers: Mapping[str, int]) -> list[tuple[str, str]]:
    """Pairs of names whose numbers can be compared, sorted: countable, and none may name things of another."""
    clear = [name for name in sorted(numbers) if countable(name) is None]
    clear = [name for name in clear if not any(other != name and same_name(name, other) for other in numbers)]
    return list(combinations(clear, 2))


def writable(number: int) -> bool:
    """Whether a caption would say this number."""
    return 1 <= number <= _MOST


@lru_cache(maxsize=1 << 16)
def unfit(predicate: str, *names: str) -> str | None:
    """None where a relation may be said of these names; else the reason (HNC's skip constraints)."""
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
    """The verb that agrees with the name."""
    return "are" if is_plural(name) else "is"


def fill(kind: str, **slots: str) -> str:
    """The sentence of a template, by its name in words.json."""
    return str(words()["templates"][kind]).format(**slots)
