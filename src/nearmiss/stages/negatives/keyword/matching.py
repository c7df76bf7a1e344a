"""Finds keywords of the four concepts in a caption: object, color, size, location. Longest match of whole tokens.

Rösch et al. do not publish their lists or their rules for ambiguous words; all rules here are our choice. They exclude
words whose substitution gives an ungrammatical caption: "train" as a verb, the dog in "dog house", "black and white
photo", "a little bit", "on the phone".
"""

from collections import Counter
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import NamedTuple

from nearmiss.engine.text.edited_text import Text
from nearmiss.engine.text.inflection import is_plural, singular
from nearmiss.engine.text.lexicon import load, object_words
from nearmiss.engine.text.own_captions import OwnCaptions
from nearmiss.engine.text.spelling import lowered, parted
from nearmiss.engine.text.tokens import Words, token_spans, token_texts


class Keyword(NamedTuple):
    """A keyword: position in the caption, concept, canonical group, and number if it is a noun.

    Its words are [at, after) of those of the caption.
    """

    concept: str
    group: str
    start: int
    end: int
    text: str
    plural: bool = False
    at: int = 0
    after: int = 1


_Entry = tuple[str, str, bool]  # concept, group, plural
_Spotted = tuple[_Entry, int, int, bool]  # first word, the word after the last one, whether it can be replaced


def find_keywords(text: str | Text) -> list[Keyword]:
    """All keywords of a caption that can be replaced, in order, without overlap."""
    text = Text(text) if isinstance(text, str) else text
    found = []
    for (concept, group, plural), at, after, usable in _spotted(text.words):
        if usable:
            spans = text.spans
            start, end = spans[at][0], spans[after - 1][1]
            found.append(Keyword(concept, group, start, end, text.string[start:end], plural, at, after))
    return found


def count_keywords(captions: Iterable[str]) -> dict[_Entry, Counter[str]]:
    """How often captions have each word, in lower case, as a keyword that can be replaced."""
    counts: dict[_Entry, Counter[str]] = {}
    for caption in captions:
        words = token_texts(caption)
        spans = None
        for entry, at, after, usable in _spotted(words):
            if not usable:
                continue
            word = words[at]
            if after - at > 1:  # with the spaces that the caption has in it
                spans = spans or token_spans(caption)
                word = lowered(caption[spans[at][0] : spans[after - 1][1]])
            counts.setdefault(entry, Counter())[word] += 1
    return counts


def mentioned(text: Text) -> list[tuple[str, str]]:
    """(concept, group) of all keywords of a caption, including those that cannot be replaced."""
    whole = parted(text.string)
    return [entry[:2] for entry, *_ in _spotted(text.words if whole is text.string else token_texts(whole))]


@lru_cache(maxsize=1)
def mentioned_concepts(own: OwnCaptions) -> frozenset[tuple[str, str]]:
    """What the captions of an image mention."""
    return frozenset([each for text in own.texts.values() for each in mentioned(text)])


@cache
def _phrases() -> dict[str, list[tuple[int, Words, _Entry]]]:
    """First word -> the phrases that begin with it, the longest first: their number of words, words and entry."""
    entries: dict[str, _Entry] = {}
    for group, words in load("size")["groups"].items():
        entries.update({word: ("size", group, False) for word in words})
    for concept in ("relations", "halves"):
        for group, words in load("location")[concept].items():
            entries.update({word: ("location", group, False) for word in words})
    entries.update({word: ("object", noun.group, noun.plural) for word, noun in object_words().items()})
    for group, words in load("color")["groups"].items():
        entries.update({word: ("color", group, False) for word in words})
    found: dict[str, list[tuple[int, Words, _Entry]]] = {}
    for phrase, entry in entries.items():
        parts = tuple(phrase.split())
        found.setdefault(parts[0], []).append((len(parts), parts, entry))
    return {first: sorted(phrases, reverse=True) for first, phrases in found.items()}


@lru_cache(maxsize=1 << 6)  # the captions of a few images
def _spotted(words: Words) -> list[_Spotted]:
    """All keywords of a caption, in order."""
    phrases = _phrases()
    found: list[_Spotted] = []
    last = 0
    for at, word in enumerate(words):
        if at < last or word not in phrases:
            continue
        for length, phrase, entry in phrases[word]:
            if length == 1 or words[at : at + length] == phrase:
                last = at + length
                kind = _of_two_uses(entry, words, at) if word == "orange" else entry
                if kind[0] == "object" and not kind[2]:
                    kind = _counted(kind, words, at)
                found.append((kind, at, last, _USABLE[kind[0]](words, at, last)))
                break
    return found


def _of_two_uses(entry: _Entry, words: Words, at: int) -> _Entry:
    """Disambiguate "orange": a color before a content word that is not a verb, or after "is"; else an object."""
    following = _word(words, at + 1)
    before_noun = _content(words, at + 1) and (following in object_words() or not following.endswith("ing"))
    if not (before_noun or _word(words, at - 1) in ("is", "are", "and")):
        return "object", "orange", False
    return entry


