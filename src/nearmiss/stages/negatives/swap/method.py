"""NegCLIP: exchanges two spans of one class (Yuksekgonul et al., ICLR 2023, 4.1), checked.

The paper swaps noun phrases, verb phrases, nouns, adverbs and adjectives found by spaCy, without checks; its published
file splits compounds ("a sink tub next to a bath") and exchanges items of a list. Corrected here: spans are found by
tag patterns (engine/text/spans.py) and agree in form, and a swap that preserves the meaning is rejected with its
reason. Our choices: at most `per_caption` negatives, classes taking turns in an order drawn by seed.
"""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from nearmiss.base.progress import progress
from nearmiss.base.seeding import rng
from nearmiss.engine.text.edited_text import EditedText
from nearmiss.engine.text.edits import Edit, apply
from nearmiss.engine.text.exchange import same_either_way
from nearmiss.engine.text.spans import SPANS, Sentence, Span, agree
from nearmiss.engine.text.tagging import need_tagger, tag
from nearmiss.engine.text.usage import Usage
from nearmiss.stages.negatives.candidates import (
    TOO_MANY,
    Candidate,
    Caption,
    Corpus,
    Method,
    Outcome,
    Rejected,
    max_candidates,
)

_ALL = "any"  # type of a rejection without a class


def generate(corpus: Corpus, options: Any) -> Iterator[Outcome]:
    """Yield at most `per_caption` negatives for each caption, and all pairs of spans rejected before them."""
    texts = [caption.text for caption in corpus.captions]
    need_tagger(texts, options.tagger)
    sentences = list(tag(texts, options.tagger, corpus.tags))
    usage = Usage(sentences)
    whole = zip(corpus.captions, sentences, strict=True)
    for caption, sentence in progress(whole, what="swap", total=len(sentences)):
        yield from _of_caption(corpus, caption, sentence, usage, options)


METHOD = Method("swap", generate)


def _of_caption(corpus: Corpus, caption: Caption, sentence: Sentence, usage: Usage, options: Any) -> Iterator[Outcome]:
    pairs = {name: _pairs(SPANS[name](caption.text, sentence, usage)) for name in options.classes}
    if not any(pairs.values()):
        yield Rejected(
            caption.caption_id, caption.image_id, _ALL, "no two spans of one class that differ and agree", caption.text
        )
        return
    made: set[str] = set()
    for tried, (name, one, other) in enumerate(_in_turn(pairs, rng(corpus.seed, "swap", caption.caption_id))):
        if len(made) == options.per_caption:
            return
        if tried == max_candidates(caption.text):
            yield Rejected(caption.caption_id, caption.image_id, _ALL, TOO_MANY, caption.text)
            return
        negative = apply(caption.text, exchanged(one, other))
        if negative in made:  # exchanging "a dog" and "dog" gives the same text
            continue
        reason = same_either_way(sentence, one, other)
        if reason is None:
            text = EditedText.of(corpus.own(caption.image_id).texts[caption.text], negative)
            reason = corpus.refusal(caption.image_id, text)
        if reason is not None:
            yield Rejected(caption.caption_id, caption.image_id, name, reason, caption.text, negative)
            continue
        made.add(negative)
        yield Candidate(
            caption.caption_id, caption.image_id, name, caption.text, negative, caption.template_id, text=text
        )


def exchanged(one: Span, other: Span) -> list[Edit]:
    """The two edits; a span that moves away from the start of the sentence is lowercased."""
    moved = one.text[0].lower() + one.text[1:] if one.start == 0 and not one.text.isupper() else one.text
    return [Edit(one.start, one.end, one.text, other.text), Edit(other.start, other.end, other.text, moved)]


def _pairs(spans: Sequence[Span]) -> list[tuple[Span, Span]]:
    return [(one, other) for at, one in enumerate(spans) for other in spans[at + 1 :] if agree(one, other)]


def _in_turn(pairs: dict[str, list[tuple[Span, Span]]], random: Random) -> Iterator[tuple[str, Span, Span]]:
    """Every pair once in a random order; classes take turns."""
    turns = sorted(name for name, found in pairs.items() if found)
    random.shuffle(turns)
    queues = {name: random.sample(pairs[name], len(pairs[name])) for name in turns}
    while turns:
        for name in list(turns):
            yield name, *queues[name].pop()
            if not queues[name]:
                turns.remove(name)
