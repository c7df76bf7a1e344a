"""Keyword substitution (Rösch et al., ALVR 2024): a word for an object, color, size or place gives way to another.

The paper names the four concepts and the operation. Our choices: the lists and what belongs together in them; sizes and
places are replaced by their opposites alone; new words are those that the corpus itself uses, so that a negative has no
word that positives lack; several negatives a caption, concepts taking turns; a new word may name what is in the scene
where the annotations contradict the new statement; where they do not decide, a word is refused that the image's own
captions use, or that people use of the same things (red and orange).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from random import Random
from typing import Any

from nearmiss.base.progress import progress
from nearmiss.base.seeding import rng
from nearmiss.engine.text.edits import Edit, apply
from nearmiss.engine.text.inflection import is_plural, plural, singular
from nearmiss.engine.text.lexicon import hypernyms, load, near, opposites
from nearmiss.stages.negatives.candidates import Candidate, Caption, Corpus, Method, Outcome, Rejected
from nearmiss.stages.negatives.keyword_spots import Spot, mentioned, spots


def generate(corpus: Corpus, options: Any) -> Iterator[Outcome]:
    """At most `per_caption` negatives of each caption, with every candidate that was refused on the way."""
    words = corpus.learned or learn(corpus, options)
    for caption in progress(corpus.captions, what="keyword", total=len(corpus.captions)):
        yield from _of_caption(corpus, words, caption, options)


def learn(corpus: Corpus, options: Any) -> "Words":
    """What the captions of the whole corpus say."""
    return Words.of(corpus)


METHOD = Method("keyword", generate, learn=learn)


@dataclass(frozen=True)
class Words:
    """What the corpus says: how often each word stands for each (concept, group, number)."""

    counts: dict[tuple[str, str, bool], Counter[str]]

    @classmethod
    def of(cls, corpus: Corpus) -> "Words":
        """Counted over all captions."""
        counts: dict[tuple[str, str, bool], Counter[str]] = {}
        for caption in corpus.captions:
            for spot in spots(caption.text):
                counts.setdefault((spot.concept, spot.group, spot.plural), Counter())[spot.text.lower()] += 1
        return cls(counts)

    @cached_property
    def _totals(self) -> Counter[tuple[str, str]]:
        totals: Counter[tuple[str, str]] = Counter()
        for (concept, group, _), counts in self.counts.items():
            totals[concept, group] += counts.total()
        return totals

    def uses(self, concept: str, group: str) -> int:
        """How often the corpus speaks of the group."""
        return self._totals[concept, group]

    def usual(self, concept: str, group: str, many: bool = False) -> str:
        """The word that the corpus uses most for a group in this number; ties go to the alphabet."""
        counts = self.counts.get((concept, group, many))
        if counts:
            return min(counts, key=lambda word: (-counts[word], word))
        if concept != "object":
            return str(load(concept)["groups"][group][0])
        other = self.counts.get((concept, group, not many))
        word = min(other, key=lambda word: (-other[word], word)) if other else group
        return plural(singular(word)) if many else singular(word)

    @cached_property
    def _known(self) -> dict[tuple[str, str, bool, str, str], list[tuple[str, str]]]:
        return {}

    def replacements(self, spot: Spot, following: str) -> list[tuple[str, str]]:
        """(group, word) of everything that can take a keyword's place, sorted; `following` is the next word."""
        key = (spot.concept, spot.group, spot.plural, spot.text.lower(), following if spot.concept == "size" else "")
        if key not in self._known:
            self._known[key] = self._replacements(spot, following)
        return self._known[key]

    def _replacements(self, spot: Spot, following: str) -> list[tuple[str, str]]:
        if spot.concept == "object":
            return [(group, self.usual("object", group, spot.plural)) for group in self._objects(spot)]
        if spot.concept == "color":
            known = load("color")["groups"].keys() - set(load("color")["never_new"]) - {spot.group}
            return [(group, self.usual("color", group)) for group in sorted(known) if self.uses("color", group)]
        if spot.concept == "size":
            return [(group, self._size(spot, group)) for group in _size_opposites(spot.group, following)]
        return [(group, _place(spot, group)) for group in opposites("location").get(spot.group, ())]

    def _objects(self, spot: Spot) -> list[str]:
        """Other groups of the kind, of several kinds the one the corpus speaks of most; nothing that it may also be."""
        groups = load("object")["groups"]
        kinds = groups[spot.group]["kinds"]
        pools = [self._pool(spot, kind) for kind in kinds]
        pools = [pool for pool in pools if pool] or [self._pool(spot, load("object")["beside"].get(kinds[0], ""))]
        return max(pools, key=lambda pool: sum(self.uses("object", group) for group in pool))

    def _pool(self, spot: Spot, kind: str) -> list[str]:
        groups = load("object")["groups"]
        fit = [name for name, entry in groups.items() if kind in entry["kinds"] and not _related(name, spot.group)]
        return sorted(name for name in fit if self.uses("object", name) and self._has(name, spot.plural))

    def _has(self, group: str, many: bool) -> bool:
        """Whether there is a word for one ("skis" has none: "a skis")."""
        return many or not is_plural(self.usual("object", group))

    def _size(self, spot: Spot, group: str) -> str:
        """The word of the same register ("tiny": "huge") where the corpus has it, else its usual one."""
        pair = load("size")["pairs"].get(spot.text.lower())
        counts = self.counts.get(("size", group, False), Counter())
        return pair if pair in counts else self.usual("size", group)


