"""Rules for texts that can be captions (our choice); others are set aside."""

import re
import unicodedata
from functools import cache

from nearmiss.engine.text.lexicon import load
from nearmiss.engine.text.spelling import lowered

LONGEST = 10_000
"""Characters of a caption. A text tower reads about 300; the longest published captions, of Localized Narratives, have
a few thousand."""
TOO_LONG = f"the caption is longer than {LONGEST} characters"


_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")  # all but those that are whitespace of a text
_MARKS = re.compile(
    r"(?P<markup></?[a-z][^<>]*>|&(?:[a-z]{2,8}|#\d{1,6}|#x[0-9a-f]{1,5});|\[/[a-z]+\]|\[[a-z]+=[^\[\]]*\])"
    r"|(?P<hashtags>(?<!\S)[#@][a-z_]\w*)"
    r"|(?P<address>https?://|(?<!\w)www\.\w|\w\.(?:jpe?g|png|gif|webp|html?)(?!\w))",
    re.IGNORECASE,
)
_SIGNS = re.compile(r"[<&\[#@]|://|\w\.\w")  # one of which every mark has
_NAMED = {"markup": "mark-up", "hashtags": "hashtags or user names", "address": "web addresses or names of files"}


def illegible(text: str) -> str | None:
    """Why no negatives are made from a text; None where it is usable.

    Rejected are empty and overlong texts, control characters, mark-up, hashtags, addresses, emoji and other symbols,
    phrases that programs or image banks write for any image ("image may contain"), and text that is not English: in
    another script, or with more function words of other languages than of English.
    The methods parse English, and a text that they read in part would be edited in part. Tabs and line breaks are
    whitespace.
    """
    if not text.strip():
        return "the caption is empty"
    if len(text) > LONGEST:
        return TOO_LONG
    if _CONTROL.search(text) is not None:
        return "the caption has control characters"
    if not text.isascii():
        if not {unicodedata.category(each) for each in text}.isdisjoint(("Cs", "Co", "Cn")):
            return "the caption has control characters"
        if any(unicodedata.bidirectional(each) in _RIGHT_TO_LEFT for each in text):
            return "the caption runs from right to left"
        if any(each == "\ufe0f" or (unicodedata.category(each) == "So" and ord(each) >= _PICTURES) for each in text):
            return "the caption has emoji"
        if any(each >= "\u0250" and each.isalpha() and not _is_latin(each) for each in text):
            return "the caption has letters of another script"
    if _SIGNS.search(text) and (found := _MARKS.search(text)):
        return f"the caption has {_NAMED[str(found.lastgroup)]}"
    if not any(each.isalpha() and each < "\u0250" for each in lowered(text)):
        return "the caption has no word"
    if any(phrase in f" {' '.join(lowered(text).split())} " for phrase in _by_programs()):
        return "the caption is text that programs or image banks write for any image"
    return "the caption is in another language" if _is_foreign(text) else None


@cache
def _by_programs() -> tuple[str, ...]:
    """Phrases of alternative texts on the web that describe no image or that no person wrote."""
    return tuple(f" {phrase} " for phrase in load("language")["by_programs"])


_RIGHT_TO_LEFT = ("R", "AL", "AN", "RLE", "RLO", "RLI")
_PICTURES = 0x2190  # arrows, and all symbols after them


@cache
def _is_latin(letter: str) -> bool:
    """Whether a letter, or what it is a form of, is Latin; modifiers such as "\u02bc" belong to any script."""
    if unicodedata.category(letter) == "Lm":
        return True
    return unicodedata.name(unicodedata.normalize("NFKC", letter)[0], "").startswith("LATIN")


@cache
def _function_words() -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Articles and other function words of other languages, and function words of English."""
    language = load("language")
    articles, words = frozenset(language["articles"]), frozenset(language["words"])
    return articles, articles | words, frozenset(load("grammar")["small_words"])


def _is_foreign(text: str) -> bool:
    """Whether function words of other languages prevail: more of them than of English ones, or an article alone."""
    articles, foreign, english = _function_words()
    words = lowered(text).split()
    if foreign.isdisjoint(words):
        return False
    found, own = foreign.intersection(words), english.intersection(words)
    return len(found) > len(own) and (len(found) > 1 or not found.isdisjoint(articles))
