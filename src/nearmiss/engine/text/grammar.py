"""Grammar that an edit can break: "a" and "an", number, doubled words. Only faults that the positive has not count.

Captions of people have faults of their own, and a rule that looks at neighbors only errs ("the man with the dogs
is"); both are in the positive as well, so that the comparison leaves what the edit did (our choice).
"""

from collections.abc import Iterator, Sequence
from functools import cache

from nearmiss.engine.text.inflection import indefinite_article, plural, singular
from nearmiss.engine.text.lexicon import Noun, attribute_words, load, object_words
from nearmiss.engine.text.tokens import said

ARTICLE, NUMBER, DOUBLED = "'a' or 'an' does not fit", "number does not agree", "a word stands twice"

_ONE = frozenset(("a", "an", "one", "this", "that", "each", "every", "another"))
_MANY = frozenset(("these", "those", "several", "many", "both", "few"))
_AGREEING = {"is": True, "was": True, "has": True, "are": False, "were": False, "have": False}


def broken(positive: str, negative: str) -> str | None:
    """The first kind of fault of which the negative has more than its positive; None where there is none.

    Looks at what the edit can reach only: before and behind, both texts have the same faults.
    """
    before, after = said(positive), said(negative)
    start, tail = _reach(before, after)
    found = _faults(after, start, len(after) - tail)
    if not found:
        return None
    known = _faults(before, start, len(before) - tail)
    return next((kind for kind in (ARTICLE, NUMBER, DOUBLED) if found.count(kind) > known.count(kind)), None)


def _reach(before: Sequence[str], after: Sequence[str]) -> tuple[int, int]:
    """The first word whose pair or phrase may differ, and how many at the end are the same."""
    least = min(len(before), len(after))
    head = 0
    while head < least and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < least - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    # A number's phrase goes over attributes to its noun and looks at one word behind that.
    start = head - 2
    while start > 0 and before[start] in attribute_words():
        start -= 1
    return max(start, 0), tail


def _faults(words: Sequence[str], start: int, end: int) -> list[str]:
    """The faults that begin at a word of [start, end)."""
    found: list[str] = []
    last = len(words) - 1
    for at in range(start, end):
        found += _of_pair(words[at], words[at + 1] if at < last else ".")
        if at < last:
            found += _of_phrase(words, at)
    return found


def _of_pair(word: str, following: str) -> Iterator[str]:
    if word in ("a", "an") and following[0].isalpha() and indefinite_article(following) != word:
        yield ARTICLE
    if word == following and word.isalpha() and word not in ("very", "that", "had"):
        yield DOUBLED
    noun = _counted(word)
    if noun is not None and following in _AGREEING and noun.plural == _AGREEING[following]:
        yield NUMBER


def _of_phrase(words: Sequence[str], at: int) -> Iterator[str]:
    """A number or an article with the noun after it, where that is not the first part of a compound."""
    number = words[at] in _MANY or load("number")["words"].get(words[at], 0) > 1
    if not number and words[at] not in _ONE:
        return
    place = at + 1
    while place < len(words) - 1 and words[place] in attribute_words():
        place += 1
    noun = _counted(words[place])
    after = words[place + 1] if place + 1 < len(words) else "."
    if noun is None or not (after in _closing() or not after[0].isalnum()):
        return
    if words[at] in _ONE and noun.plural:
        yield NUMBER
    if number and not noun.plural:
        yield NUMBER


@cache
def _counted(word: str) -> Noun | None:
    """A noun of the lexicon that has two numbers: neither "sheep" nor "scissors" can disagree."""
    noun = object_words().get(word)
    if noun is None or (plural(word) if not noun.plural else singular(word)) == word:
        return None
    return noun


@cache
def _closing() -> frozenset[str]:
    """Small words that end a noun phrase."""
    grammar = load("grammar")
    relations = load("location")["relations"].values()
    places = {phrase.split()[0] for phrases in relations for phrase in phrases}
    return frozenset([*grammar["be"], *grammar["and"], *places, "with", "of", "that", "who", "which", "at"])
