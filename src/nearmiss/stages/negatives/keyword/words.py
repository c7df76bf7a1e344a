"""Word counts of the corpus, and the words that can replace a keyword of a caption (Rösch et al.; our choices).

New words occur in the corpus; sizes and locations are replaced only by their opposites; no word is replaced by one that
may describe the same object.
"""

from collections import Counter
from dataclasses import dataclass
from functools import cache, cached_property
from typing import NamedTuple

from nearmiss.engine.text.inflection import is_plural, plural, singular
from nearmiss.engine.text.lexicon import hypernyms, interchangeable, load, opposites
from nearmiss.engine.text.spelling import lowered
from nearmiss.stages.negatives.candidates import Corpus
from nearmiss.stages.negatives.keyword.matching import Keyword, count_keywords


class Choice(NamedTuple):
    """A possible replacement of a keyword, with what the lexicons say of the two words."""

    group: str
    word: str
    interchangeable: bool  # both can describe one object
    related: frozenset[tuple[str, str]]  # (concept, group) of what an object of the group may also be


class Choices(NamedTuple):
    """Possible replacements of a keyword, and 1 / weight of each."""

    words: list[Choice]
    powers: list[float]


class Context(NamedTuple):
    """Context of a keyword that restricts its replacements; only the fields of its concept are set."""

    following: str = ""
    shaded: bool = False
    definite: bool = False
    of_women: bool = False
    of_men: bool = False


_NO_CONTEXT = Context()


def context_of(text: str, words: frozenset[str], keyword: Keyword) -> Context:
    """Context of a keyword of a caption; `words` are the whitespace-separated words of the caption in lower case."""
    if keyword.concept == "object":
        definite = _word_before(text, keyword) in _definite()
        women, men = _pronouns()
        return Context("", False, definite, not women.isdisjoint(words), not men.isdisjoint(words))
    if keyword.concept == "color":
        return Context(shaded=_word_before(text, keyword) in load("color")["shades"])
    if keyword.concept == "size":
        rest = text[keyword.end :].split(maxsplit=1)
        return Context(lowered(rest[0]).strip(".,") if rest else "")
    return _NO_CONTEXT


def _word_before(text: str, keyword: Keyword) -> str:
    """The whitespace-separated word before a keyword in lower case; "" where there is none."""
    before = text[: keyword.start].rsplit(maxsplit=1)
    return lowered(before[-1]) if before else ""


@dataclass(frozen=True)
class WordCounts:
    """Counts of the words of each (concept, group, plural) in the corpus."""

    counts: dict[tuple[str, str, bool], Counter[str]]

    @classmethod
    def of(cls, corpus: Corpus) -> "WordCounts":
        """Counted over all captions."""
        return cls(count_keywords(caption.text for caption in corpus.captions))

    @cached_property
    def _totals(self) -> Counter[tuple[str, str]]:
        totals: Counter[tuple[str, str]] = Counter()
        for (concept, group, _), counts in self.counts.items():
            totals[concept, group] += counts.total()
        return totals

    def count(self, concept: str, group: str) -> int:
        """How often the corpus mentions the group."""
        return self._totals[concept, group]

    def most_frequent(self, concept: str, group: str, plural_form: bool = False) -> str:
        """The most frequent word of a group in this number; ties are broken alphabetically."""
        counts = self.counts.get((concept, group, plural_form))
        if counts:
            return min(counts, key=lambda word: (-counts[word], word))
        if concept != "object":
            return str(load(concept)["groups"][group][0])
        other = self.counts.get((concept, group, not plural_form))
        word = min(other, key=lambda word: (-other[word], word)) if other else group
        return plural(singular(word)) if plural_form else singular(word)

    @cached_property
    def _known(self) -> dict[tuple[str, str, bool, str, Context], Choices]:
        return {}

    def choices(self, keyword: Keyword, context: Context) -> Choices:
        """Possible replacements of a keyword in a context, sorted by group."""
        key = (keyword.concept, keyword.group, keyword.plural, lowered(keyword.text), context)
        known = self._known.get(key)
        if known is None:
            words = _fitting(self._replacements(keyword, context.following), keyword, context)
            powers = [1 / max(self.count(keyword.concept, group), 1) for group, _ in words]
            known = self._known[key] = Choices([_choice(keyword, *each) for each in words], powers)
        return known

    def _replacements(self, keyword: Keyword, following: str) -> list[tuple[str, str]]:
        if keyword.concept == "object":
            return [(group, self.most_frequent("object", group, keyword.plural)) for group in self._objects(keyword)]
        if keyword.concept == "color":
            known = load("color")["groups"].keys() - set(load("color")["never_new"]) - {keyword.group}
            return [
                (group, self.most_frequent("color", group)) for group in sorted(known) if self.count("color", group)
            ]
        if keyword.concept == "size":
            return [(group, self._size(keyword, group)) for group in _size_opposites(keyword.group, following)]
        return [(group, _location_phrase(keyword, group)) for group in opposites("location").get(keyword.group, ())]

    def _objects(self, keyword: Keyword) -> list[str]:
        """Other groups of the same kind (of several kinds the most frequent one), without related groups."""
        groups = load("object")["groups"]
        kinds = groups[keyword.group]["kinds"]
        pools = [self._pool(keyword, kind) for kind in kinds]
        pools = [pool for pool in pools if pool] or [self._pool(keyword, load("object")["beside"].get(kinds[0], ""))]
        return max(pools, key=lambda pool: sum(self.count("object", group) for group in pool))

    def _pool(self, keyword: Keyword, kind: str) -> list[str]:
        groups = load("object")["groups"]
        fit = [name for name, entry in groups.items() if kind in entry["kinds"] and not _related(name, keyword.group)]
        return sorted(name for name in fit if self.count("object", name) and self._has(name, keyword.plural))

    def _has(self, group: str, plural_form: bool) -> bool:
        """Whether the group has a singular word ("skis" has none: "a skis")."""
        return plural_form or not is_plural(self.most_frequent("object", group))

    def _size(self, keyword: Keyword, group: str) -> str:
        """The word of the same register ("tiny": "huge") where the corpus has it, else the most frequent one."""
        pair = load("size")["pairs"].get(lowered(keyword.text))
        counts = self.counts.get(("size", group, False), Counter())
        return pair if pair in counts else self.most_frequent("size", group)


