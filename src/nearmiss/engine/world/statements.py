"""Parses the world's sentences into statements: captions, benchmark captions, graph captions and their edits.

A sentence is cut into chunks (one phrase of the vocabulary each), which are parsed from left to right. Articles,
capitals, number agreement and frames such as "there is" or "a picture of" carry no meaning here, so an edit that
violates these rules still parses. A sentence that does not parse gives None, never an error.
"""

import re
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import permutations
from typing import Any

from nearmiss.engine.world.compounds import PHRASES, Chunk, split
from nearmiss.engine.world.vocabulary import load_vocabulary

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven")
OPPOSITE = {
    "to the left of": "to the right of",
    "to the right of": "to the left of",
    "above": "below",
    "below": "above",
}


@dataclass(frozen=True)
class Mention:
    """An object as a sentence describes it; None where unspecified. `shape` may be a class; None is "a thing".

    `count` None means at least one; a number is exact, 0 is "no".
    """

    shape: str | None = None
    color: str | None = None
    size: str | None = None
    pattern: str | None = None
    location: str | None = None
    count: int | None = None
    action: str | None = None


@dataclass(frozen=True)
class Statement:
    """The objects that a sentence mentions, optionally a relation from the first to the second, optionally the ground.

    Where two statements are joined (compounds.py), `parts` holds both, and `mentions` those of both.
    """

    mentions: tuple[Mention, ...] = ()
    predicate: str | None = None
    ground: str | None = None
    join: str | None = None
    parts: tuple["Statement", ...] = ()

    @property
    def kind(self) -> str:
        """relation, count, conjunction, location, ground or attribute; of two statements joined, logic or count."""
        if self.join is not None:
            return "logic" if self.join in ("both", "either") else "count"
        if self.predicate is not None:
            return "relation"
        if any(mention.count is not None for mention in self.mentions):
            return "count"
        if len(self.mentions) > 1:
            return "conjunction"
        if any(mention.location for mention in self.mentions):
            return "location"
        return "ground" if self.ground else "attribute"

    def pairs(self) -> list[tuple[str, str]]:
        """The (color, shape) pairs that one mention states."""
        return [(m.color, m.shape) for m in self.mentions if m.color is not None and m.shape is not None]

    def shape_relation(self) -> tuple[str, str, str] | None:
        """(shape, predicate, shape) as stated, or None."""
        if self.predicate is None or self.mentions[0].shape is None or self.mentions[1].shape is None:
            return None
        return self.mentions[0].shape, self.predicate, self.mentions[1].shape


def short(predicate: str) -> str:
    """The predicate's short form: "left of" for "to the left of"."""
    return predicate.removeprefix("to the ")


def inverted(statement: Statement) -> Statement:
    """The same relation from the other object: "A above B" as "B below A"."""
    first, second = statement.mentions
    return replace(statement, mentions=(second, first), predicate=OPPOSITE[statement.predicate or ""])


@lru_cache(maxsize=1 << 17)
def parse(sentence: str) -> Statement | None:
    """The statement of a sentence, or None where it does not parse."""
    words = re.findall(r"[a-z]+(?:-[a-z]+)*", sentence.lower())
    chunks = _chunks(words)
    return None if chunks is None else _read(chunks)


@cache
def _phrases() -> dict[tuple[str, ...], Chunk | None]:
    """Every phrase of the grammar with its chunk; None for a phrase without meaning."""
    vocabulary = load_vocabulary()
    phrases: dict[str, Chunk | None] = {}
    for slot, values in (
        ("color", vocabulary.colors),
        ("size", vocabulary.sizes),
        ("pattern", vocabulary.patterns),
        ("action", vocabulary.actions),
    ):
        phrases.update({value: ("adjective", (slot, value)) for value in values})
    for shape, plural in (*vocabulary.plurals.items(), *vocabulary.class_plurals.items(), (None, "things")):
        phrases[shape or "thing"] = ("noun", (shape, False))
        phrases[plural] = ("noun", (shape, True))
    for word, others in vocabulary.synonyms.items():
        phrases.update({other: phrases[word] for other in others})
        if word in vocabulary.plurals:
            phrases.update({f"{other}s": phrases[vocabulary.plurals[word]] for other in others})
    phrases.update({word: ("number", number) for number, word in enumerate(NUMBERS)})
    phrases.update({word: ("article", None) for word in ("a", "an", "the")})
    for predicate in OPPOSITE:
        phrases[predicate] = phrases[short(predicate)] = ("predicate", predicate)
    phrases.update({location: ("location", location) for location in vocabulary.locations})
    for ground in vocabulary.grounds:
        phrases.update({f"on {ground}": ("ground", ground), f"on the {ground}": ("ground", ground)})
    phrases.update({word: ("and", None) for word in ("and", "with")})
    phrases.update({word: ("is", None) for word in ("is", "are")})
    phrases.update(PHRASES)
    frames = ("there", "that", "a picture of", "the picture has", "in the picture", "in a picture", "of the picture")
    phrases.update(dict.fromkeys(frames))
    return {tuple(phrase.split()): chunk for phrase, chunk in phrases.items()}


