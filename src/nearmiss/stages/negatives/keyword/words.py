"""What the corpus says, and which of its words can take a keyword's place in a caption (Rösch et al.; our choices).

New words are those that the corpus itself uses; sizes and places give way to their opposites alone; nothing is
replaced by what it may also be.
"""

from collections import Counter
from dataclasses import dataclass
from functools import cache, cached_property
from typing import NamedTuple

from nearmiss.engine.text.inflection import is_plural, plural, singular
from nearmiss.engine.text.lexicon import hypernyms, load, opposites
from nearmiss.engine.text.spelling import lowered
from nearmiss.stages.negatives.candidates import Corpus
from nearmiss.stages.negatives.keyword.spots import Spot, spots

Choice = tuple[float, str, str]  # one by its weight, and a group and word that can take a keyword's place


class Around(NamedTuple):
    """What a caption says that decides which words read well in a keyword's place; only what its concept asks for."""

    following: str = ""
    shaded: bool = False
    definite: bool = False
    of_women: bool = False
    of_men: bool = False


_NOTHING = Around()


def around(text: str, words: frozenset[str], spot: Spot) -> Around:
    """What stands around a keyword of a caption; `words` are its words in lower case, as whitespace parts them."""
    if spot.concept == "object":
        definite = _word_before(text, spot) in _definite()
        women, men = _pronouns()
        return Around("", False, definite, not women.isdisjoint(words), not men.isdisjoint(words))
    if spot.concept == "color":
        return Around(shaded=_word_before(text, spot) in load("color")["shades"])
    if spot.concept == "size":
        rest = text[spot.end :].split(maxsplit=1)
        return Around(lowered(rest[0]).strip(".,") if rest else "")
    return _NOTHING


def _word_before(text: str, spot: Spot) -> str:
    """The word before a keyword, as whitespace parts them, in lower case; "" where there is none."""
    before = text[: spot.start].rsplit(maxsplit=1)
    return lowered(before[-1]) if before else ""


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
                counts.setdefault((spot.concept, spot.group, spot.plural), Counter())[lowered(spot.text)] += 1
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
    def _known(self) -> dict[tuple[str, str, bool, str, Around], list[Choice]]:
        return {}

    def choices(self, spot: Spot, place: Around) -> list[Choice]:
        """What can take a keyword's place here, sorted by group."""
        key = (spot.concept, spot.group, spot.plural, lowered(spot.text), place)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = [
                (1 / max(self.uses(spot.concept, group), 1), group, word)
                for group, word in _fitting(self._replacements(spot, place.following), spot, place)
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
        pair = load("size")["pairs"].get(lowered(spot.text))
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
    if len(old) == len(new) and lowered(spot.text) in old:
        return str(new[old.index(lowered(spot.text))])
    return "on top of" if group == "on" else str(new[0])


def _related(one: str, other: str) -> bool:
    """Whether something may be both: the same, or one a kind of the other."""
    return one == other or one in hypernyms(other) or other in hypernyms(one)


@cache
def relatives(group: str) -> frozenset[str]:
    """All groups that something of this group may belong to as well."""
    return frozenset([group, *(other for other in load("object")["groups"] if _related(group, other))])


def _fitting(known: list[tuple[str, str]], spot: Spot, place: Around) -> list[tuple[str, str]]:
    """Without what would not read: colors that have no shades after a word for a shade ("dark white"), a woman for a
    man of whom the caption says "he", and luggage where there was one suitcase."""
    if spot.concept == "object":
        return [(group, word) for group, word in known if _agrees(group, word, spot, place)]
    if not place.shaded:
        return known
    return [(group, word) for group, word in known if group not in load("color")["without_shades"]]


def _agrees(group: str, word: str, spot: Spot, place: Around) -> bool:
    lexicon = load("object")
    for sex, other, told in (("female", "male", place.of_women), ("male", "female", place.of_men)):
        if told and spot.group in lexicon[sex] and group in lexicon[other]:
            return False
    return place.definite or (lowered(spot.text) in lexicon["mass"]) == (word in lexicon["mass"])


@cache
def _pronouns() -> tuple[frozenset[str], frozenset[str]]:
    grammar = load("grammar")
    return frozenset(grammar["of_women"]), frozenset(grammar["of_men"])


@cache
def _definite() -> frozenset[str]:
    return frozenset(("the", *load("grammar")["possessives"]))
