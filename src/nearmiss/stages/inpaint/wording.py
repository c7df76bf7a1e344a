"""Caption edits of a change: every way to replace the old word of a caption by the new one.

Words are found by their meaning in the lexicons; articles, capitals and number agreement are adjusted. Whether the new
caption is correct is checked in consistency.py.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice

from nearmiss.engine.images.editing.plan import Plan
from nearmiss.engine.text.edits import Edit, apply
from nearmiss.engine.text.inflection import is_plural, number_word, singular
from nearmiss.engine.text.lexicon import attribute_words, hypernyms, load, object_words
from nearmiss.engine.text.tokens import Token, tokenize
from nearmiss.stages.inpaint.corpus import Corpus

_ARTICLES = ("a", "an", "the", "his", "her", "their", "its", "my")
_MAX_MODIFIERS = 2  # words between an article and its noun: "the fire hydrant", "a passenger jet"
_BEGIN_ANOTHER = (
    "in", "on", "at", "by", "with", "near", "next", "beside", "under", "above", "behind", "and", "is", "are", "that",
    "which",
)  # fmt: skip
_DESCRIBED = 4  # words before a noun among which its color is: "a black and white striped cat"
_MODIFIERS = ("with", "that", "which", "who", "has")
_LONGEST = 5  # words per phrase: "on the left hand side"
_MAX_EDITS = 64  # per caption


def edited_captions(text: str, plan: Plan, corpus: Corpus) -> list[tuple[str, tuple[str, str]]]:
    """(new caption, (old words, new words)) for every occurrence of the old word of the plan, in order.

    At most 64 occurrences are used (our choice); a caption with more does not identify one object.
    """
    found = []
    for edits in islice(_EDITS[plan.kind](text, plan, corpus), _MAX_EDITS):
        words = " ".join(edit.old for edit in edits), " ".join(edit.new for edit in edits)
        found.append((apply(text, edits), words))
    return list(dict.fromkeys(found))


def captions_with_value(text: str, plan: Plan, corpus: Corpus) -> list[str]:
    """The caption with the old color, size or location of the plan inserted at each noun of the object, in order.

    A color or size is inserted before the noun if at most a few modifiers, none of that kind, separate it from its
    article; a size precedes a color. A location is inserted after the noun if its phrase ends there. Our choice:
    InpaintCOCO edits only words of the captions.
    """
    if plan.after is None:
        return []
    tokens, nouns = tokenize(text), islice(_nouns(text, plan.after.name), _MAX_EDITS)
    written = {
        "color": lambda first, _: _adjective(text, tokens, first, plan, corpus),
        "size": lambda first, _: _adjective(text, tokens, first, plan, corpus),
        "location": lambda _, last: _behind(text, tokens, last, plan),
    }
    if plan.kind not in written:
        return []
    edits = [written[plan.kind](first, last) for first, last in nouns]
    return list(dict.fromkeys(apply(text, [edit]) for edit in edits if edit is not None))


def _adjective(text: str, tokens: Sequence[Token], noun: int, plan: Plan, corpus: Corpus) -> Edit | None:
    """Insert a color or size before the noun that starts at token `noun`."""
    token = _before(tokens, noun, plan.kind)
    if token is None:
        return None
    return Edit(token.start, token.start, "", f"{_as_in(text, corpus.word(plan.kind, plan.old))} ")


def _behind(text: str, tokens: Sequence[Token], noun: int, plan: Plan) -> Edit | None:
    """Insert "on the left" after the noun that ends at token `noun`, if its phrase ends there."""
    after = noun + 1
    if after < len(tokens) and tokens[after].is_word and tokens[after].lower not in _BEGIN_ANOTHER:
        return None
    phrase: str = load("location")["halves"][plan.old][0]
    return Edit(tokens[noun].end, tokens[noun].end, "", f" {_as_in(text, phrase)}")


def _as_in(text: str, words: str) -> str:
    """The words in upper case if the caption is."""
    return words.upper() if text.isupper() else words


def _before(tokens: Sequence[Token], noun: int, kind: str) -> Token | None:
    """The token before which an adjective of a kind is inserted for the noun at token `noun`; None if not possible."""
    for start in range(noun, max(-1, noun - _MAX_MODIFIERS - 1), -1):
        if start and tokens[start - 1].lower in _ARTICLES:
            modifiers = tokens[start:noun]
            kinds = [attribute_words().get(token.lower, (None,))[0] for token in modifiers]
            if kind in kinds or not all(token.is_word for token in modifiers):
                return None
            if kind == "color" and any(_of_color(token.lower) for token in modifiers):
                return None
            sizes = next((index for index, each in enumerate(kinds) if each != "size"), len(modifiers))
            return tokens[start + (sizes if kind == "color" else 0)]
    return None


def stated_colors(text: str, name: str) -> set[str]:
    """The words of color that the caption has before a noun of the object, near enough to describe it."""
    tokens = tokenize(text)
    found = set()
    for first, _ in _nouns(text, name):
        for token in reversed(tokens[max(0, first - _DESCRIBED) : first]):
            if token.lower in _ARTICLES:
                break
            if _of_color(token.lower):
                found.add(attribute_words().get(token.lower, ("color", token.lower))[1])
    return found


def _of_color(word: str) -> bool:
    """Whether a word says of what color or pattern something is: "red", "striped", "wooden", "cream-colored"."""
    parts = (word, *word.split("-"))
    return any(attribute_words().get(part, (None,))[0] == "color" or part in load("color")["colored"] for part in parts)


def _nouns(text: str, name: str) -> Iterator[tuple[int, int]]:
    """First and last token of every singular phrase that names the object or a hyponym.

    Not if the next word makes it part of a compound: "a banana tree", "a person kite boarding".
    """
    tokens = tokenize(text)
    known = object_words()
    for words, first, last in _spans(text):
        # A singular word of no lexicon is a separate group.
        group = known[words].group if words in known else words
        if (group != name and name not in hypernyms(group)) or is_plural(words):
            continue
        after = tokens[last + 1].lower if last + 1 < len(tokens) else ""
        if after not in load("object")["compounds"] and (after not in known or is_plural(after)):
            yield first, last


@lru_cache(maxsize=256)
def _spans(text: str) -> tuple[tuple[str, int, int], ...]:
    """All word sequences, longest first: words in lower case, first and last token."""
    tokens = tokenize(text)
    lower = [token.lower if token.is_word else None for token in tokens]
    runs = (
        (lower[first : first + length], first, first + length - 1)
        for length in range(min(_LONGEST, len(tokens)), 0, -1)
        for first in range(len(tokens) - length + 1)
    )
    return tuple((" ".join(map(str, words)), first, last) for words, first, last in runs if None not in words)


def _attribute(text: str, plan: Plan, corpus: Corpus) -> Iterator[list[Edit]]:
    """Replace a color or a size; a size by the word of the same register ("tiny": "huge") if the captions use it."""
    tokens = tokenize(text)
    for words, first, last in _spans(text):
        if attribute_words().get(words) == (plan.kind, plan.old):
            new = corpus.word(plan.kind, plan.new)
            if plan.kind == "size":
                pair = load("size")["pairs"].get(words)
                new = pair if (plan.kind, plan.new, pair) in corpus.words else new
            yield [_edit(text, tokens[first], tokens[last], new)]


def _noun(text: str, plan: Plan, corpus: Corpus) -> Iterator[list[Edit]]:
    """Replace a singular noun that names the object or a hyponym ("man": person).

    If only names are annotated, nouns with a description ("a cat lying on") are skipped: whether it is true of the new
    object is unknown. So are nouns with a word of no lexicon before them, which
    may tell their kind: a dog in the place of a "panda bear" is no "panda dog".
    """
    tokens = tokenize(text)
    for first, last in _nouns(text, plan.old):
        if first and not corpus.combinations and not _describes(tokens[first - 1]):
            continue
        after = [token.lower for token in tokens[last + 1 : last + 3]]
        if corpus.combinations or not _is_modified(after[1:] if after[:1] == ["is"] else after):
            yield [_edit(text, tokens[first], tokens[last], corpus.names[plan.new])]


def _describes(before: Token) -> bool:
    """Whether a word before a noun is an attribute or a function word, and so no part of the noun."""
    small = load("grammar")["small_words"]
    return not before.is_word or before.lower in attribute_words() or before.lower in (*_ARTICLES, *small)


def _is_modified(after: Sequence[str]) -> bool:
    return bool(after) and (after[0] in _MODIFIERS or after[0].endswith(("ing", "ed")))


def _half(text: str, plan: Plan, corpus: Corpus) -> Iterator[list[Edit]]:
    """Replace a location in the image by the phrase of the same form."""
    halves = load("location")["halves"]
    tokens = tokenize(text)
    taken: set[int] = set()  # tokens; longer phrases come first
    for words, first, last in _spans(text):
        if words in halves[plan.old] and first not in taken:
            taken.update(range(first, last + 1))
            forms = halves[plan.new]
            new = forms[min(halves[plan.old].index(words), len(forms) - 1)]
            yield [_edit(text, tokens[first], tokens[last], new)]


def _number(text: str, plan: Plan, corpus: Corpus) -> Iterator[list[Edit]]:
    """Replace a number with the noun and the verb that agree with it."""
    number, fewer = int(plan.old), int(plan.new)
    tokens = tokenize(text)
    values = load("number")["words"]
    noun = 0  # the first plural noun after the number
    for index, token in enumerate(tokens):
        if values.get(token.lower) != number and token.lower != str(number):
            continue
        noun = max(noun, index + 1)
        while noun < len(tokens) and not is_plural(tokens[noun].lower):
            noun += 1
        if noun == len(tokens):
            return
        new = str(fewer) if token.text.isdigit() else number_word(fewer)
        edits = [_edit(text, token, token, new)]
        if fewer == 1:
            edits.append(_edit(text, tokens[noun], tokens[noun], singular(tokens[noun].lower)))
            beside = [tokens[at] for at in (index - 1, noun + 1) if 0 <= at < len(tokens)]
            edits += [_edit(text, verb, verb, "is") for verb in beside if verb.lower == "are"]
        yield sorted(edits)


def _edit(text: str, first: Token, last: Token, new: str) -> Edit:
    return Edit(first.start, last.end, text[first.start : last.end], new)


_EDITS = {"color": _attribute, "size": _attribute, "object": _noun, "location": _half, "count": _number}