def _chunks(words: list[str]) -> list[Chunk] | None:
    """Cut into the longest known phrases; None where a word belongs to none."""
    phrases, chunks, start = _phrases(), [], 0
    while start < len(words):
        for length in (4, 3, 2, 1):
            phrase = tuple(words[start : start + length])
            if len(phrase) == length and phrase in phrases:
                break
        else:
            return None
        chunk = phrases[phrase]
        if chunk is not None:
            chunks.append(chunk)
        start += length
    return chunks


class _Reader:
    """Parses chunks from left to right."""

    def __init__(self, chunks: list[Chunk]) -> None:
        self.chunks, self.at = chunks, 0

    def next(self, *labels: str) -> bool:
        """Whether the coming chunks have these labels."""
        return [label for label, _ in self.chunks[self.at : self.at + len(labels)]] == list(labels)

    def take(self, *labels: str) -> Any:
        """Step over chunks with these labels and return the last one's value; None where they do not come."""
        if not self.next(*labels):
            return None
        self.at += len(labels)
        return self.chunks[self.at - 1][1]

    def skip(self, label: str) -> None:
        """Step over one chunk with this label where it comes."""
        if self.next(label):
            self.at += 1

    @property
    def ended(self) -> bool:
        """Whether all chunks are consumed."""
        return self.at == len(self.chunks)

    def mention(self) -> Mention | None:
        """[number | article] adjective* noun [is adjective (and adjective)*] [is] [location]."""
        values: dict[str, Any] = {}
        determined = self.next("number") or self.next("article")
        if self.next("number"):
            values["count"] = self.take("number")
        self.skip("article")
        if not self._adjectives(values) or not self.next("noun"):
            return None
        values["shape"], plural = self.take("noun")
        if plural and not determined:
            return None
        if self.next("is", "adjective"):
            self.skip("is")
            if not self._adjectives(values):
                return None
            while self.next("and", "adjective"):
                self.skip("and")
                if not self._adjectives(values):
                    return None
        location = self.take("location") or self.take("is", "location")
        return Mention(**values, location=location)

    def _adjectives(self, values: dict[str, Any]) -> bool:
        """Collect adjectives; False where two of them exclude each other."""
        while self.next("adjective"):
            slot, value = self.take("adjective")
            if values.setdefault(slot, value) != value:
                return False
        return True


def _read(chunks: list[Chunk]) -> Statement | None:
    if any(label == "join" for label, _ in chunks):
        return _joined(chunks)
    grounds = [value for label, value in chunks if label == "ground"]
    reader = _Reader([chunk for chunk in chunks if chunk[0] != "ground"])
    if len(grounds) > 1:
        return None
    statement = _fronted(reader) if reader.next("predicate") or reader.next("location") else _subject_first(reader)
    if statement is None or not reader.ended:
        return None
    return replace(statement, ground=grounds[0] if grounds else None)


def _joined(chunks: list[Chunk]) -> Statement | None:
    """Two statements in one sentence."""
    found = split(chunks)
    if found is None:
        return None
    join, (first, second) = found
    one, other = _read(first), _read(second)
    if one is None or other is None:
        return None
    return Statement(one.mentions + other.mentions, join=join, parts=(one, other))


