"""The phrases that a caption may consist of, from the lexicons, as a prefix tree of words.

Labels: article, number, adjective (value: kind and group), noun (value: group and number), relation, half, be, and,
no meaning at all (frames such as "a picture of": left out), word. "either" is a word that is adjective and noun
("orange"); its position decides.
"""

from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

from nearmiss.engine.text.inflection import is_plural, plural
from nearmiss.engine.text.lexicon import Noun, attribute_words, inverse, load, noun_group, object_words
from nearmiss.engine.text.spelling import lowered

ANYTHING = "thing"
_DIGITS = 9
_PICTURES = ("picture", "photo", "image", "photograph", "frame")


INDEFINITE = frozenset(("a", "an"))
"""Articles that nothing distinguishes that reads phrases."""
JOINING = ("joining",)  # `about` of words that may join two statements


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase of a caption; `value` depends on the label.

    `about` is the canonical meaning: captions that state the same are about the same. None for phrases without a
    meaning, for numbers, and for materials, which may be an object or an attribute.
    """

    label: str
    value: Any
    text: str
    about: object = field(default=None, compare=False)

    @classmethod
    def of(cls, label: str, value: Any, text: str) -> "Phrase":
        """A phrase with its `about`."""
        return cls(label, value, text, _about(label, value, text))


def _about(label: str, value: Any, text: str) -> object:
    if text in ("both", "either", "more", "fewer", "as"):
        return JOINING
    if label in ("noun", "word"):
        group = value.group if label == "noun" else noun_group(text)
        return None if group in _materials() else group
    if label == "adjective":
        return None if value[0] == "material" else value
    if label == "relation":
        return min(value, inverse(value) or value)
    return value if label == "half" else None


@cache
def _materials() -> frozenset[str]:
    return frozenset(noun_group(word) for words in load("attribute")["material"].values() for word in words)


Entry = tuple[str, Any]


class Node:
    """A node of the prefix tree: `phrase` is the one whose words lead here, `following` the nodes by the next word.

    Captions share the phrase objects.
    """

    __slots__ = ("following", "phrase")

    def __init__(self) -> None:
        self.following: dict[str, Node] = {}
        self.phrase: Phrase | None = None

    def add(self, words: list[str], phrase: Phrase) -> None:
        """Enter a phrase; a phrase of the same words is replaced."""
        node = self
        for word in words:
            node = node.following.setdefault(word, Node())
        node.phrase = phrase


@cache
def table(names: frozenset[str]) -> Node:
    """The root of the tree of all known phrases, including these names of annotators."""
    entries: dict[str, Entry] = {}
    grammar = load("grammar")
    for word, noun in object_words().items():
        entries[word] = ("noun", noun)
    for name in sorted(names):
        group = noun_group(name)
        entries.setdefault(lowered(name), ("noun", Noun(group, is_plural(name))))
        if not is_plural(name):
            entries.setdefault(plural(lowered(name)), ("noun", Noun(group, True)))
    for word, kind in attribute_words().items():
        entries[word] = ("either", (kind, entries[word][1])) if word in entries else ("adjective", kind)
    entries.update({ANYTHING: ("noun", Noun(ANYTHING, False)), plural(ANYTHING): ("noun", Noun(ANYTHING, True))})
    entries.update({word: ("relation", word) for word in grammar["predicates"]})
    location, postures = load("location"), grammar["postures"]
    for name, words in location["relations"].items():
        entries.update({word: ("relation", name) for word in words})
        entries.update(
            {f"{posture} {word}": ("relation", f"{posture} {name}") for posture in postures for word in words}
        )
    for name, words in location["halves"].items():
        entries.update({word: ("half", name) for word in words})
        for word in words:
            entries.update(
                {f"{word} of {article} {it}": ("half", name) for article in ("the", "a") for it in _PICTURES}
            )
    entries.update({word: ("number", number) for word, number in load("number")["words"].items()})
    entries.update({word: ("article", None) for word in grammar["articles"]})
    entries.update({word: ("be", None) for word in grammar["be"]})
    entries.update({word: ("and", None) for word in grammar["and"]})
    entries.update({frame: ("frame", None) for frame in grammar["frames"]})
    root = Node()
    for phrase, (label, value) in entries.items():
        words = phrase.split()
        root.add(words, Phrase.of(label, value, " ".join(words)))
    return root


@lru_cache(maxsize=1 << 14)
def unlisted(word: str) -> Phrase:
    """A number in digits, or a word that no lexicon has."""
    if word.isdecimal() and len(word) <= _DIGITS:  # not "²", nor very large numbers
        return Phrase.of("number", int(word), word)
    return Phrase.of("word", word, word)
