"""The words of a change: every way in which a caption's old word can become the new one.

A word is found by its meaning in the lexicons and exchanged alone; articles, capitals and the number of nouns and verbs
are fitted. Whether the new caption then says what it should is for judge.py.
"""

from collections.abc import Iterator, Sequence

from nearmiss.engine.images.editing.plan import Plan
from nearmiss.engine.text.edits import Edit, apply
from nearmiss.engine.text.inflection import is_plural, number_word, singular
from nearmiss.engine.text.lexicon import attribute_words, hypernyms, load, noun_group
from nearmiss.engine.text.tokens import Token, tokenize
from nearmiss.stages.inpaint.corpus import KINDS, Corpus

_ARTICLES = ("a", "an", "the", "his", "her", "their", "its", "my")
_OWN_WORDS = 2  # words between an article and its noun that are the noun's own: "the fire hydrant", "a passenger jet"
_LONGEST = 5  # words of a phrase: "on the left hand side"


def edited_captions(text: str, plan: Plan, corpus: Corpus) -> list[tuple[str, tuple[str, str]]]:
    """(new caption, (old words, new words)) of every place of a caption where the plan's old word stands, in order."""
    found = []
    for edits in _WAYS[plan.kind](text, plan, corpus):
        words = " ".join(edit.old for edit in edits), " ".join(edit.new for edit in edits)
        found.append((apply(text, edits), words))
    return list(dict.fromkeys(found))


def told_captions(text: str, plan: Plan, corpus: Corpus) -> list[str]:
    """The caption with the plan's old color or size written before each noun that means the thing, in order.

    Only where the noun follows its article with nothing but a few words of its own between, none of that kind; a size
    stands before a color, as English has it. Source: our choice; InpaintCOCO edits what captions say.
    """
    if plan.kind not in KINDS or plan.after is None:
        return []
    word, found = corpus.word(plan.kind, plan.old), []
    tokens = tokenize(text)
    for _, first, _ in _nouns(text, plan.after.name):
        place = _before(tokens, tokens.index(first), plan.kind)
        if place is not None:
            written = word.upper() if text.isupper() else word
            found.append(apply(text, [Edit(place.start, place.start, "", f"{written} ")]))
    return list(dict.fromkeys(found))


def _before(tokens: Sequence[Token], noun: int, kind: str) -> Token | None:
    """The token before which an adjective of a kind belongs, for the noun at a place; None where none does."""
    for start in range(noun, max(-1, noun - _OWN_WORDS - 1), -1):
        if start and tokens[start - 1].lower in _ARTICLES:
            own = tokens[start:noun]
            kinds = [attribute_words().get(token.lower, (None,))[0] for token in own]
            if kind in kinds or not all(token.is_word for token in own):
                return None
            sizes = next((place for place, each in enumerate(kinds) if each != "size"), len(own))
            return tokens[start + (sizes if kind == "color" else 0)]
    return None


def _nouns(text: str, name: str) -> Iterator[tuple[str, Token, Token]]:
    """Every run of words in the singular that means a thing of a name, or more exactly than its annotation does."""
    for words, first, last in _spans(text):
        group = noun_group(words)
        if (group == name or name in hypernyms(group)) and not is_plural(words):
            yield words, first, last


def _spans(text: str) -> Iterator[tuple[str, Token, Token]]:
    """Every run of words, the longest first: its words in lower case, its first and last token."""
    tokens = tokenize(text)
    for length in range(min(_LONGEST, len(tokens)), 0, -1):
        for first in range(len(tokens) - length + 1):
            run = tokens[first : first + length]
            if all(token.is_word for token in run):
                yield " ".join(token.lower for token in run), run[0], run[-1]


def _attribute(text: str, plan: Plan, corpus: Corpus) -> Iterator[list[Edit]]:
    """A color or a size; of a size the word of the same register ("tiny": "huge") where the captions use it."""
    for words, first, last in _spans(text):
        if attribute_words().get(words) == (plan.kind, plan.old):
            new = corpus.word(plan.kind, plan.new)
            if plan.kind == "size":
                pair = load("size")["pairs"].get(words)
                new = pair if (plan.kind, plan.new, pair) in corpus.words else new
            yield [_edit(text, first, last, new)]


def _noun(text: str, plan: Plan, corpus: Corpus) -> Iterator[list[Edit]]:
    """A noun in the singular that means the thing, or more exactly than its annotation does ("man": person)."""
    for _, first, last in _nouns(text, plan.old):
        yield [_edit(text, first, last, corpus.names[plan.new])]


def _half(text: str, plan: Plan, corpus: Corpus) -> Iterator[list[Edit]]:
    """A place in the picture, by the phrase of the same form."""
    halves = load("location")["halves"]
    taken: list[tuple[int, int]] = []
    for words, first, last in _spans(text):
        if words in halves[plan.old] and not any(start <= first.start < end for start, end in taken):
            taken.append((first.start, last.end))
            forms = halves[plan.new]
            new = forms[min(halves[plan.old].index(words), len(forms) - 1)]
            yield [_edit(text, first, last, new)]


def _number(text: str, plan: Plan, corpus: Corpus) -> Iterator[list[Edit]]:
    """A number with the noun and the verb that agree with it."""
    number, fewer = int(plan.old), int(plan.new)
    tokens = tokenize(text)
    values = load("number")["words"]
    for place, token in enumerate(tokens):
        if values.get(token.lower) != number and token.text != str(number):
            continue
        new = str(fewer) if token.text.isdigit() else number_word(fewer)
        edits = [_edit(text, token, token, new)]
        noun = next((each for each in tokens[place + 1 :] if is_plural(each.lower)), None)
        if noun is None:
            continue
        if fewer == 1:
            edits.append(_edit(text, noun, noun, singular(noun.lower)))
            beside = [tokens[place - 1]] if place else []
            after = tokens.index(noun) + 1
            beside += [tokens[after]] if after < len(tokens) else []
            edits += [_edit(text, verb, verb, "is") for verb in beside if verb.lower == "are"]
        yield sorted(edits)


def _edit(text: str, first: Token, last: Token, new: str) -> Edit:
    return Edit(first.start, last.end, text[first.start : last.end], new)


_WAYS = {"color": _attribute, "size": _attribute, "object": _noun, "location": _half, "count": _number}
