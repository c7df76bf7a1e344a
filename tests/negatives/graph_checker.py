"""Decides HNC's sentences from raw GQA JSON, by patterns of its own: shares no code with the generator.

A sentence may be read in several ways ("the ball on the red table"): a positive must be true in one of them, a negative
false in all. Closed world, by exact names: what the JSON does not say is false.
"""

import re
from collections.abc import Iterator
from itertools import product
from typing import Any

NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
CONVERSE = {"to the left of": "to the right of", "above": "below", "in front of": "behind", "near": "near"}
CONVERSE |= {b: a for a, b in CONVERSE.items()}
# Predicates that foils may use and a file of graphs may lack.
FURTHER = {"under", "beneath", "over", "on", "on top of", "above", "inside", "outside", "followed by", "following"}
FURTHER |= {f"{posture} {place}" for posture in ("standing", "sitting") for place in ("on", "under", "behind")}
FURTHER |= {f"{posture} in front of" for posture in ("standing", "sitting")}
IRREGULAR = {"man": "men", "woman": "women", "person": "people", "child": "children", "foot": "feet", "goose": "geese"}

Raw = dict[str, Any]
Phrase = tuple[str, frozenset[str]]  # a name and its stated attributes


def plurals(name: str) -> set[str]:
    """All that the plural of a name may be."""
    head, space, last = name.rpartition(" ")
    forms = {last, last + "s", last + "es", re.sub("y$", "ies", last), re.sub("fe?$", "ves", last)}
    forms |= {re.sub(f"{one}$", many, last) for one, many in IRREGULAR.items()}
    return {head + space + form for form in forms}


