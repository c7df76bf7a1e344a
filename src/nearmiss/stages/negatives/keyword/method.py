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
    max_candidates,
)
from nearmiss.stages.negatives.keyword.matching import Keyword, find_keywords, mentioned_concepts
from nearmiss.stages.negatives.keyword.words import Choice, WordCounts, context_of, related_groups


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
    found = [keyword for keyword in find_keywords(caption.text) if keyword.concept in options.concepts]
    if not found:
        yield Rejected(caption.caption_id, caption.image_id, "keyword", "no keyword", caption.text)
        return
    if len(found) < options.edits_at_once:
        few = "fewer keywords than are edited at once"
        yield Rejected(caption.caption_id, caption.image_id, "keyword", few, caption.text)
        return
    random = rng(corpus.seed, "keyword", caption.caption_id)
    made: set[str] = set()
    groups = _grouped(_sampled(words, caption.text, found, random), options.edits_at_once)
    for tried, replacements in enumerate(groups):
        if len(made) == options.per_caption:
            return
        if tried == max_candidates(caption.text):
            yield Rejected(caption.caption_id, caption.image_id, "keyword", TOO_MANY, caption.text)
            return
        negative, edits = _edited(caption.text, replacements)
        if negative in made:
            continue
        kind = "+".join(sorted({keyword.concept for keyword, _, _ in replacements}))
        reason = corpus.refusal(caption.image_id, negative) or _word_refusal(corpus, caption, replacements, negative)
        if reason is not None:
            yield Rejected(caption.caption_id, caption.image_id, kind, reason, caption.text, negative)
            continue
        made.add(negative)
        new_word = replacements[0][2] if len(replacements) == 1 else None
        yield Candidate(
            caption.caption_id,
            caption.image_id,
            kind,
            caption.text,
            negative,
            caption.template_id,
            new_word,
            tuple(edits),
        )


def _edited(text: str, replacements: list["Replacement"]) -> tuple[str, list[Edit]]:
    """The negative and the smallest set of edits that produces it."""
    edits = [Edit(keyword.start, keyword.end, keyword.text, word) for keyword, _, word in replacements]
    if len(edits) == 1:
        return exchanged(text, replacements[0][0].at, edits[0])
    negative = apply(text, edits)
    return negative, diff(text, negative)


Replacement = tuple[Keyword, str, str]  # keyword, group and word of its replacement


def _grouped(sampled: Iterator[Replacement], size: int) -> Iterator[list[Replacement]]:
    """Groups of replacements of `size` different keywords, each used once, in the order in which they were sampled."""
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
    queues: dict[str, list[list[Replacement]]] = {}
    words_of_text = frozenset(lowered(text).split())
    for keyword in found:
        known = words.choices(keyword, context_of(text, words_of_text, keyword))
        replacements = [(keyword, group, word) for group, word in _shuffled(known, random)]
        queues.setdefault(keyword.concept, []).append(replacements)
    turns = sorted(queues)
    random.shuffle(turns)
    for concept in turns:
        random.shuffle(queues[concept])
    while turns:
        for concept in list(turns):
            queues[concept] = [replacements for replacements in queues[concept] if replacements]
            if not queues[concept]:
                turns.remove(concept)
                continue
            replacements = queues[concept].pop(0)
            yield replacements.pop()
            queues[concept].append(replacements)


def _shuffled(known: list[Choice], random: Random) -> list[tuple[str, str]]:
    """Weighted random order without replacement, to be read from the end; frequent words of the corpus come sooner.

    Words are then inserted about as often as they are removed, so that they do not reveal the label (our choice). Keys
    are u ** (1 / weight), the largest first (Efraimidis and Spirakis, IPL 2006).
    """
    draw = random.random
    return [
        (group, word) for _, group, word in sorted([(draw() ** power, group, word) for power, group, word in known])
    ]


def _word_refusal(corpus: Corpus, caption: Caption, replacements: list[Replacement], negative: str) -> str | None:
    """Why a word is rejected if the annotations do not decide; None if they decide or the word is acceptable."""
    if corpus.verdict(caption.image_id, negative).kind == "verified":
        return None
    if any(
        keyword.concept in ("color", "object") and (keyword.group, group) in interchangeable(keyword.concept)
        for keyword, group, _ in replacements
    ):
        return "people use both words of one thing, and no annotation decides"
    own = mentioned_concepts(corpus.captions_of_image(caption.image_id))
    if any((keyword.concept, other) in own for keyword, group, _ in replacements for other in related_groups(group)):
        return "the image's captions use the word, and no annotation decides"
    return None