def _size_opposites(group: str, following: str) -> list[str]:
    """The opposites; "short" is the opposite of "tall" or "long", depending on the following word."""
    found = list(opposites("size")[group])
    if group == "short":
        upright = following in load("size")["long_or_tall"]
        return [other for other in found if (other == "tall") == upright]
    return found


def _location_phrase(keyword: Keyword, group: str) -> str:
    """The opposite phrase in the same form ("left of": "right of") where there is one."""
    location = load("location")
    lists = location["relations"] if group in location["relations"] else location["halves"]
    old, new = lists[keyword.group], lists[group]
    if len(old) == len(new) and lowered(keyword.text) in old:
        return str(new[old.index(lowered(keyword.text))])
    return "on top of" if group == "on" else str(new[0])


def _related(one: str, other: str) -> bool:
    """Whether an object may belong to both groups: equal, or one a hypernym of the other."""
    return one == other or one in hypernyms(other) or other in hypernyms(one)


@cache
def related_concepts(concept: str, group: str) -> frozenset[tuple[str, str]]:
    """(concept, group) of all groups that an object of this group may also belong to."""
    return frozenset([(concept, other) for other in (group, *load("object")["groups"]) if _related(group, other)])


def _choice(keyword: Keyword, group: str, word: str) -> Choice:
    concept = keyword.concept
    near = concept in ("color", "object") and (keyword.group, group) in interchangeable(concept)
    return Choice(group, word, near, related_concepts(concept, group))


def _fitting(known: list[tuple[str, str]], keyword: Keyword, context: Context) -> list[tuple[str, str]]:
    """Remove replacements that do not fit the context: colors without shades after a word for a shade ("dark white"), a
    woman for a man that the caption refers to as "he", and luggage for one suitcase."""
    if keyword.concept == "object":
        return [(group, word) for group, word in known if _agrees(group, word, keyword, context)]
    if not context.shaded:
        return known
    return [(group, word) for group, word in known if group not in load("color")["without_shades"]]


def _agrees(group: str, word: str, keyword: Keyword, context: Context) -> bool:
    lexicon = load("object")
    for sex, other, pronoun_used in (("female", "male", context.of_women), ("male", "female", context.of_men)):
        if pronoun_used and keyword.group in lexicon[sex] and group in lexicon[other]:
            return False
    return context.definite or (lowered(keyword.text) in lexicon["mass"]) == (word in lexicon["mass"])


@cache
def _pronouns() -> tuple[frozenset[str], frozenset[str]]:
    grammar = load("grammar")
    return frozenset(grammar["of_women"]), frozenset(grammar["of_men"])


@cache
def _definite() -> frozenset[str]:
    return frozenset(("the", *load("grammar")["possessives"]))