class GraphChecker:
    """Reads sentences by the words of a file of scene graphs, and decides them for one of its images."""

    def __init__(self, graphs: dict[str, Raw]) -> None:
        self.graphs = graphs
        things = [thing for graph in graphs.values() for thing in graph["objects"].values()]
        self.names = {thing["name"] for thing in things}
        self.attributes = {value for thing in things for value in thing["attributes"]}
        self.predicates = {relation["name"] for thing in things for relation in thing["relations"]}
        self.predicates |= CONVERSE.keys() | FURTHER

    def faults(self, image_id: str, positive: str, negative: str) -> list[str]:
        """What is wrong with a pair: nothing, where the first sentence is true and the second is not."""
        found = []
        for label, sentence in (("positive", positive), ("negative", negative)):
            values = list(self.readings(self.graphs[image_id], sentence, apart=label == "positive"))
            if not values:
                found.append(f"{label} unread: {sentence}")
            elif any(values) != (label == "positive"):
                found.append(f"{label} {'true' if any(values) else 'false'}: {sentence}")
        return found

    def readings(self, graph: Raw, sentence: str, *, apart: bool = False) -> Iterator[bool]:
        """The truth of each reading. `apart`: the two objects of "both" must be different."""
        stated = sentence.removesuffix(".")
        for pattern, decide in (
            (r"There are (more|fewer) (.+) than (.+)", self._compared),
            (r"There are (as many) (.+) as (.+)", self._compared),
            (r"There (?:is|are) (at least one|some|no) (.+?) that (?:is|are) (.+)", self._exists),
            (r"There (?:is|are) (either|both) (.+) (?:or|and) (.+)", self._joined),
            (r"The (.+?) (?:is|are) (either|both) (.+) (?:or|and) (.+)", self._of_one_subject),
            (r"The (.+?) (?:is|are) (.+) (either) (.+) or (.+)", self._to_one_of_two),
            (r"There (?:is|are) (\w+) (.+)", self._counted),
            (r"The (.+?) (?:is|are) (.+)", self._is),
        ):
            match = re.fullmatch(pattern, stated)
            if match:
                yield from decide(graph, *match.groups(), apart=apart)
                return

    def _compared(self, graph: Raw, comparator: str, one: str, other: str, *, apart: bool) -> Iterator[bool]:
        for first, second in product(self._plural(one), self._plural(other)):
            a, b = (sum(thing["name"] == name for thing in graph["objects"].values()) for name in (first, second))
            yield {"more": a > b, "fewer": a < b, "as many": a == b}[comparator]

    def _counted(self, graph: Raw, number: str, noun: str, *, apart: bool) -> Iterator[bool]:
        names = [noun] if number == "one" and noun in self.names else self._plural(noun)
        for name in names if number in NUMBERS else []:
            yield sum(thing["name"] == name for thing in graph["objects"].values()) == NUMBERS.index(number)

    def _exists(self, graph: Raw, quantity: str, noun: str, stated: str, *, apart: bool) -> Iterator[bool]:
        for value in self._is(graph, noun, stated, apart=apart):
            yield value != (quantity == "no")

    def _is(self, graph: Raw, noun: str, stated: str, *, apart: bool) -> Iterator[bool]:
        for phrase in self._phrases(noun):
            if stated in self.attributes:
                yield bool(self._fitting(graph, (phrase[0], phrase[1] | {stated})))
            for predicate, thing in self._places(stated):
                yield self._related(graph, phrase, predicate, thing)

    def _of_one_subject(self, graph: Raw, noun: str, join: str, one: str, other: str, *, apart: bool) -> Iterator[bool]:
        for first in self._is(graph, noun, one, apart=apart):
            for second in self._is(graph, noun, other, apart=apart):
                yield (first and second) if join == "both" else first != second

    def _to_one_of_two(
        self, graph: Raw, noun: str, predicate: str, join: str, one: str, other: str, *, apart: bool
    ) -> Iterator[bool]:
        yield from self._of_one_subject(graph, noun, join, f"{predicate} {one}", f"{predicate} {other}", apart=apart)

    def _joined(self, graph: Raw, join: str, one: str, other: str, *, apart: bool) -> Iterator[bool]:
        one, other = (re.sub(r"^an? ", "", half) for half in (one, other))
        for first, second in product(self._things(graph, one, other), self._things(graph, other)):
            different = not apart or len(first | second) > 1 or not first
            yield (bool(first and second) and different) if join == "both" else bool(first) != bool(second)

    def _things(self, graph: Raw, half: str, behind: str = "") -> Iterator[set[str]]:
        """Things of which a half of "both" or "either" is true; it may share its end with the half behind it."""
        for phrase in self._phrases(half):
            yield self._fitting(graph, phrase)
        for cut in [match.start() for match in re.finditer(" ", half)]:
            yield from self._things_in_place(graph, half[:cut], half[cut + 1 :])
        if not self._is_whole(half):
            for name in [name for name, _ in self._phrases(behind)]:
                yield from (self._fitting(graph, phrase) for phrase in self._phrases(f"{half} {name}"))
            return
        for cut in [match.start() for match in re.finditer(" ", behind)] if " the " not in half else []:
            if any(self._phrases(behind[:cut])):
                yield from self._things_in_place(graph, half, behind[cut + 1 :])

    def _is_whole(self, half: str) -> bool:
        return any(half == name or half.endswith(f" {name}") or f"{name} " in half for name in self.names)

    def _things_in_place(self, graph: Raw, noun: str, place: str) -> Iterator[set[str]]:
        for phrase, (predicate, thing) in product(list(self._phrases(noun)), list(self._places(place))):
            fits = self._fitting(graph, phrase)
            yield {each for each in fits if self._stands(graph, each, predicate, self._fitting(graph, thing))}

    def _related(self, graph: Raw, subject: Phrase, predicate: str, thing: Phrase) -> bool:
        others = self._fitting(graph, thing)
        return any(self._stands(graph, one, predicate, others) for one in self._fitting(graph, subject))

    def _stands(self, graph: Raw, one: str, predicate: str, others: set[str]) -> bool:
        """Whether an object has a relation to one of others, as annotated at either end."""
        annotated = {(r["name"], r["object"]) for r in graph["objects"][one]["relations"]}
        back = CONVERSE.get(predicate)
        return any(
            other != one and ((predicate, other) in annotated or _tells(graph["objects"][other], back, one))
            for other in others
        )

    def _places(self, stated: str) -> Iterator[tuple[str, Phrase]]:
        for predicate in self.predicates:
            if stated.startswith(f"{predicate} the "):
                for thing in self._phrases(stated.removeprefix(f"{predicate} the ")):
                    yield predicate, thing

    def _phrases(self, stated: str) -> list[Phrase]:
        """(name, attributes) of a noun phrase, in every reading."""
        found = []
        for name in self.names:
            if stated == name or stated.endswith(f" {name}"):
                before = stated[: len(stated) - len(name)].strip()
                found += [(name, frozenset(values)) for values in self._split(before)]
        return found

    def _split(self, stated: str) -> Iterator[tuple[str, ...]]:
        if not stated:
            yield ()
        for value in self.attributes:
            if stated == value or stated.startswith(f"{value} "):
                for rest in self._split(stated.removeprefix(value).strip()):
                    yield value, *rest

    def _plural(self, noun: str) -> list[str]:
        exact = [name for name in self.names if noun in plurals(name) and noun != name]
        return exact or [name for name in self.names if noun == name]

    def _fitting(self, graph: Raw, phrase: Phrase) -> set[str]:
        name, values = phrase
        return {
            object_id
            for object_id, thing in graph["objects"].items()
            if thing["name"] == name and values <= set(thing["attributes"])
        }


def _tells(thing: Raw, predicate: str | None, other: str) -> bool:
    return any(relation["name"] == predicate and relation["object"] == other for relation in thing["relations"])
