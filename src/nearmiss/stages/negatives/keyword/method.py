"""Keyword substitution (Rösch et al., ALVR 2024): a word for an object, color, size or place gives way to another.

The paper names the four concepts and the operation. Our choices: the lists and what belongs together in them; sizes and
places are replaced by their opposites alone; new words are those that the corpus itself uses, so that a negative has no
word that positives lack; several negatives a caption, concepts taking turns; a new word may name what is in the scene
where the annotations contradict the new statement; where they do not decide, a word is refused that the image's own
captions use, or that people use of the same things (red and orange).
"""

from collections.abc import Iterator
from random import Random
from typing import Any

from nearmiss.base.progress import progress
from nearmiss.base.seeding import rng
from nearmiss.engine.text.edits import Edit, apply, diff, exchanged
from nearmiss.engine.text.lexicon import interchangeable
from nearmiss.engine.text.spelling import lowered
from nearmiss.stages.negatives.candidates import (
    TOO_MANY,
    Candidate,
    Caption,
    Corpus,
    Method,
    Outcome,
    Rejected,
    most_tried,
)
from nearmiss.stages.negatives.keyword.spots import Spot, mentioned_by, spots
from nearmiss.stages.negatives.keyword.words import Choice, Words, around, relatives


def generate(corpus: Corpus, options: Any) -> Iterator[Outcome]:
    """At most `per_caption` negatives of each caption, with every candidate that was refused on the way."""
    words = corpus.learned or learn(corpus, options)
    for caption in progress(corpus.captions, what="keyword", total=len(corpus.captions)):
        yield from _of_caption(corpus, words, caption, options)


def learn(corpus: Corpus, options: Any) -> Words:
    """What the captions of the whole corpus say."""
    return Words.of(corpus)


METHOD = Method("keyword", generate, learn=learn)


def _of_caption(corpus: Corpus, words: Words, caption: Caption, options: Any) -> Iterator[Outcome]:
    found = [spot for spot in spots(caption.text) if spot.concept in options.concepts]
    if not found:
        yield Rejected(caption.caption_id, caption.image_id, "keyword", "no keyword", caption.text)
        return
    if len(found) < options.edits_at_once:
        few = "fewer keywords than are edited at once"
        yield Rejected(caption.caption_id, caption.image_id, "keyword", few, caption.text)
        return
    random = rng(corpus.seed, "keyword", caption.caption_id)
    made: set[str] = set()
    drawn = _together(_drawn(words, caption.text, found, random), options.edits_at_once)
    for tried, offers in enumerate(drawn):
        if len(made) == options.per_caption:
            return
        if tried == most_tried(caption.text):
            yield Rejected(caption.caption_id, caption.image_id, "keyword", TOO_MANY, caption.text)
            return
        negative, edits = _edited(caption.text, offers)
        if negative in made:
            continue
        kind = "+".join(sorted({spot.concept for spot, _, _ in offers}))
        reason = corpus.refusal(caption.image_id, negative) or _word_refusal(corpus, caption, offers, negative)
        if reason is not None:
            yield Rejected(caption.caption_id, caption.image_id, kind, reason, caption.text, negative)
            continue
        made.add(negative)
        foil = offers[0][2] if len(offers) == 1 else None
        yield Candidate(
            caption.caption_id, caption.image_id, kind, caption.text, negative, caption.template_id, foil, tuple(edits)
        )


def _edited(text: str, offers: list["Offer"]) -> tuple[str, list[Edit]]:
    """The negative, and the fewest edits that make it."""
    edits = [Edit(spot.start, spot.end, spot.text, word) for spot, _, word in offers]
    if len(edits) == 1:
        return exchanged(text, offers[0][0].at, edits[0])
    negative = apply(text, edits)
    return negative, diff(text, negative)


Offer = tuple[Spot, str, str]  # a keyword, and the group and word that take its place


def _together(drawn: Iterator[Offer], size: int) -> Iterator[list[Offer]]:
    """Offers of `size` different keywords at once, each offer once, in the order in which they were drawn."""
    waiting: list[Offer] = []
    for offer in drawn:
        waiting.append(offer)
        first_of_each: dict[int, Offer] = {}
        for each in waiting:
            first_of_each.setdefault(each[0].start, each)
        if len(first_of_each) == size:
            chosen = list(first_of_each.values())
            waiting = [each for each in waiting if each not in chosen]
            yield chosen


def _drawn(words: Words, text: str, found: list[Spot], random: Random) -> Iterator[Offer]:
    """Replacements in an order that is drawn: concepts take turns, and inside a concept so do its keywords."""
    queues: dict[str, list[list[Offer]]] = {}
    words_of_text = frozenset(lowered(text).split())
    for spot in found:
        known = words.choices(spot, around(text, words_of_text, spot))
        offers = [(spot, group, word) for group, word in _shuffled(known, random)]
        queues.setdefault(spot.concept, []).append(offers)
    turns = sorted(queues)
    random.shuffle(turns)
    for concept in turns:
        random.shuffle(queues[concept])
    while turns:
        for concept in list(turns):
            queues[concept] = [offers for offers in queues[concept] if offers]
            if not queues[concept]:
                turns.remove(concept)
                continue
            offers = queues[concept].pop(0)
            yield offers.pop()
            queues[concept].append(offers)


def _shuffled(known: list[Choice], random: Random) -> list[tuple[str, str]]:
    """In a drawn order, from the end: what the corpus speaks of more comes sooner (without return).

    So that a word is new about as often as it is old, and the words alone tell nothing (our choice). Each gets the key
    u ** (1 / weight), the largest first (Efraimidis and Spirakis, IPL 2006).
    """
    draw = random.random
    return [
        (group, word) for _, group, word in sorted([(draw() ** power, group, word) for power, group, word in known])
    ]


def _word_refusal(corpus: Corpus, caption: Caption, offers: list[Offer], negative: str) -> str | None:
    """Why a word is refused where no annotation decides; None where one does, or nothing speaks against a word."""
    if corpus.verdict(caption.image_id, negative).kind == "verified":
        return None
    if any(
        spot.concept in ("color", "object") and (spot.group, group) in interchangeable(spot.concept)
        for spot, group, _ in offers
    ):
        return "people use both words of one thing, and no annotation decides"
    own = mentioned_by(corpus.own_texts(caption.image_id))
    if any((spot.concept, other) in own for spot, group, _ in offers for other in relatives(group)):
        return "the image's captions use the word, and no annotation decides"
    return None
