"""Parses captions by patterns of phrases: objects with attributes, numbers, relations, locations.

The patterns are simple (noun phrases `[number | article] adjective* noun`, a relation between two of them, a location
of one) and parse the world's sentences, graph captions and many simple captions; other captions give None.
"""

from dataclasses import dataclass, field
from functools import lru_cache

from nearmiss.engine.text.compounds import Compound, Join, Phrases, compound
from nearmiss.engine.text.inflection import is_plural
from nearmiss.engine.text.legible import LONGEST
from nearmiss.engine.text.lexicon import Noun, noun_group
from nearmiss.engine.text.phrase_table import Phrase
from nearmiss.engine.text.phrases import phrases

Attribute = tuple[str, str]  # kind and group; the kind is "" where no lexicon has the word


@dataclass(frozen=True)
class Mention:
    """An object as a caption describes it. `count` None means at least one; a number is exact; 0 is "no"."""

    noun: str
    attributes: tuple[Attribute, ...] = ()
    count: int | None = None
    location: str | None = None
    plural: bool = field(default=False, compare=False)

    def value(self, kind: str) -> str | None:
        """The first attribute of a kind, or None."""
        return next((group for attribute, group in self.attributes if attribute == kind), None)


@dataclass(frozen=True)
class Caption:
    """A caption's statement: `relations` are (index of the subject, predicate, index of the object) in `mentions`.

    Where it joins two statements (compounds.py), `parts` holds both, and mentions and relations are those of both.
    """

    mentions: tuple[Mention, ...]
    relations: tuple[tuple[int, str, int], ...] = ()
    join: Join | None = None
    parts: tuple["Caption", ...] = ()

    @property
    def locations(self) -> tuple[tuple[int, str], ...]:
        """(index of the mention, location) of every stated location."""
        return tuple((index, mention.location) for index, mention in enumerate(self.mentions) if mention.location)


@lru_cache(maxsize=1 << 16)
def parse(text: str, names: frozenset[str] = frozenset()) -> Caption | None:
    """The statement of a caption, or None; `names` are further nouns, such as the annotators' own words.

    Captions that are longer than legible.py allows are not parsed.
    """
    if len(text) > LONGEST:
        return None
    found = phrases(text, names)
    return statement_of(found, compound(found))


def statement_of(found: Phrases, joined: Compound | None) -> Caption | None:
    """The statement of a caption's phrases, which are `joined` or simple; None where the patterns do not match."""
    try:
        if joined is None:
            return _Reader(found).caption()
        return None if joined.parts is None else _joined(joined.join, *map(_part, joined.parts))
    except _UnreadError:
        return None


def _part(found: Phrases) -> Caption:
    if not found:
        raise _UnreadError
    return _Reader(found).caption()


def _joined(join: Join, one: Caption, other: Caption) -> Caption:
    first = len(one.mentions)
    moved = tuple((subject + first, predicate, obj + first) for subject, predicate, obj in other.relations)
    return Caption(one.mentions + other.mentions, one.relations + moved, join, (one, other))


class _UnreadError(Exception):
    """The patterns do not match."""


def is_statement(found: Phrases) -> bool:
    """Whether `statement_of` reads a statement in the phrases of a simple caption, without building it."""
    try:
        _Reader(found).read()
    except _UnreadError:
        return False
    return True


class _Draft:
    """A mention while the caption is read."""

    __slots__ = ("attributes", "count", "head", "location")

    def __init__(self, head: Phrase, attributes: list[Attribute], count: int | None) -> None:
        self.head, self.attributes, self.count = head, attributes, count
        self.location: str | None = None

    def mention(self) -> Mention:
        head = self.head
        noun = head.value if isinstance(head.value, Noun) else Noun(noun_group(head.text), is_plural(head.text))
        return Mention(noun.group, _sorted(self.attributes), self.count, self.location, noun.plural)


