"""Splits a caption into labeled phrases: the longest phrase of a lexicon wins, an unknown word has the label "word".

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
from nearmiss.engine.text.tokens import token_texts

ANYTHING = "thing"
_DIGITS = 9
_PICTURES = ("picture", "photo", "image", "photograph", "frame")


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
# First word -> (length, phrases of this length), the longest first; captions share the phrase objects.
Table = dict[str, list[tuple[int, dict[tuple[str, ...], Phrase]]]]


@cache
def table(names: frozenset[str]) -> Table:
    """All known phrases, including these names of annotators."""
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
    by_length: dict[str, dict[int, dict[tuple[str, ...], Phrase]]] = {}
    for phrase, (label, value) in entries.items():
        words = tuple(phrase.split())
        lengths = by_length.setdefault(words[0], {})
        lengths.setdefault(len(words), {})[words] = Phrase.of(label, value, " ".join(words))
    return {first: sorted(lengths.items(), reverse=True) for first, lengths in by_length.items()}


@lru_cache(maxsize=1 << 14)
def phrases(text: str, names: frozenset[str]) -> tuple[Phrase, ...]:
    """The caption's phrases in order, frames and closing punctuation left out."""
    found = [phrase for phrase in _split(text, names) if phrase.label != "frame"]
    return tuple(_decided(found) if any(phrase.label == "either" for phrase in found) else found)


def skeleton(text: str, names: frozenset[str] = frozenset()) -> str:
    """The wording of a caption without its content: labels in place of nouns, numbers, relations and halves, no
    articles and adjectives: "picture of noun relation noun". Captions in one template have one skeleton.
    """
    kept = {"noun": "noun", "number": "number", "relation": "relation", "half": "half", "be": "is"}
    found = [each for each in _decided(_split(text, names)) if each.label not in ("article", "adjective")]
    parts = [kept.get(each.label, each.text) for each in found]
    return " ".join(part for at, part in enumerate(parts) if at == 0 or (part, parts[at - 1]) != ("noun", "noun"))


def _split(text: str, names: frozenset[str]) -> list[Phrase]:
    """The caption's phrases and frames in order; a word that is adjective and noun is not decided."""
    words = token_texts(text)
    end = len(words)
    while end and not words[end - 1][0].isalnum():
        end -= 1
    words = words[:end]
    known = table(names)
    found: list[Phrase] = []
    start = 0
    while start < end:
        for length, candidates in known.get(words[start], ()):
            phrase = candidates.get(words[start : start + length])
            if phrase is not None:
                break
        else:
            phrase, length = _unlisted(words[start]), 1
        found.append(phrase)
        start += length
    return found


@lru_cache(maxsize=1 << 14)
def _unlisted(word: str) -> Phrase:
    """A number in digits, or a word that no lexicon has."""
    if word.isdecimal() and len(word) <= _DIGITS:  # not "²", nor very large numbers
        return Phrase.of("number", int(word), word)
    return Phrase.of("word", word, word)


def _decided(found: list[Phrase]) -> list[Phrase]:
    """Every "either" as adjective or noun: an adjective is before a noun, or after "is" and at the end."""
    decided = list(found)
    for index, phrase in enumerate(found):
        if phrase.label == "either":
            kind, noun = phrase.value
            before = found[index - 1].label if index else ""
            after = found[index + 1].label if index + 1 < len(found) else ""
            joined = before == "and" and index > 1 and decided[index - 2].label == "adjective"  # "small and orange"
            adjective = after in ("noun", "adjective", "either", "word") or before == "be" or joined
            label, value = ("adjective", kind) if adjective else ("noun", noun)
            decided[index] = Phrase.of(label, value, phrase.text)
    return decided
