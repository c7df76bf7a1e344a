"""Keyword substitution (Rösch et al., ALVR 2024): replaces a word for an object, color, size or location.

The paper names the four concepts and the operation. Our choices: the lists and their groups; sizes and locations are
replaced only by their opposites; new words occur in the corpus, so that a negative has no word that positives lack;
several negatives per caption, concepts taking turns; a new word may name an object of the scene if the annotations
contradict the new statement. If they do not decide, a word is rejected that the captions of the image use, or that
annotators use for the same objects (red and orange).
"""

from collections.abc import Iterator
from random import Random
from typing import Any

from nearmiss.base.progress import progress
from nearmiss.base.seeding import rng
from nearmiss.engine.text.edited_text import EditedText, Text
from nearmiss.engine.text.edits import Edit, apply
from nearmiss.engine.text.lexicon import interchangeable
from nearmiss.engine.text.own_captions import OwnCaptions
from nearmiss.engine.text.spelling import lowered
from nearmiss.engine.text.verdict import Verdict
from nearmiss.engine.text.word_exchange import Place
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
from nearmiss.stages.negatives.keyword.matching import Keyword, find_keywords, mentioned_concepts
from nearmiss.stages.negatives.keyword.words import Choices, WordCounts, context_of, related_concepts


def generate(corpus: Corpus, options: Any) -> Iterator[Outcome]:
    """Yield at most `per_caption` negatives for each caption, and all candidates rejected before them."""
    words = corpus.learned or learn(corpus, options)
    for caption in progress(corpus.captions, what="keyword", total=len(corpus.captions)):
        yield from _of_caption(corpus, words, caption, options)


def learn(corpus: Corpus, options: Any) -> WordCounts:
    """Word counts over the captions of the whole corpus."""
    return WordCounts.of(corpus)


METHOD = Method("keyword", generate, learn=learn)


def _of_caption(corpus: Corpus, words: WordCounts, caption: Caption, options: Any) -> Iterator[Outcome]:
    caption_id, image_id, string = caption.caption_id, caption.image_id, caption.text
    own = corpus.own(image_id)
    source = own.texts[string]
    found = [keyword for keyword in find_keywords(source) if keyword.concept in options.concepts]
    if not found:
        yield Rejected(caption_id, image_id, "keyword", "no keyword", string)
        return
    if len(found) < options.edits_at_once:
        few = "fewer keywords than are edited at once"
        yield Rejected(caption_id, image_id, "keyword", few, string)
        return
    random = rng(corpus.seed, "keyword", caption_id)
    made: set[str] = set()
    groups = _grouped(_sampled(words, string, found, random), options.edits_at_once)
    places: dict[int, Place] = {}
    most = max_candidates(string)
    for tried, replacements in enumerate(groups):
        if len(made) == options.per_caption:
            return
        if tried == most:
            yield Rejected(caption_id, image_id, "keyword", TOO_MANY, string)
            return
        text = _edited(source, replacements, places)
        negative = text.string
        if negative in made:
            continue
        one = len(replacements) == 1
        kind = replacements[0][0].concept if one else "+".join(sorted({each.concept for each, _, _ in replacements}))
        verdict = corpus.verdict(image_id, text)
        reason = corpus.refused(verdict, text) or _word_refusal(own, verdict, replacements)
        if reason is not None:
            yield Rejected(caption_id, image_id, kind, reason, string, negative)
            continue
        made.add(negative)
        new_word = replacements[0][2] if one else None
        yield Candidate(
            caption_id, image_id, kind, string, negative, caption.template_id, new_word, text=text, verdict=verdict
        )


def _edited(source: Text, replacements: list["Replacement"], places: dict[int, Place]) -> EditedText:
    """The negative; `places` are those of the caption that were used before."""
    if len(replacements) == 1:
        keyword, _, word = replacements[0]
        place = places.get(keyword.at)
        if place is None:
            place = places[keyword.at] = Place(source, keyword.at, keyword.after)
        return place.exchanged(word)
    edits = [Edit(keyword.start, keyword.end, keyword.text, word) for keyword, _, word in replacements]
    return EditedText.of(source, apply(source.string, edits))


Replacement = tuple[Keyword, str, str]  # keyword, group and word of its replacement


def _grouped(sampled: Iterator[Replacement], size: int) -> Iterator[list[Replacement]]:
    """Groups of replacements of `size` different keywords, each used once, in the order in which they were sampled."""
    if size == 1:
        yield from ([replacement] for replacement in sampled)
        return
    waiting: list[Replacement] = []
    for replacement in sampled:
        waiting.append(replacement)
        first_of_each: dict[int, Replacement] = {}
        for each in waiting:
            first_of_each.setdefault(each[0].start, each)
        if len(first_of_each) == size:
            chosen = list(first_of_each.values())
            waiting = [each for each in waiting if each not in chosen]
            yield chosen


def _sampled(words: WordCounts, text: str, found: list[Keyword], random: Random) -> Iterator[Replacement]:
    """Replacements in a random order: concepts take turns, and so do the keywords of a concept."""
    queues: dict[str, list[tuple[Keyword, list[tuple[str, str]]]]] = {}
    words_of_text = frozenset(lowered(text).split())
    for keyword in found:
        known = words.choices(keyword, context_of(text, words_of_text, keyword))
        queues.setdefault(keyword.concept, []).append((keyword, _shuffled(known, random)))
    turns = sorted(queues)
    random.shuffle(turns)
    for concept in turns:
        random.shuffle(queues[concept])
    while turns:
        for concept in list(turns):
            queues[concept] = queue = [each for each in queues[concept] if each[1]]
            if not queue:
                turns.remove(concept)
                continue
            keyword, replacements = first = queue.pop(0)
            yield keyword, *replacements.pop()
            queue.append(first)


def _shuffled(known: Choices, random: Random) -> list[tuple[str, str]]:
    """Weighted random order without replacement, to be read from the end; frequent words of the corpus come sooner.

    Words are then inserted about as often as they are removed, so that they do not reveal the label (our choice). Keys
    are u ** (1 / weight), the largest first (Efraimidis and Spirakis, IPL 2006).
    """
    draw = random.random
    keys = [draw() ** power for power in known.powers]
    return [choice for _, choice in sorted(zip(keys, known.words, strict=True))]


def _word_refusal(own: OwnCaptions, verdict: Verdict, replacements: list[Replacement]) -> str | None:
    """Why a word is rejected if the annotations do not decide; None if they decide or the word is acceptable."""
    if verdict.kind == "verified":
        return None
    for keyword, group, _ in replacements:
        if keyword.concept in ("color", "object") and (keyword.group, group) in interchangeable(keyword.concept):
            return "both words can describe one object, and no annotation decides"
    mentioned = mentioned_concepts(own)
    for keyword, group, _ in replacements:
        if not mentioned.isdisjoint(related_concepts(keyword.concept, group)):
            return "the image's captions use the word, and no annotation decides"
    return None
