"""Keyword substitution (Rösch et al., ALVR 2024): replaces a word for an object, color, size or location.

The paper names the four concepts and the operation. Our choices: the lists and their groups; sizes and locations are
replaced only by their opposites; new words occur in the corpus, so that a negative has no word that positives lack;
several negatives per caption, concepts taking turns; a new word may name an object of the scene if the annotations
contradict the new statement. If they do not decide, a word is rejected that the captions of the image use, or that
annotators use for the same objects (red and orange).
"""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from nearmiss.base.progress import progress
from nearmiss.base.seeding import derive
from nearmiss.engine.text.edited_text import EditedText, Text
from nearmiss.engine.text.edits import Edit, apply
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
from nearmiss.stages.negatives.keyword.words import Choice, Choices, WordCounts, context_of


def generate(corpus: Corpus, options: Any) -> Iterator[Outcome]:
    """Yield at most `per_caption` negatives for each caption, and all candidates rejected before them."""
    words = corpus.learned or learn(corpus, options)
    random = Random()  # one generator, seeded for each caption
    for caption in progress(corpus.captions, what="keyword", total=len(corpus.captions)):
        yield from _of_caption(corpus, words, caption, options, random)


def learn(corpus: Corpus, options: Any) -> WordCounts:
    """Word counts over the captions of the whole corpus."""
    return WordCounts.of(corpus)


METHOD = Method("keyword", generate, learn=learn)


def _of_caption(corpus: Corpus, words: WordCounts, caption: Caption, options: Any, random: Random) -> Iterator[Outcome]:
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
    random.seed(derive(corpus.seed, "keyword", caption_id))
    made: set[str] = set()
    sampled = _sampled(words, string, found, random)
    groups: Iterator[Sequence[Replacement]]
    groups = zip(sampled) if options.edits_at_once == 1 else _grouped(sampled, options.edits_at_once)
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
        kind = replacements[0][0].concept if one else "+".join(sorted({each.concept for each, _ in replacements}))
        verdict = corpus.verdict(image_id, text)
        reason = corpus.refused(verdict, text) or _word_refusal(own, verdict, replacements)
        if reason is not None:
            yield Rejected(caption_id, image_id, kind, reason, string, negative)
            continue
        made.add(negative)
        new_word = replacements[0][1].word if one else None
        yield Candidate(
            caption_id, image_id, kind, string, negative, caption.template_id, new_word, text=text, verdict=verdict
        )


def _edited(source: Text, replacements: Sequence["Replacement"], places: dict[int, Place]) -> EditedText:
    """The negative; `places` are those of the caption that were used before."""
    if len(replacements) == 1:
        keyword, choice = replacements[0]
        place = places.get(keyword.at)
        if place is None:
            place = places[keyword.at] = Place(source, keyword.at, keyword.after)
        return place.exchanged(choice.word)
    edits = [Edit(keyword.start, keyword.end, keyword.text, choice.word) for keyword, choice in replacements]
    return EditedText.of(source, apply(source.string, edits))


Replacement = tuple[Keyword, Choice]


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
    queues: dict[str, list[tuple[Keyword, _Shuffled]]] = {}
    words_of_text = frozenset(lowered(text).split())
    for keyword in found:
        known = words.choices(keyword, context_of(text, words_of_text, keyword))
        queues.setdefault(keyword.concept, []).append((keyword, _Shuffled(known, random)))
    turns = sorted(queues)
    random.shuffle(turns)
    for concept in turns:
        random.shuffle(queues[concept])
    while turns:
        for concept in list(turns):
            queue = queues[concept]
            while queue and not queue[0][1].left:
                del queue[0]
            if not queue:
                turns.remove(concept)
                continue
            first = queue.pop(0)
            yield first[0], first[1].pop()
            queue.append(first)


class _Shuffled:
    """Weighted random order without replacement, found as far as it is needed; frequent words come sooner.

    Words are then inserted about as often as they are removed, so that they do not reveal the label (our choice). Keys
    are u ** (1 / weight), the largest first (Efraimidis and Spirakis, IPL 2006), of equal ones the last by alphabet.
    """

    __slots__ = ("_keys", "_words", "left")

    def __init__(self, known: Choices, random: Random) -> None:
        draw = random.random
        self._keys = [draw() ** power for power in known.powers]
        self._words = known.words
        self.left = len(self._keys)

    def pop(self) -> Choice:
        """The next word; there must be one left."""
        keys, words = self._keys, self._words
        top = max(keys)
        at = keys.index(top)
        if keys.count(top) > 1:
            at = max((at for at, key in enumerate(keys) if key == top), key=lambda at: words[at][:2])
        keys[at] = -1.0
        self.left -= 1
        return words[at]


def _word_refusal(own: OwnCaptions, verdict: Verdict, replacements: Sequence[Replacement]) -> str | None:
    """Why a word is rejected if the annotations do not decide; None if they decide or the word is acceptable."""
    if verdict.kind == "verified":
        return None
    for _, choice in replacements:
        if choice.interchangeable:
            return "both words can describe one object, and no annotation decides"
    mentioned = mentioned_concepts(own)
    for _, choice in replacements:
        if not mentioned.isdisjoint(choice.related):
            return "the image's captions use the word, and no annotation decides"
    return None
