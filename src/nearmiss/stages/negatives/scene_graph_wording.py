"""HNC's sentences (CoNLL 2023, the templates of its generator), with agreement of number put right."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from nearmiss.base.files import read_json
from nearmiss.engine.text.inflection import is_plural, number_word, plural, singular
from nearmiss.engine.text.lexicon import hypernyms, near, noun_group

TEMPLATE_PREFIX = "hnc_"
_MOST = 10  # numbers past ten are not written: nobody counts that far in a caption (our choice)


@cache
def words() -> dict[str, Any]:
    """Templates, opposite predicates and the lists of words that some types leave out."""
    return read_json(Path(__file__).with_name("scene_graph_words.json"))


@dataclass(frozen=True)
class Phrase:
    """A thing as it is said: attributes in the order of the annotation, then its name."""

    name: str
    attributes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join((*self.attributes, self.name))


def attribute_sentence(name: str, attribute: str) -> str:
    """Like: The cube is red."""
    return _fill("attribute", thing=name, be=_be(name), attribute=attribute)


def relation_sentence(subject: Phrase, predicate: str, thing: Phrase) -> str:
    """Like: The red cube is to the left of the ball."""
    return _fill("relation", subject=str(subject), be=_be(subject.name), predicate=predicate, object=str(thing))


def count_sentence(name: str, number: int) -> str:
    """Like: There are two cubes. `name` is in the singular."""
    one = number == 1
    return _fill("count", be="is" if one else "are", number=number_word(number), thing=name if one else plural(name))


def template_id(kind: str) -> str:
    """Id of a sentence's template in the tables; `kind` is attribute, relation or count."""
    return TEMPLATE_PREFIX + kind


@cache
def same_name(one: str, other: str) -> bool:
    """Whether two names may name one thing: tree and trees, man and guy, man and person."""
    first, second = noun_group(one), noun_group(other)
    return (
        first == second or first in hypernyms(second) or second in hypernyms(first) or (first, second) in near("object")
    )


@cache
def opposites(predicate: str) -> tuple[str, ...]:
    """Predicates that cannot hold where this one does."""
    pairs: Sequence[Sequence[str]] = words()["opposites"]
    found = [b for a, b in pairs if a == predicate] + [a for a, b in pairs if b == predicate]
    return tuple(sorted(set(found)))


def countable(name: str) -> str | None:
    """None where things of this name can be counted; else the reason why not."""
    last = name.rsplit(maxsplit=1)[-1]
    if is_plural(name):
        return "the name is a plural: the annotation does not say how many"
    if last in words()["uncountable"]:
        return "uncountable"
    if last in words()["body_parts"]:
        return "body part: annotators do not mark them all"
    return None


def writable(number: int) -> bool:
    """Whether a caption would say this number."""
    return 1 <= number <= _MOST


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


def _be(name: str) -> str:
    return "are" if is_plural(name) else "is"


def _fill(kind: str, **slots: str) -> str:
    return str(words()["templates"][kind]).format(**slots)
