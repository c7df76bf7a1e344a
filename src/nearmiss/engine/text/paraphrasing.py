"""Hard positives: paraphrases of a statement by a few conservative rules (our choice).

A model that only learns that edited captions are wrong rejects these as well ("The Hard Positive Truth",
arXiv 2409.17958), so they show whether meaning or mere difference was learned.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Final

from nearmiss.engine.text.edits import Edit, apply
from nearmiss.engine.text.grammar import broken
from nearmiss.engine.text.labels import same_meaning
from nearmiss.engine.text.legible import LONGEST
from nearmiss.engine.text.lexicon import attribute_kind, attribute_words, inverse, load, object_words
from nearmiss.engine.text.parsing import parse
from nearmiss.engine.text.tokens import Token, normalized, tokenize

_MOST: Final = 256  # a caption of usual length has fewer than 20
_PICTURE_OF: Final = ("of", "with", "both", "has", "is", "are")  # what a list may follow
_AFTER_LIST: Final = ("", ".", ",", "!")  # what follows a list and does not describe its last part


def paraphrases(operator: str, text: str, names: frozenset[str] = frozenset()) -> list[str]:
    """The paraphrases of a caption by one operator, sorted; `names` are further nouns.

    None equals the caption or breaks its grammar, and where both parse both state the same. At most the first 256
    candidates are considered, and a caption that is longer than legible.py allows has none (our choice).
    """
    if len(text) > LONGEST:
        return []
    offered = islice(OPERATORS[operator](text), _MOST)
    found = sorted({other for other in offered if normalized(other) != normalized(text)})
    return [other for other in found if not broken(text, other) and _is_equivalent(text, other, names)]


def _is_equivalent(text: str, other: str, names: frozenset[str]) -> bool:
    if parse(text, names) is None or parse(other, names) is None:
        return True
    return same_meaning(text, other, names)


def synonym(text: str) -> Iterator[str]:
    """Replaces one word or fixed phrase by a synonym of the lexicon: "a big dog" for "a large dog"."""
    tokens = tokenize(text)
    words = [token.lower for token in tokens]
    fixed = load("synonym")
    for at in range(len(words)):
        for phrase, others in _synonyms().get(words[at], ()):
            end = at + len(phrase)
            before, after = _word(words, at - 1), _word(words, end)
            fits = words[at] not in fixed["attributive"] or after in object_words()
            fixed_here = before in fixed["fixed_after"] or after in fixed["fixed_before"]
            if tuple(words[at:end]) == phrase and fits and not fixed_here:
                span = tokens[at].start, tokens[end - 1].end
                yield from (apply(text, [Edit(*span, text[span[0] : span[1]], other)]) for other in others)


def conjunction(text: str) -> Iterator[str]:
    """Swaps what "and" joins: objects in a list without further modifiers, and two colors of one object."""
    tokens = tokenize(text)
    words = [token.lower for token in tokens]
    opener = None  # the last word before an "and" that may begin a phrase of at least two words
    for at, word in enumerate(words):
        if at > 1 and words[at - 2] in _openers():
            opener = at - 2
        if word != "and":
            continue
        left = opener if opener is not None and _phrase_after(words, opener) == at else None
        right = _phrase_after(words, at + 1)
        if left is not None and right is not None:
            if _word(words, right) in _AFTER_LIST and (left == 0 or words[left - 1] in _PICTURE_OF):
                yield _exchanged(text, tokens[left:at], tokens[at + 1 : right])
        elif 0 < at < len(words) - 2 and _same_kind(words[at - 1], words[at + 1]) and words[at + 2] in object_words():
            yield _exchanged(text, tokens[at - 1 : at], tokens[at + 1 : at + 2])


def inverse_relation(text: str) -> Iterator[str]:
    """The relation from its other end: "a ball to the right of a cube" for "a cube to the left of a ball"."""
    tokens = tokenize(text)
    words = [token.lower for token in tokens]
    stop = len(words) - 1 if words and words[-1] == "." else len(words)
    start = 2 if words[:2] in (["there", "is"], ["there", "are"]) else 0
    subject = _phrase_after(words, start)
    if subject is None:
        return
    predicate = subject + 1 if _word(words, subject) in ("is", "are") else subject
    for phrase, turned in _relations():
        second = predicate + len(phrase)
        if tuple(words[predicate:second]) != phrase or _phrase_after(words, second) != stop:
            continue
        edits = [
            *_exchange(text, tokens[start:subject], tokens[second:stop]),
            _edit(text, tokens[predicate:second], turned),
        ]
        articles = (start - 1 if start else None, subject if predicate > subject else None)
        form = "are" if object_words()[words[stop - 1]].plural else "is"
        edits += [_edit(text, tokens[at : at + 1], form) for at in articles if at is not None and words[at] != form]
        yield apply(text, edits)


def inverse_phrase(phrase: str) -> str | None:
    """The phrase of the inverse relation in the same form: "to the right of" for "to the left of"; None without one."""
    return next((turned for known, turned in _relations() if known == tuple(phrase.split())), None)


OPERATORS: dict[str, Callable[[str], Iterator[str]]] = {
    "synonym": synonym,
    "conjunction": conjunction,
    "inverse": inverse_relation,
}


@cache
def _synonyms() -> dict[str, list[tuple[tuple[str, ...], list[str]]]]:
    """First word -> (phrase, the others of its list), longer phrases first."""
    found: dict[str, list[tuple[tuple[str, ...], list[str]]]] = {}
    for words in load("synonym")["words"]:
        for word in words:
            phrase = tuple(word.lower().split())
            found.setdefault(phrase[0], []).append((phrase, [other for other in words if other != word]))
    return {first: sorted(known, key=lambda item: -len(item[0])) for first, known in found.items()}


@cache
def _relations() -> list[tuple[tuple[str, ...], str]]:
    """Every phrase of a relation that has an inverse, with the same form of its inverse."""
    known = load("location")["relations"]
    found: list[tuple[tuple[str, ...], str]] = []
    for name, forms in known.items():
        turned = inverse(name)
        if turned is not None:
            others = known[turned]
            found += [(tuple(form.split()), others[min(at, len(others) - 1)]) for at, form in enumerate(forms)]
    return sorted(found, key=lambda item: (-len(item[0]), item))


def _phrase_after(words: Sequence[str], start: int) -> int | None:
    """One past a noun phrase that begins here: an article or number, known attributes, a known noun; None for none."""
    if _word(words, start) not in _openers():
        return None
    at = start + 1
    while _word(words, at) in attribute_words() and _word(words, at + 1) not in ("", ".", "and", "is", "are"):
        at += 1
    if _word(words, at) not in object_words() or _word(words, at + 1) in object_words():
        return None
    return at + 1


@cache
def _openers() -> frozenset[str]:
    return frozenset({"a", "an", "the", *load("number")["words"]})


def _same_kind(one: str, other: str) -> bool:
    first, second = attribute_kind(one), attribute_kind(other)
    return first is not None and second is not None and first[0] == second[0] == "color"


def _exchanged(text: str, one: Sequence[Token], other: Sequence[Token]) -> str:
    return apply(text, _exchange(text, one, other))


def _exchange(text: str, one: Sequence[Token], other: Sequence[Token]) -> list[Edit]:
    """Swaps two spans; a capital at the start of the text stays there."""
    first, second = (text[span[0].start : span[-1].end] for span in (one, other))
    moved = first[0].lower() + first[1:] if one[0].start == 0 and not text.isupper() else first
    return [Edit(one[0].start, one[-1].end, first, second), Edit(other[0].start, other[-1].end, second, moved)]


def _edit(text: str, span: Sequence[Token], new: str) -> Edit:
    return Edit(span[0].start, span[-1].end, text[span[0].start : span[-1].end], new)


def _word(words: Sequence[str], at: int) -> str:
    return words[at] if 0 <= at < len(words) else ""
