"""Grammar errors that an edit can introduce: "a" and "an", number, repeated words. Errors of the positive do not count.

Captions written by people have errors, and rules on neighboring words have false positives ("the man with the dogs
is"). Both occur in the positive as well, so that the comparison leaves the errors of the edit (our choice).
"""

from collections.abc import Iterator, Sequence
from functools import cache

from nearmiss.engine.text.inflection import indefinite_article, plural, singular
from nearmiss.engine.text.lexicon import Noun, attribute_words, load, object_words
from nearmiss.engine.text.tokens import token_texts

ARTICLE, NUMBER, DOUBLED = "'a' or 'an' does not fit", "number does not agree", "a word occurs twice"

_ONE = frozenset(("a", "an", "one", "this", "that", "each", "every", "another"))
_MANY = frozenset(("these", "those", "several", "many", "both", "few"))
_AGREEING = {"is": True, "was": True, "has": True, "are": False, "were": False, "have": False}


def broken(positive: str, negative: str) -> str | None:
    """The first kind of error that the negative has more often than its positive; None where there is none.

    Only the range that the edit can affect is checked: outside of it, both texts have the same errors.
    """
    before, after = token_texts(positive), token_texts(negative)
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
    # A number's phrase extends over attributes to its noun and one word after it.
    start = head - 2
    while start > 0 and before[start] in attribute_words():
        start -= 1
    return max(start, 0), tail


def _faults(words: Sequence[str], start: int, end: int) -> list[str]:
    """The errors that begin at a word of [start, end)."""
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
    end = at + 1
    while end < len(words) - 1 and words[end] in attribute_words():
        end += 1
    noun = _counted(words[end])
    after = words[end + 1] if end + 1 < len(words) else "."
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
    prepositions = {phrase.split()[0] for phrases in relations for phrase in phrases}
    return frozenset([*grammar["be"], *grammar["and"], *prepositions, "with", "of", "that", "who", "which", "at"])