class _Reader:
    """Parses phrases from left to right."""

    def __init__(self, found: Phrases) -> None:
        self.phrases, self.at = found, 0
        self.labels = [phrase.label for phrase in found]
        self.labels.append("")
        self.mentions: list[_Draft] = []
        self.relations: list[tuple[int, str, int]] = []

    def label(self, ahead: int = 0) -> str:
        """The label of a coming phrase; "" past the end."""
        return self.labels[self.at + ahead]

    def take(self) -> Phrase:
        """Step over one phrase."""
        self.at += 1
        return self.phrases[self.at - 1]

    def skip(self, label: str) -> None:
        """Step over all coming phrases with this label."""
        while self.label() == label:
            self.at += 1

    def caption(self) -> Caption:
        """The whole caption."""
        self.read()
        return Caption(tuple([draft.mention() for draft in self.mentions]), tuple(self.relations))

    def read(self) -> None:
        """Reads all phrases. Raises _UnreadError where the patterns do not match."""
        self.skip("be")
        if self.label() == "relation":
            self._fronted_relation()
        elif self.label() == "half":
            location = self.take().value
            self.skip("be")
            self._mention_phrase()
            self._set_location(len(self.mentions) - 1, location)
        else:
            self._mention_phrase()
        while self.labels[self.at]:
            self._next()

    def _fronted_relation(self) -> None:
        """ "above a ball is a cube"."""
        predicate = self.take().value
        self._mention_phrase()
        self.skip("be")
        self.skip("and")
        self._mention_phrase()
        self.relations.append((1, predicate, 0))

    def _next(self) -> None:
        """Parses one continuation after an object: attribute, location, relation, or another object."""
        label, last = self.label(), len(self.mentions) - 1
        if label == "be":
            self._is()
        elif label == "half":
            self._set_location(last, self.take().value)
        elif label == "relation":
            self._relation(last, self.take().value)
        elif label == "and":
            self.skip("and")
            if self.label() == "relation":
                subject = self.relations[-1][0] if self.relations else last
                self._relation(subject, self.take().value)
            else:
                self._mention_phrase()
        elif label == "word":
            self._unknown(last)
        else:
            raise _UnreadError

    def _is(self) -> None:
        """ "is red", "is small and red", "is above a ball", "is on the left", "is parked"."""
        self.skip("be")
        if self.label() == "adjective":
            self._add(len(self.mentions) - 1, self._predicated())
        elif self.label() not in ("relation", "half", "word"):
            raise _UnreadError

    def _predicated(self) -> list[Attribute]:
        found: list[Attribute] = []
        while self.label() == "adjective" or (self.label() == "and" and self._ends_in_adjectives()):
            phrase = self.take()
            if phrase.label == "adjective":
                found.append(phrase.value)
        if self.label() in ("noun", "word"):
            raise _UnreadError
        return found

    def _ends_in_adjectives(self) -> bool:
        """Whether the coming "and" joins adjectives and no further object ("small and red")."""
        ahead = 1
        while self.label(ahead) == "adjective":
            ahead += 1
        return ahead > 1 and self.label(ahead) not in ("noun", "word")

    def _unknown(self, last: int) -> None:
        """Words of no lexicon: a relation before an object ("tossing a ball"), else an attribute of the last object."""
        words = []
        while self.label() == "word":
            words.append(self.take().text)
        words_text = " ".join(words)
        if self.label() in ("article", "number", "adjective", "noun"):
            self._relation(last, words_text)
        else:
            self._add(last, [("", words_text)])

    def _relation(self, subject: int, predicate: str) -> None:
        self._mention_phrase()
        self.relations.append((subject, predicate, len(self.mentions) - 1))

    def _set_location(self, index: int, location: str) -> None:
        if self.mentions[index].location is not None:
            raise _UnreadError
        self.mentions[index].location = location

    def _add(self, index: int, attributes: list[Attribute]) -> None:
        self.mentions[index].attributes += attributes

    def _mention_phrase(self) -> None:
        """A noun phrase; of several nouns in a row the last one is the object ("a cat statue")."""
        labels, found, at = self.labels, self.phrases, self.at
        count: int | None = None
        attributes: list[Attribute] = []
        nouns: list[Phrase] = []
        while (label := labels[at]) in ("article", "number"):
            count = found[at].value if label == "number" else count
            at += 1
        while (label := labels[at]) in _OF_MENTIONS or (label == "and" and not nouns and self._joins(at)):
            if label == "word" and nouns and nouns[-1].label == "noun":
                break
            phrase = found[at]
            at += 1
            # A material at the end of the noun phrase is a noun ("on brick").
            if label == "adjective" and (phrase.value[0] != "material" or labels[at] in _OF_MENTIONS):
                attributes.append(phrase.value)
            elif label != "and":
                nouns.append(phrase)
        self.at = at
        if not nouns:
            raise _UnreadError
        head = nouns.pop()
        attributes += [("", phrase.text) for phrase in nouns]
        self.mentions.append(_Draft(head, attributes, count))

    def _joins(self, at: int) -> bool:
        """Whether an "and" joins two adjectives of one noun ("black and white cat")."""
        return at > 0 and self.labels[at - 1] == self.labels[at + 1] == "adjective"


_OF_MENTIONS = ("adjective", "noun", "word")


def _sorted(attributes: list[Attribute]) -> tuple[Attribute, ...]:
    return tuple(sorted(set(attributes))) if len(attributes) > 1 else tuple(attributes)