def _counted(entry: _Entry, words: Words, at: int) -> _Entry:
    """A noun after a number is plural in any form: "several giraffe", "a pair of zebra"."""
    concept, group, _ = entry
    if words[at] in _lexicon_set("object", "mass"):
        return entry
    before = at - 1
    while _word(words, before) in _adjectives():
        before -= 1
    of_many = _word(words, before) == "of" and _word(words, before - 1) in _lexicon_set("object", "of_many")
    return concept, group, of_many or _word(words, before) in _numbers()


def _object_usable(words: Words, first: int, last: int) -> bool:
    after, before = _word(words, last), _word(words, first - 1)
    noun = after in object_words() and after not in _lexicon_set("object", "often_verbs")
    compounds = _lexicon_set("object", "compounds")
    if noun or after in compounds or singular(after) in compounds:
        return False  # the first part of a compound
    if before in ("toy", "stuffed", "hot", "fake", "wooden") and words[first] in ("dog", "bear"):
        return False
    if before in ("a", "an") and is_plural(words[last - 1]):
        return False  # an error of the caption ("a people"), which a replacement would repeat
    ambiguous = last - first == 1 and words[first] in _lexicon_set("object", "often_verbs")
    return not ambiguous or before in _introducing()


_PAIR = ("black", "and", "white")


def _color_usable(words: Words, first: int, last: int) -> bool:
    after = _word(words, last)
    if after in _lexicon_set("color", "fixed_before"):
        return False  # "orange juice", "white house"
    if words[first] in _PAIR and any(words[start : start + 3] == _PAIR for start in (first - 2, first) if start >= 0):
        return False  # of a photo or a zebra: one expression
    needs_noun = words[first] in _lexicon_set("color", "needs_noun")
    return not needs_noun or _content(words, last) or _word(words, first - 1) in ("is", "are")


def _size_usable(words: Words, first: int, last: int) -> bool:
    lexicon, word = load("size"), words[first]
    return _word(words, last) not in lexicon["fixed_before"].get(word, ()) and _word(words, first - 1) not in lexicon[
        "fixed_previous"
    ].get(word, ())


def _location_usable(words: Words, first: int, last: int) -> bool:
    phrase = " ".join(words[first:last])
    if _word(words, first - 1) in ("all", "from", "right", "just"):
        return False
    if _same_on_both_sides(words, first, last):  # a car on a car: the opposite is true as well
        return False
    if phrase in ("on", "atop", "on top of", "upon"):
        return _head(words, last) in _lexicon_set("location", "surfaces")
    if phrase in _lexicon_set("location", "needs_thing"):
        return _word(words, last) in load("grammar")["articles"]
    if phrase in _lexicon_set("location", "needs_end"):  # "looking to the left", never "to the left foot"
        return not _content(words, last)
    return True


def _same_on_both_sides(words: Words, first: int, last: int) -> bool:
    before = next((words[at] for at in range(first - 1, -1, -1) if words[at] in object_words()), "")
    after = _head(words, last)
    phrases = object_words()
    return before in phrases and after in phrases and phrases[before].group == phrases[after].group


_USABLE = {
    "object": _object_usable,
    "color": _color_usable,
    "size": _size_usable,
    "location": _location_usable,
}


@cache
def _lexicon_set(name: str, key: str) -> frozenset[str]:
    return frozenset(load(name)[key])


@cache
def _adjectives() -> frozenset[str]:
    """Colors and sizes."""
    sizes = {word for words in load("size")["groups"].values() for word in words}
    return frozenset({*load("size")["groups"], *load("color")["groups"], *sizes})


@cache
def _numbers() -> frozenset[str]:
    """Words before what is more than one."""
    exact = {word for word, number in load("number")["words"].items() if number > 1}
    return frozenset({*exact, "several", "many", "few", "both", "these", "those"})


@cache
def _introducing() -> frozenset[str]:
    """Words that precede a noun: articles, numbers, adjectives of the lexicons."""
    numbers = load("number")["words"]
    return _adjectives() | {*load("grammar")["articles"], *numbers, "of", "with", "many", "several"}


def _head(words: Words, at: int) -> str:
    """The head noun of the phrase at `at`: after an article, the word before the next function word."""
    if _word(words, at) not in load("grammar")["articles"]:
        return ""
    while _content(words, at + 1):
        at += 1
    return _word(words, at)


def _content(words: Words, at: int) -> bool:
    """Whether the word at `at` is a content word."""
    word = _word(words, at)
    return word.isalpha() and word not in _lexicon_set("grammar", "small_words")


def _word(words: Words, at: int) -> str:
    return words[at] if 0 <= at < len(words) else ""
