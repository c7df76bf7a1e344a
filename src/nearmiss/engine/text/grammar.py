"""Grammar errors that an edit can introduce: "a" and "an", number, repeated words. Errors of the positive do not count.

Captions written by people have errors, and rules on neighboring words have false positives ("the man with the dogs
is"). Both occur in the positive as well, so that the comparison leaves the errors of the edit (our choice).
"""

from functools import cache, lru_cache

from nearmiss.engine.text.edited_text import EditedText
from nearmiss.engine.text.inflection import indefinite_article, plural, singular
from nearmiss.engine.text.lexicon import Noun, attribute_words, load, object_words
from nearmiss.engine.text.tokens import Words, differing, token_texts

ARTICLE, NUMBER, DOUBLED = "'a' or 'an' does not fit", "number does not agree", "a word occurs twice"

_ONE = frozenset(("a", "an", "one", "this", "that", "each", "every", "another"))
_MANY = frozenset(("these", "those", "several", "many", "both", "few"))
_AGREEING = {"is": True, "was": True, "has": True, "are": False, "were": False, "have": False}


def broken(positive: str, negative: str) -> str | None:
    """The first kind of error that the negative has more often than its positive; None where there is none."""
    before, after = token_texts(positive), token_texts(negative)
    return broken_words(before, after, *differing(before, after))


def broken_words(before: Words, after: Words, first: int, tail: int) -> str | None:
    """The same for two texts as words, of which the first `first` and the last `tail` are equal.

    Only the range that the edit can affect is checked: outside of it, both texts have the same errors. An error begins
    at a word and depends on the following ones: on the next word, or, for a number or an article, on the words to its
    noun and the one after it, where only attributes are between.
    """
    start = first - 2
    attributes = attribute_words()
    while start > 0 and before[start] in attributes:
        start -= 1
    start = max(start, 0)
    found = _faults(after, start, len(after) - tail)
    if not found:
        return None
    known = _faults(before, start, len(before) - tail)
    return next((kind for kind in (ARTICLE, NUMBER, DOUBLED) if found.count(kind) > known.count(kind)), None)


def broken_by(text: EditedText) -> str | None:
    """`broken` of an edited text and its source."""
    source = text.source.words
    if len(text.new_words) == 1 == text.last - text.first and exchangeable(source, text.first, text.new_words[0]):
        return None
    return broken_words(source, text.words, text.first, text.tail)


def exchangeable(words: Words, at: int, new: str) -> bool:
    """Whether a word can be exchanged for another without an error: the rules read both alike, and the new one fits the
    words beside it."""
    before, after = words[at - 1] if at else "", words[at + 1] if at + 1 < len(words) else ""
    if new in (before, after) or _read(words[at]) != _read(new):
        return False
    return before not in ("a", "an") or not new[0].isalpha() or indefinite_article(new) == before


@lru_cache(maxsize=1 << 14)
def _read(word: str) -> tuple[object, ...]:
    """All that the rules read of a word, except which word it is."""
    noun = _counted(word)
    return (
        word in ("a", "an"),
        word in attribute_words(),
        _openings().get(word),
        _AGREEING.get(word),
        word in _closing(),
        word[0].isalnum(),
        None if noun is None else noun.plural,
    )


def _faults(words: Words, start: int, end: int) -> list[str]:
    """The errors that begin at a word of [start, end)."""
    found: list[str] = []
    last = len(words) - 1
    openings = _openings()
    for at in range(start, end):
        word, following = words[at], words[at + 1] if at < last else "."
        if word in ("a", "an") and following[0].isalpha() and indefinite_article(following) != word:
            found.append(ARTICLE)
        if word == following and word.isalpha() and word not in ("very", "that", "had"):
            found.append(DOUBLED)
        if following in _AGREEING:
            noun = _counted(word)
            if noun is not None and noun.plural == _AGREEING[following]:
                found.append(NUMBER)
        if at < last and word in openings and not _agrees(openings[word], words, at + 1):
            found.append(NUMBER)
    return found


def _agrees(many: bool, words: Words, at: int) -> bool:
    """Whether the noun after a number or an article has its number; the first part of a compound is not checked."""
    attributes = attribute_words()
    while at < len(words) - 1 and words[at] in attributes:
        at += 1
    noun = _counted(words[at])
    after = words[at + 1] if at + 1 < len(words) else "."
    if noun is None or not (after in _closing() or not after[0].isalnum()):
        return True
    return noun.plural is many


@cache
def _openings() -> dict[str, bool]:
    """Words before a noun that has to be in the plural, or in the singular."""
    numbers = {word for word, number in load("number")["words"].items() if number > 1}
    return {**dict.fromkeys(_ONE, False), **dict.fromkeys((*_MANY, *numbers), True)}


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