def _fronted(reader: _Reader) -> Statement | None:
    """Front forms: "above B is A", "on the left is A"."""
    predicate = reader.take("predicate")
    location = None if predicate else reader.take("location")
    mentions = []
    for _ in range(2 if predicate else 1):
        reader.skip("is")
        mention = reader.mention()
        if mention is None:
            return None
        mentions.append(mention)
    if predicate is not None:
        return _relation(mentions[1], predicate, mentions[0])
    if mentions[0].location not in (None, location):
        return None
    return Statement((replace(mentions[0], location=location),))


def _subject_first(reader: _Reader) -> Statement | None:
    """Subject first: "A is above B", "A and B", "there are two A"."""
    reader.skip("is")
    mentions = [reader.mention()]
    predicate = reader.take("predicate") or reader.take("is", "predicate")
    if predicate is not None:
        mentions.append(reader.mention())
    while predicate is None and reader.next("and"):
        reader.skip("and")
        mentions.append(reader.mention())
    known = tuple(mention for mention in mentions if mention is not None)
    if len(known) < len(mentions):
        return None
    return Statement(known) if predicate is None else _relation(known[0], predicate, known[1])


def _relation(subject: Mention, predicate: str, other: Mention) -> Statement | None:
    """A relation between two mentions; the subject may be "no", other numbers are not allowed."""
    if subject.count not in (None, 0) or other.count is not None:
        return None
    return Statement((subject, other), predicate)


_SLOTS = ("color", "size", "pattern", "location", "count", "action", "shape")
_CONCEPT = {slot: slot for slot in _SLOTS} | {"shape": "object", "action": "attribute"}


def compare(a: Statement, b: Statement) -> tuple[str | None, str | None]:
    """The single change from `a` to `b`, as (concept, operator).

    Changes of meaning count, not of wording: the order of a conjunction and the direction of a relation do not matter,
    so that a reversed relation word and exchanged objects are both ("relation", "reverse"). Where several single
    changes explain the difference, the first in this order is returned: relation, color, size, pattern, location,
    count, object. A changed ground is ("object", "replace"). (None, None) where the two mean the same, where several
    changes are needed, or where something was left out. A noun is never left out: "thing" is one too.
    """
    if a.join is not None and b.join is not None:
        change = ("logic", "replace") if a.kind == "logic" else ("count", "recount")
        return (None, None) if a == b else change
    if (a.predicate is None) != (b.predicate is None) or a.join != b.join:
        return None, None
    if a.ground != b.ground:
        same = _same(a, replace(b, ground=a.ground))
        return ("object", "replace") if same and a.ground and b.ground else (None, None)
    if _same(a, b):
        return None, None
    if a.predicate is not None:
        for variant in (b, inverted(b)):
            if variant.mentions == a.mentions:
                return "relation", "reverse" if variant.predicate == OPPOSITE[a.predicate] else "replace"
    changes = [_change(a.mentions, variant.mentions) for variant in _variants(b) if variant.predicate == a.predicate]
    found = [change for change in changes if change is not None]
    return min(found)[1:] if found else (None, None)


def _variants(statement: Statement) -> list[Statement]:
    """All equivalent statements: both directions of a relation, all orders of a list."""
    if statement.predicate is not None:
        return [statement, inverted(statement)]
    return [replace(statement, mentions=order) for order in permutations(statement.mentions)]


def _same(a: Statement, b: Statement) -> bool:
    return a in _variants(b)


def _change(old: tuple[Mention, ...], new: tuple[Mention, ...]) -> tuple[int, str, str] | None:
    """(rank, concept, operator) of the one change between mentions in the same order, or None."""
    if len(new) == len(old) + 1:
        return (len(_SLOTS), "object", "add") if new[:-1] == old else None
    if len(new) != len(old):
        return None
    changed = [
        (slot, getattr(before, slot), getattr(after, slot))
        for before, after in zip(old, new, strict=True)
        for slot in _SLOTS
        if getattr(before, slot) != getattr(after, slot)
    ]
    slot, before, after = changed[0]
    rank, concept = _SLOTS.index(slot), _CONCEPT[slot]
    if len(changed) == 2 and changed[1] == (slot, after, before) and (slot == "shape" or None not in (before, after)):
        return rank, concept, "swap"
    if len(changed) > 1:
        return None
    if slot == "count":
        return (rank, "existence", "negate") if 0 in (before, after) else (rank, "count", "recount")
    if slot != "shape" and None in (before, after):
        return (rank, concept, "add") if before is None else None
    return rank, concept, "replace"
