"""Collisions of the new words of a negative with the image's captions, used where no annotations exist.

Without annotations only the captions describe the image, so a new word is rejected if one of them has it, a synonym,
or a more or less general word: each may be true of the image (our choice; with plain string collision, 5.8 % of HNC's
published negatives pass). Rejections are counted by reason.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import chain

from nearmiss.engine.text.edits import Edit
from nearmiss.engine.text.lexicon import attribute_kind, hypernyms, load, noun_group, object_words
from nearmiss.engine.text.spelling import parted
from nearmiss.engine.text.tokens import Words, token_texts

WORD = "the image's captions use the new word"
SYNONYM = "the image's captions use a synonym of the new word"
HYPERNYM = "the image's captions use a more or less general word"

_LONGEST = 3  # words in a noun of the lexicon


@dataclass(frozen=True)
class Used:
    """The words of some captions in lower case, and their meanings (groups of nouns and attributes)."""

    words: frozenset[str]
    meanings: frozenset[str]

    @classmethod
    def of(cls, captions: Iterable[str]) -> "Used":
        """The words of these captions."""
        words = frozenset(chain.from_iterable(_terms(token_texts(parted(caption))) for caption in captions))
        return cls(words, frozenset(map(_meaning, words)))


def collision(positive: Words, edits: Sequence[Edit], used: Used) -> str | None:
    """Why new words that `edits` insert into a text of these words collide with `used`, the words of the image's
    captions; None where none does.

    A word that the positive has already is not new: swapped words are left to the other checks.
    """
    for edit in edits:
        for word, parts, meaning, related in _entering(edit.old, edit.new):
            if all([part in positive for part in parts]):
                continue
            if word in used.words:
                return WORD
            if meaning in used.meanings:
                return SYNONYM
            if not related.isdisjoint(used.meanings):
                return HYPERNYM
    return None


@lru_cache(maxsize=1 << 14)
def _entering(old: str, new: str) -> tuple[tuple[str, tuple[str, ...], str, frozenset[str]], ...]:
    """For each term of `new`: itself, its words, its meaning, and the meanings that are more or less general."""
    of_color = any(attribute_kind(each) for each in _terms(token_texts(old)))  # "orange" for "blue" is no fruit
    # A general word that also covers the replaced word may mean it: "an animal" for the dog.
    covering = frozenset[str]().union(*(_above(_meaning(each)) for each in _terms(token_texts(old))))
    found = []
    for word in _terms(token_texts(new)):
        meaning = _meaning(word, as_attribute=of_color)
        found.append((word, tuple(word.split()), meaning, _below(meaning) | (_above(meaning) - covering)))
    return tuple(found)


def _terms(text: Words) -> tuple[str, ...]:
    """The content words of a text; a noun of several words that a lexicon has is one."""
    words = [word for word in text if word[0].isalpha()]
    known, small = object_words(), _small_words()
    if _openings().isdisjoint(words):
        return tuple([word for word in words if word not in small])
    found: list[str] = []
    at = 0
    while at < len(words):
        length = _LONGEST if words[at] in _openings() else 1
        while length > 1 and " ".join(words[at : at + length]) not in known:
            length -= 1
        term = " ".join(words[at : at + length])
        if term not in small:
            found.append(term)
        at += length
    return tuple(found)


@cache
def _openings() -> frozenset[str]:
    """First words of the nouns of several words."""
    return frozenset(word.split()[0] for word in object_words() if " " in word)


@cache
def _small_words() -> frozenset[str]:
    """Words that name nothing visible."""
    grammar = load("grammar")
    locations = {
        word
        for lists in (load("location")["relations"], load("location")["halves"])
        for phrases in lists.values()
        for phrase in phrases
        for word in phrase.split()
    } - {"left", "right", "top", "bottom", "front", "back", "foreground", "background"}
    words = [*grammar["articles"], *grammar["be"], *grammar["and"]]
    return frozenset(word for phrase in [*words, *locations] for word in phrase.split())


@cache
def _meaning(word: str, *, as_attribute: bool = False) -> str:
    """The group of an attribute or a noun, under one name; of an unknown word, itself in the singular."""
    kind = attribute_kind(word)
    if kind is not None and (as_attribute or word not in object_words()):
        return f"{kind[0]} {kind[1]}"
    return noun_group(word)


@cache
def _general() -> dict[str, frozenset[str]]:
    """Noun -> all nouns that are more general, from the lexicons `object` and `hypernym`."""
    direct: dict[str, set[str]] = {}
    for general, members in load("hypernym")["members"].items():
        for member in members:
            direct.setdefault(noun_group(member), set()).add(noun_group(general))
    for group in load("object")["groups"]:
        direct.setdefault(group, set()).update(hypernyms(group))
    found: dict[str, frozenset[str]] = {}
    for noun, nearest in direct.items():
        reached: set[str] = set()
        waiting = list(nearest)
        while waiting:
            general = waiting.pop()
            if general not in reached:
                reached.add(general)
                waiting += direct.get(general, ())
        found[noun] = frozenset(reached - {noun})
    return found


def _above(meaning: str) -> frozenset[str]:
    return _general().get(meaning, frozenset())


@cache
def _below(meaning: str) -> frozenset[str]:
    return frozenset(noun for noun, general in _general().items() if meaning in general)
