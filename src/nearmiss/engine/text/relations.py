"""Cuts a caption that states one spatial relation into its parts, and writes the same statement in a template.

A statement is a subject, a spatial predicate of the lexicon and an object: "The red cube is above the ball." A noun
phrase keeps its words; its article follows the template. What does not consist of exactly these parts is not cut.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from string import Formatter

from nearmiss.engine.text.inflection import indefinite_article, is_plural
from nearmiss.engine.text.lexicon import Noun, load
from nearmiss.engine.text.phrase_table import Phrase
from nearmiss.engine.text.phrases import phrases
from nearmiss.engine.text.tokens import normalized, tokenize

SLOTS = ("a_subject", "subject", "a_object", "object", "predicate", "be")
"""Slots of a template: noun phrases with an indefinite article or without one, and the form of "be" of the subject."""

_ARTICLES = ("a", "an", "the")


@dataclass(frozen=True)
class NounPhrase:
    """A noun phrase without its article: "small red cube"; `head` is its noun."""

    words: str
    head: str
    plural: bool

    def indefinite(self) -> str | None:
        """With "a" or "an"; without article for plurals and mass nouns; None for what exists once ("sky")."""
        if self.head in load("grammar")["unique"]:
            return None
        if self.plural or self.head in load("grammar")["uncountable"]:
            return self.words
        return f"{indefinite_article(self.words.split(maxsplit=1)[0])} {self.words}"

    def as_object(self) -> str:
        """As `indefinite`, with "the" for mass nouns and what exists once: "a dog on the grass"."""
        definite = self.head in load("grammar")["unique"] or self.head in load("grammar")["uncountable"]
        return f"the {self.words}" if definite and not self.plural else self.indefinite() or self.words


@dataclass(frozen=True)
class Relation:
    """The parts of a statement."""

    subject: NounPhrase
    predicate: str
    object: NounPhrase


def relation_of(text: str, names: frozenset[str] = frozenset()) -> Relation | None:
    """The parts of a caption that states one spatial relation, subject first or fronted; None for other captions.

    `names` are further nouns. Numbers and possessives are part of no noun phrase here.
    """
    found = phrases(text, names)
    spelled = {token.lower: token.text for token in tokenize(text)[1:]}
    at = [index for index, phrase in enumerate(found) if phrase.label == "relation"]
    if len(at) != 1 or found[at[0]].value not in load("location")["relations"]:
        return None
    subject: Sequence[Phrase]
    if at[0] == 0:
        other, subject = _fronted(found[1:])
    else:
        subject, other = _without_be(found[: at[0]]), found[at[0] + 1 :]
    first, second = _noun_phrase(subject, spelled), _noun_phrase(other, spelled)
    if first is None or second is None:
        return None
    return Relation(first, found[at[0]].text, second)


def fill(template: str, relation: Relation) -> str | None:
    """The statement in a template with slots of `SLOTS`; None where its subject cannot have the article.

    Without a capital and a period, as most captions and benchmarks are written: the period is a token, and if only the
    relation pairs had it, the model would learn the relation together with the period (our choice).
    """
    subject, first = relation.subject, relation.subject.indefinite()
    if first is None and "a_subject" in slots_of(template):
        return None
    return template.format(
        a_subject=first,
        subject=subject.words,
        a_object=relation.object.as_object(),
        object=relation.object.words,
        predicate=relation.predicate,
        be="are" if subject.plural else "is",
    )


@cache
def slots_of(template: str) -> tuple[str, ...]:
    """The names of the slots of a template, in order. Raises ValueError where its braces do not match."""
    return tuple(name for _, name, _, _ in Formatter().parse(template) if name is not None)


@cache
def own_words(template: str) -> frozenset[str]:
    """The words of a template outside of its slots."""
    return frozenset(normalized(" ".join(literal for literal, *_ in Formatter().parse(template))).split())


@cache
def pattern(template: str, subject: str, other: str, predicate: str) -> str:
    """A template as words, for comparison: without articles, the slots replaced by these three names."""
    kinds = {"subject": subject, "object": other, "predicate": predicate, "be": "is"}
    filled = template.format_map({slot: kinds[slot.removeprefix("a_")] for slot in SLOTS})
    return without_articles(filled)


def without_articles(text: str) -> str:
    """The words of a text without articles, in lower case."""
    return " ".join(word for word in normalized(text).split() if word not in _ARTICLES)


def _fronted(found: Sequence[Phrase]) -> tuple[Sequence[Phrase], Sequence[Phrase]]:
    """Object and subject after a fronted predicate: "be" or a comma between them, or the subject's article."""
    for index, phrase in enumerate(found):
        if phrase.label == "be" or phrase.text == ",":
            return found[:index], found[index + 1 :]
    second = next((index for index, phrase in enumerate(found) if index and phrase.label == "article"), len(found))
    return found[:second], found[second:]


def _without_be(found: Sequence[Phrase]) -> Sequence[Phrase]:
    """Without the "is" of "there is" and that before a predicate."""
    start = 1 if found and found[0].label == "be" else 0
    end = len(found) - 1 if len(found) > start and found[-1].label == "be" else len(found)
    return found[start:end]


def _noun_phrase(found: Sequence[Phrase], spelled: dict[str, str]) -> NounPhrase | None:
    """[a | an | the] (adjective | noun | unknown word)* noun"""
    rest = list(found)
    if rest and rest[0].label == "article" and rest.pop(0).text not in _ARTICLES:
        return None
    if not rest or any(phrase.label not in ("adjective", "noun", "word") for phrase in rest):
        return None
    head = rest[-1]
    if head.label == "adjective":
        return None
    plural = head.value.plural if isinstance(head.value, Noun) else is_plural(head.text)
    words = " ".join(spelled.get(word, word) for phrase in rest for word in phrase.text.split())
    return NounPhrase(words, head.text.split()[-1], plural)
