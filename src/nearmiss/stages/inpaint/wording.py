"""The words of a change: every way in which a caption's old word can become the new one.

A word is found by its meaning in the lexicons and exchanged alone; articles, capitals and the number of nouns and verbs
are fitted. Whether the new caption then says what it should is for judge.py.
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
_OWN_WORDS = 2  # words between an article and its noun that are the noun's own: "the fire hydrant", "a passenger jet"
_BEGIN_ANOTHER = (
    "in", "on", "at", "by", "with", "near", "next", "beside", "under", "above", "behind", "and", "is", "are", "that",
    "which",
)  # fmt: skip
_SAYS_MORE = ("with", "that", "which", "who", "has")
_LONGEST = 5  # words of a phrase: "on the left hand side"
_MOST_PLACES = 64  # of a word in one caption


def edited_captions(text: str, plan: Plan, corpus: Corpus) -> list[tuple[str, tuple[str, str]]]:
    """(new caption, (old words, new words)) of every place of a caption where the plan's old word stands, in order.

    Of places beyond the 64th none is given (our choice): a caption that names a thing so often tells it from no other.
    """
    found = []
    for edits in islice(_WAYS[plan.kind](text, plan, corpus), _MOST_PLACES):
        words = " ".join(edit.old for edit in edits), " ".join(edit.new for edit in edits)
        found.append((apply(text, edits), words))
    return list(dict.fromkeys(found))


def told_captions(text: str, plan: Plan, corpus: Corpus) -> list[str]:
    """The caption with the plan's old color, size or place written to each noun that means the thing, in order.

    A color or size stands before the noun, where nothing but a few words of its own parts it from its article, none of
    that kind; a size stands before a color, as English has it. A place stands behind the noun, where its phrase ends
    there. Source: our choice; InpaintCOCO edits what captions say.
    """
    if plan.after is None:
        return []
    tokens, nouns = tokenize(text), islice(_nouns(text, plan.after.name), _MOST_PLACES)
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
    """A color or size before the noun whose first token is the `noun`-th."""
    place = _before(tokens, noun, plan.kind)
    if place is None:
        return None
    return Edit(place.start, place.start, "", f"{_as_in(text, corpus.word(plan.kind, plan.old))} ")


def _behind(text: str, tokens: Sequence[Token], noun: int, plan: Plan) -> Edit | None:
    """ "on the left" behind a noun, whose last token is the `noun`-th, where its phrase ends or another one begins."""
    after = noun + 1
    if after < len(tokens) and tokens[after].is_word and tokens[after].lower not in _BEGIN_ANOTHER:
        return None
    phrase: str = load("location")["halves"][plan.old][0]
    return Edit(tokens[noun].end, tokens[noun].end, "", f" {_as_in(text, phrase)}")


def _as_in(text: str, words: str) -> str:
    """Words in capitals where the caption is."""
    return words.upper() if text.isupper() else words


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


def _nouns(text: str, name: str) -> Iterator[tuple[int, int]]:
    """First and last token of every run of words in the singular that means a thing of a name, or more exactly than its
    annotation does.

    Not where the next word makes it one of another thing: "a banana tree".
    """
    tokens = tokenize(text)
    known = object_words()
    for words, first, last in _spans(text):
        # A word of no lexicon that stands in the singular is a group of its own.
        group = known[words].group if words in known else words
        if (group != name and name not in hypernyms(group)) or is_plural(words):
            continue
        if last + 1 == len(tokens) or tokens[last + 1].lower not in load("object")["compounds"]:
            yield first, last


@lru_cache(maxsize=256)
def _spans(text: str) -> tuple[tuple[str, int, int], ...]:
    """Every run of words, the longest first: its words in lower case, its first and last token."""
    tokens = tokenize(text)
    low = [token.lower if token.is_word else None for token in tokens]
    runs = (
        (low[first : first + length], first, first + length - 1)
        for length in range(min(_LONGEST, len(tokens)), 0, -1)
        for first in range(len(tokens) - length + 1)
    )
    return tuple((" ".join(map(str, words)), first, last) for words, first, last in runs if None not in words)


def _attribute(text: str, plan: Plan, corpus: Corpus) -> Iterator[list[Edit]]:
    """A color or a size; of a size the word of the same register ("tiny": "huge") where the captions use it."""
    tokens = tokenize(text)
    for words, first, last in _spans(text):
        if attribute_words().get(words) == (plan.kind, plan.old):
            new = corpus.word(plan.kind, plan.new)
            if plan.kind == "size":
                pair = load("size")["pairs"].get(words)
                new = pair if (plan.kind, plan.new, pair) in corpus.words else new
            yield [_edit(text, tokens[first], tokens[last], new)]


def _noun(text: str, plan: Plan, corpus: Corpus) -> Iterator[list[Edit]]:
    """A noun in the singular that means the thing, or more exactly than its annotation does ("man": person).

    Where annotators noted nothing but names, not where the caption goes on to say what it does or has ("a cat lying
    on"): whether another thing does is not known.
    """
    tokens = tokenize(text)
    for first, last in _nouns(text, plan.old):
        after = [token.lower for token in tokens[last + 1 : last + 3]]
        if corpus.combinations or not _says_more(after[1:] if after[:1] == ["is"] else after):
            yield [_edit(text, tokens[first], tokens[last], corpus.names[plan.new])]


def _says_more(after: Sequence[str]) -> bool:
    return bool(after) and (after[0] in _SAYS_MORE or after[0].endswith(("ing", "ed")))


def _half(text: str, plan: Plan, corpus: Corpus) -> Iterator[list[Edit]]:
    """A place in the picture, by the phrase of the same form."""
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
    """A number with the noun and the verb that agree with it."""
    number, fewer = int(plan.old), int(plan.new)
    tokens = tokenize(text)
    values = load("number")["words"]
    noun = 0  # the first plural noun behind the number
    for place, token in enumerate(tokens):
        if values.get(token.lower) != number and token.lower != str(number):
            continue
        noun = max(noun, place + 1)
        while noun < len(tokens) and not is_plural(tokens[noun].lower):
            noun += 1
        if noun == len(tokens):
            return
        new = str(fewer) if token.text.isdigit() else number_word(fewer)
        edits = [_edit(text, token, token, new)]
        if fewer == 1:
            edits.append(_edit(text, tokens[noun], tokens[noun], singular(tokens[noun].lower)))
            beside = [tokens[at] for at in (place - 1, noun + 1) if 0 <= at < len(tokens)]
            edits += [_edit(text, verb, verb, "is") for verb in beside if verb.lower == "are"]
        yield sorted(edits)


def _edit(text: str, first: Token, last: Token, new: str) -> Edit:
    return Edit(first.start, last.end, text[first.start : last.end], new)


_WAYS = {"color": _attribute, "size": _attribute, "object": _noun, "location": _half, "count": _number}
