"""Spans of a tagged caption that NegCLIP's swaps exchange, by patterns of tags (the patterns are our choice).

NP   (determiner | possessive | number)? (adverb | adjective | participle)* noun+
VP   verb (particle | preposition)?          without its object
NN   noun+, the last one singular, without the words before, both with an article or both without ("a man playing
     tennis" is no "a tennis playing man"); NNS the same in the plural
ADJ  an adjective that is before a noun;  ADV  an adverb

Compounds ("tennis racket") are one span. Words for the image, for amounts and for locations ("couple", "photo",
"left") head no span, and neither does a word with another usual class in the corpus: both lists are in usage.py.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from nearmiss.engine.text.lexicon import attribute_kind, noun_group, object_words
from nearmiss.engine.text.spelling import APOSTROPHES, HYPHENS
from nearmiss.engine.text.tagging import Tagged
from nearmiss.engine.text.usage import Usage, is_location_noun, object_follows, words

Sentence = Sequence[Tagged]


@dataclass(frozen=True)
class Span:
    """`caption[start:end]`, the tokens [first, last) of the sentence.

    Spans may be swapped where their `form` is equal and their `meaning` is not.
    """

    text: str
    start: int
    end: int
    first: int
    last: int
    form: str
    meaning: object
    kind: str


def agree(one: Span, other: Span) -> bool:
    """Whether a swap keeps the sentence grammatical and changes its meaning, as far as the words show."""
    return one.form == other.form and one.meaning != other.meaning and one.last <= other.first


def noun_phrases(caption: str, sentence: Sentence, usage: Usage) -> list[Span]:
    """NP: with article, number and adjectives."""
    found = []
    for first, last in _nouns(sentence, usage):
        start = first
        while start > 0 and _modifies(sentence[start - 1]):
            start -= 1
        if start > 0 and _opens(sentence[start - 1]):
            start -= 1
        meaning = " ".join(word.lower for word in sentence[start:last] if word.pos != "DET")
        number = "plural" if _plural(sentence, last) else "singular"
        opening = "open" if _opens(sentence[start]) or number == "plural" else "bare"
        found.append(_span(caption, sentence, start, last, f"{number} {opening}", meaning, "NP"))
    return found


def verb_phrases(caption: str, sentence: Sentence, usage: Usage) -> list[Span]:
    """VP: a verb with its particle or preposition; the form is its tag and the kind of word after it."""
    found = []
    for at, word in enumerate(sentence):
        if word.pos != "VERB" or not usage.serves(word.lower, "VERB") or _in_noun_phrase(sentence, at):
            continue
        last = at + 1
        if last < len(sentence) and sentence[last].pos in ("ADP", "ADV") and not _comma(sentence, last):
            last += 1
        if last < len(sentence) and is_location_noun(sentence[last].lower):
            continue  # "standing in front of"
        has_object, direct = object_follows(sentence, last), sentence[last - 1].pos != "ADP"
        if not (has_object or direct):
            continue  # "held up by" cannot be split
        if direct and last == at + 1 and not usage.can_have(word.lower, has_object):
            continue  # "a creepy looking photo" is no sentence with an object
        form = f"{word.tag}, object {('direct' if direct else 'of the preposition') if has_object else 'none'}"
        text = " ".join(each.lower for each in sentence[at:last])
        found.append(_span(caption, sentence, at, last, form, text, "VP"))
    return found


def nouns(caption: str, sentence: Sentence, usage: Usage) -> list[Span]:
    """NN and NNS: nouns in either number without the words before them."""
    found = []
    for first, last in _nouns(sentence, usage):
        text = caption[sentence[first].start : sentence[last - 1].end]
        kind = "NNS" if _plural(sentence, last) else "NN"
        form = kind if kind == "NNS" or _opened(sentence, first) else "NN bare"
        found.append(_span(caption, sentence, first, last, form, noun_group(text), kind))
    return found


def singular_nouns(caption: str, sentence: Sentence, usage: Usage) -> list[Span]:
    """NN: nouns without the words before them."""
    return [span for span in nouns(caption, sentence, usage) if span.kind == "NN"]


def plural_nouns(caption: str, sentence: Sentence, usage: Usage) -> list[Span]:
    """NNS: nouns in the plural."""
    return [span for span in nouns(caption, sentence, usage) if span.kind == "NNS"]


def adjectives(caption: str, sentence: Sentence, usage: Usage) -> list[Span]:
    """ADJ: the first one before each noun; paired ones ("black and white") are skipped."""
    found = []
    for at, word in enumerate(sentence[:-1]):
        low = word.lower
        pair = any(0 <= neighbor < len(sentence) and sentence[neighbor].pos == "CCONJ" for neighbor in (at - 1, at + 1))
        second = at > 0 and sentence[at - 1].pos == "ADJ"
        named = word.start > 0 and word.text[0].isupper()
        if word.pos != "ADJ" or pair or second or named or not usage.serves(low, "ADJ") or joined(sentence, at, at + 1):
            continue
        if _head(sentence, at) is not None:
            found.append(_span(caption, sentence, at, at + 1, word.tag, attribute_kind(low) or low, "ADJ"))
    return found


def adverbs(caption: str, sentence: Sentence, usage: Usage) -> list[Span]:
    """ADV: in -ly, so that none is a particle, a negation or a location."""
    return [
        _span(caption, sentence, at, at + 1, word.tag, word.lower, "ADV")
        for at, word in enumerate(sentence)
        if word.pos == "ADV" and word.lower.endswith("ly") and usage.serves(word.lower, "ADV")
    ]


SPANS: dict[str, Callable[[str, Sentence, Usage], list[Span]]] = {
    "NP": noun_phrases,
    "VP": verb_phrases,
    "NN": singular_nouns,
    "NNS": plural_nouns,
    "ADJ": adjectives,
    "ADV": adverbs,
}


def _opened(sentence: Sentence, first: int) -> bool:
    """Whether an article, a number or a possessive precedes the noun that begins here."""
    at = first
    while at > 0 and _modifies(sentence[at - 1]):
        at -= 1
    return at > 0 and _opens(sentence[at - 1])


def _nouns(sentence: Sentence, usage: Usage) -> Iterator[tuple[int, int]]:
    """[first, last) of every run of nouns that may all be moved."""
    at = 0
    while at < len(sentence):
        last = at
        while last < len(sentence) and sentence[last].pos in ("NOUN", "PROPN"):
            if last > at and is_location_noun(sentence[last].lower):
                break  # "a star left of"
            last += 1
        run = sentence[at:last]
        if run and _movable(run, usage) and not _bound(sentence, at, last) and not _amount(sentence, last, usage):
            yield at, last
        at = max(last, at + 1)


def _movable(run: Sentence, usage: Usage) -> bool:
    head = run[-1].lower
    fixed = words()["postures"] + words()["unmoved"]
    named = any(word.text[0].isupper() and word.start > 0 for word in run)  # a name keeps its capital, so it stays
    if len(head) < 2:  # of "t.v."
        return False
    if run[-1].pos != "NOUN" or is_location_noun(head) or head in fixed or named:
        return False
    return usage.serves(head, "NOUN") and not (len(run) > 1 and usage.is_verbal(head))  # "the girl kneels" is no noun


def _amount(sentence: Sentence, last: int, usage: Usage) -> bool:
    """An amount or a part of the noun after it ("a flock of sheep")."""
    return last < len(sentence) and sentence[last].lower == "of" and usage.is_amount(sentence[last - 1].lower)


def _bound(sentence: Sentence, first: int, last: int) -> bool:
    """Part of a longer expression that moving it would split: a possessive ("a dog's head"), a word with a hyphen, a
    compound with a participle ("a sewing machine", "a snow covered hill") or a name ("a German shepherd")."""
    if joined(sentence, first, last) or _compounded(sentence, last) or in_compound(sentence, first, last):
        return True
    if not first:
        return False
    before = sentence[first - 1]
    if before.pos == "ADJ" and before.start > 0 and before.text[0].isupper() and not sentence[first].text[0].isupper():
        return True
    if before.tag != "VBG":
        return False
    return first < 2 or sentence[first - 2].pos in ("DET", "ADJ", "NUM", "ADP", "PUNCT", "CCONJ")


def in_compound(sentence: Sentence, first: int, last: int) -> bool:
    """Whether the first or the last of the words [first, last) and the word beside it are one noun of the lexicon: the
    dog in "a hot dog", whatever the tags of the two."""
    before = f"{sentence[first - 1].lower} {sentence[first].lower}" if first else ""
    after = f"{sentence[last - 1].lower} {sentence[last].lower}" if last < len(sentence) else ""
    return before in object_words() or after in object_words()


def joined(sentence: Sentence, first: int, last: int) -> bool:
    """Whether an apostrophe or a hyphen joins the words [first, last) to one beside them."""
    after = sentence[last].text[0] in APOSTROPHES + HYPHENS if last < len(sentence) else False
    return after or (first > 0 and sentence[first - 1].text[0] in APOSTROPHES + HYPHENS)


def _compounded(sentence: Sentence, last: int) -> bool:
    """The first half of a compound with a participle ("a grass covered field", "a horse drawn carriage")."""
    if last + 1 >= len(sentence) or sentence[last].tag not in ("VBN", "VBD"):
        return False
    return sentence[last + 1].pos in ("NOUN", "ADJ")


def _plural(sentence: Sentence, last: int) -> bool:
    return sentence[last - 1].tag in ("NNS", "NNPS")


def _opens(word: Tagged) -> bool:
    return word.pos in ("DET", "NUM") or word.tag == "PRP$"


def _modifies(word: Tagged) -> bool:
    return word.pos == "ADJ"


def _in_noun_phrase(sentence: Sentence, at: int) -> bool:
    """A participle before its noun ("a parked car")."""
    return at > 0 and (sentence[at - 1].pos in ("DET", "ADJ", "NUM") or sentence[at - 1].tag == "PRP$")


def _head(sentence: Sentence, at: int) -> int | None:
    """The start of the noun after an adjective and further adjectives."""
    after = at + 1
    while after < len(sentence) and sentence[after].pos == "ADJ":
        after += 1
    return after if after < len(sentence) and sentence[after].pos == "NOUN" else None


def _comma(sentence: Sentence, at: int) -> bool:
    return sentence[at].text == ","


def _span(caption: str, sentence: Sentence, first: int, last: int, form: str, meaning: object, kind: str) -> Span:
    start, end = sentence[first].start, sentence[last - 1].end
    return Span(caption[start:end], start, end, first, last, form, meaning, kind)
