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
from typing import Any, NamedTuple

from nearmiss.base.progress import progress
from nearmiss.base.seeding import rng
from nearmiss.engine.text.edits import Edit, apply, diff, exchanged
from nearmiss.engine.text.inflection import is_plural, plural, singular
from nearmiss.engine.text.lexicon import hypernyms, load, near, opposites
from nearmiss.stages.negatives.candidates import Candidate, Caption, Corpus, Method, Outcome, Rejected
from nearmiss.stages.negatives.keyword_spots import Spot, mentioned_by, spots


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
    def _known(self) -> "dict[tuple[str, str, bool, str, Around], list[Choice]]":
        return {}

    def choices(self, spot: Spot, around: "Around") -> "list[Choice]":
        """What can take a keyword's place here, sorted by group."""
        key = (spot.concept, spot.group, spot.plural, spot.text.lower(), around)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = [
                (1 / max(self.uses(spot.concept, group), 1), group, word)
                for group, word in _fitting(self._replacements(spot, around.following), spot, around)
            ]
        return known

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


@cache
def _relatives(group: str) -> frozenset[str]:
    """All groups that something of this group may belong to as well."""
    return frozenset([group, *(other for other in load("object")["groups"] if _related(group, other))])


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


Choice = tuple[float, str, str]  # one by its weight, and a group and word that can take a keyword's place
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
    low = text.lower()
    words_of_text = frozenset(low.split())
    for spot in found:
        known = words.choices(spot, _around(low, words_of_text, spot))
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
    return [(group, word) for _, group, word in sorted([(draw() ** power, group, word) for power, group, word in known])]


class Around(NamedTuple):
    """What a caption says that decides which words read well in a keyword's place; only what its concept asks for."""

    following: str = ""
    shaded: bool = False
    definite: bool = False
    of_women: bool = False
    of_men: bool = False


_NOTHING = Around()


def _around(low: str, words: frozenset[str], spot: Spot) -> Around:
    """`low` is the caption in lower case, `words` its words as whitespace parts them."""
    if spot.concept == "object":
        before = low[: spot.start].split()[-1:]
        definite = bool(before) and before[0] in _definite()
        women, men = _pronouns()
        return Around("", False, definite, not women.isdisjoint(words), not men.isdisjoint(words))
    if spot.concept == "color":
        return Around(shaded=low[: spot.start].split()[-1:] in _shades())
    if spot.concept == "size":
        rest = low[spot.end :].split()
        return Around(rest[0].strip(".,") if rest else "")
    return _NOTHING


def _fitting(known: list[tuple[str, str]], spot: Spot, around: Around) -> list[tuple[str, str]]:
    """Without what would not read: colors that have no shades after a word for a shade ("dark white"), a woman for a
    man of whom the caption says "he", and luggage where there was one suitcase."""
    if spot.concept == "object":
        return [(group, word) for group, word in known if _agrees(group, word, spot, around)]
    if not around.shaded:
        return known
    return [(group, word) for group, word in known if group not in load("color")["without_shades"]]


def _agrees(group: str, word: str, spot: Spot, around: Around) -> bool:
    lexicon = load("object")
    for sex, other, told in (("female", "male", around.of_women), ("male", "female", around.of_men)):
        if told and spot.group in lexicon[sex] and group in lexicon[other]:
            return False
    return around.definite or (spot.text.lower() in lexicon["mass"]) == (word in lexicon["mass"])


@cache
def _pronouns() -> tuple[frozenset[str], frozenset[str]]:
    grammar = load("grammar")
    return frozenset(grammar["of_women"]), frozenset(grammar["of_men"])


@cache
def _definite() -> frozenset[str]:
    return frozenset(("the", *load("grammar")["possessives"]))


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
    own = mentioned_by(corpus.own_texts(caption.image_id))
    if any((spot.concept, other) in own for spot, group, _ in offers for other in _relatives(group)):
        return "the image's captions use the word, and no annotation decides"
    return None