def _size_opposites(group: str, following: str) -> list[str]:
    """The opposites; "short" is the opposite of "tall" or of "long", by what it is said of."""
    found = list(opposites("size")[group])
    if group == "short":
        upright = following in load("size")["long_or_tall"]
        return [other for other in found if (other == "tall") == upright]
    return found


def _place(spot: Spot, group: str) -> str:
    """The opposite phrase in the same form ("left of": "right of") where there is one."""
    location = load("location")
    lists = location["relations"] if group in location["relations"] else location["halves"]
    old, new = lists[spot.group], lists[group]
    if len(old) == len(new) and spot.text.lower() in old:
        return str(new[old.index(spot.text.lower())])
    return "on top of" if group == "on" else str(new[0])


def _related(one: str, other: str) -> bool:
    """Whether something may be both: the same, or one a kind of the other."""
    return one == other or one in hypernyms(other) or other in hypernyms(one)


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
    for offers in _together(_drawn(words, caption.text, found, random), options.edits_at_once):
        if len(made) == options.per_caption:
            return
        negative = apply(caption.text, [Edit(spot.start, spot.end, spot.text, word) for spot, _, word in offers])
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
            caption.caption_id, caption.image_id, kind, caption.text, negative, caption.template_id, foil=foil
        )


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
    for spot in found:
        known = _fitting(words.replacements(spot, _following(text, spot)), text, spot)
        offers = [(spot, group, word) for group, word in _shuffled(known, words, spot.concept, random)]
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


def _shuffled(known: list[tuple[str, str]], words: Words, concept: str, random: Random) -> list[tuple[str, str]]:
    """In a drawn order, from the end: what the corpus speaks of more comes sooner (without return).

    So that a word is new about as often as it is old, and the words alone tell nothing (our choice). Each gets the key
    u ** (1 / weight), the largest first (Efraimidis and Spirakis, IPL 2006).
    """
    keyed = [(random.random() ** (1 / max(words.uses(concept, group), 1)), group, word) for group, word in known]
    return [(group, word) for _, group, word in sorted(keyed)]


def _following(text: str, spot: Spot) -> str:
    rest = text[spot.end :].split()
    return rest[0].strip(".,").lower() if rest else ""


def _fitting(known: list[tuple[str, str]], text: str, spot: Spot) -> list[tuple[str, str]]:
    """Without what would not read: colors that have no shades after a word for a shade ("dark white"), a woman for a
    man of whom the caption says "he", and luggage where there was one suitcase."""
    if spot.concept == "object":
        return [(group, word) for group, word in known if _agrees(group, word, text, spot)]
    if spot.concept != "color" or text[: spot.start].lower().split()[-1:] not in _shades():
        return known
    return [(group, word) for group, word in known if group not in load("color")["without_shades"]]


def _agrees(group: str, word: str, text: str, spot: Spot) -> bool:
    grammar, lexicon = load("grammar"), load("object")
    said = text.lower().split()
    for sex, other, pronouns in (("female", "male", "of_women"), ("male", "female", "of_men")):
        if spot.group in lexicon[sex] and group in lexicon[other] and not set(grammar[pronouns]).isdisjoint(said):
            return False
    if (spot.text.lower() in lexicon["mass"]) == (word in lexicon["mass"]):
        return True
    return text[: spot.start].lower().split()[-1:] in ([each] for each in ("the", *grammar["possessives"]))


@cache
def _shades() -> list[list[str]]:
    return [[word] for word in load("color")["shades"]]


def _word_refusal(corpus: Corpus, caption: Caption, offers: list[Offer], negative: str) -> str | None:
    """Why a word is refused where no annotation decides; None where one does, or nothing speaks against a word."""
    if corpus.verdict(caption.image_id, negative).kind == "verified":
        return None
    if any(
        spot.concept in ("color", "object") and (spot.group, group) in near(spot.concept) for spot, group, _ in offers
    ):
        return "people use both words of one thing, and no annotation decides"
    own = {each for text in corpus.captions_of[caption.image_id] for each in mentioned(text.text)}
    if any(concept == spot.concept and _related(group, other) for spot, group, _ in offers for concept, other in own):
        return "the image's captions use the word, and no annotation decides"
    return None
