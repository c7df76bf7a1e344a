"""The value of a statement under its best reading: different mentions are different objects.

A reading assigns an object to each mention; its value is that of the conjunction of all parts: each mention matches
its object, each relation holds. Three searches for an assignment (assignment.py) give the exact value of the best
reading: is any reading not false, is one true, has one that is not false an undefined part?
"""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from functools import cache, partial
from typing import NamedTuple

from nearmiss.engine.text.assignment import Constraint, Steps, Table, assignable, bits
from nearmiss.engine.text.truth_values import Truth, every

Relation = tuple[int, str, int]  # subject, predicate, object
Holds = Callable[[int, str, int], Truth]


def best_reading(
    fits: Sequence[Sequence[Truth]],
    unmarked: Sequence[Truth],
    relations: Sequence[Relation],
    holds: Holds,
    looks: Sequence[Hashable],
    steps: Steps,
) -> Truth:
    """The largest value over all readings.

    `fits[m][i]`: whether mention m matches object i; `unmarked[m]`: whether it matches an object without an annotation;
    enough of those exist, without known relations. `relations` are between mentions; `holds(i, predicate, j)` is the
    value of a relation between objects. `holds` must be equal for objects with equal `looks`. Raises TooManyStepsError
    where the searches take more than `steps`.
    """
    if len(fits) == 1 and not relations:
        return max([*fits[0], unmarked[0]])
    fits, unmarked = _with_loops(fits, unmarked, relations, holds)
    kept, classes = _needed(fits, looks)
    domains = _domains(fits, unmarked, kept)
    classes += range(len(classes), len(kept) + sum(map(bool, unmarked)))
    possible = [sets.possible for sets in domains]
    if not assignable(possible, [], classes, steps):
        return Truth.FALSE
    # Relations with one predicate between equal domains share a table.
    table = cache(partial(_tables, kept=kept, size=len(classes), holds=cache(holds)))
    tables = {
        (subject, predicate, other): table(predicate, domains[subject], domains[other])
        for subject, predicate, other in relations
        if subject != other
    }
    allowed = [Constraint(subject, other, each.possible) for (subject, _, other), each in tables.items()]
    if tables and not assignable(possible, allowed, classes, steps):
        return Truth.FALSE
    holding = [Constraint(subject, other, each.true) for (subject, _, other), each in tables.items()]
    if assignable([sets.true for sets in domains], holding, classes, steps):
        return Truth.TRUE
    for mention, sets in enumerate(domains):
        narrowed = [*possible[:mention], sets.undefined, *possible[mention + 1 :]]
        if sets.undefined and assignable(narrowed, allowed, classes, steps):
            return Truth.UNDEFINED
    for at, ((subject, _, other), each) in enumerate(tables.items()):
        strict = [*allowed[:at], Constraint(subject, other, each.undefined), *allowed[at + 1 :]]
        if any(each.undefined.rows) and assignable(possible, strict, classes, steps):
            return Truth.UNDEFINED
    return Truth.UNKNOWN


class _Sets(NamedTuple):
    """The objects for which a part is not false, undefined, true; bit i is the i-th kept object."""

    possible: int
    undefined: int
    true: int


class _Tables(NamedTuple):
    """The same of the pairs of objects of a relation."""

    possible: Table
    undefined: Table
    true: Table


def _with_loops(
    fits: Sequence[Sequence[Truth]], unmarked: Sequence[Truth], relations: Sequence[Relation], holds: Holds
) -> tuple[list[Sequence[Truth]], list[Truth]]:
    """The matches of mentions, combined with the relations of each to itself."""
    found, free = list(fits), list(unmarked)
    for mention in sorted({subject for subject, _, other in relations if subject == other}):
        own = [predicate for subject, predicate, other in relations if subject == other == mention]
        found[mention] = [
            every([value, *(holds(at, each, at) for each in own)]) for at, value in enumerate(fits[mention])
        ]
        free[mention] = every([unmarked[mention], Truth.UNKNOWN])
    return found, free


def _needed(fits: Sequence[Sequence[Truth]], looks: Sequence[Hashable]) -> tuple[list[int], list[int]]:
    """Objects that determine the value, and the class of each: at most as many interchangeable ones as mentions."""
    numbers: dict[Hashable, int] = {}
    found: Counter[int] = Counter()
    kept, classes = [], []
    for at, look in enumerate(looks):
        column = tuple(values[at] for values in fits)
        if not any(column):
            continue
        number = numbers.setdefault((look, column), len(numbers))
        found[number] += 1
        if found[number] <= len(fits):
            kept.append(at)
            classes.append(number)
    return kept, classes


def _domains(fits: Sequence[Sequence[Truth]], unmarked: Sequence[Truth], kept: Sequence[int]) -> list[_Sets]:
    """The objects of each mention. After the kept ones follows one for each mention that may be unmarked."""
    found = []
    following = len(kept)
    for values, free in zip(fits, unmarked, strict=True):
        sets = dict.fromkeys(Truth, 0)
        for at, obj in enumerate(kept):
            sets[values[obj]] |= 1 << at
        if free:
            sets[free] |= 1 << following
            following += 1
        undefined, true = sets[Truth.UNDEFINED], sets[Truth.TRUE]
        found.append(_Sets(sets[Truth.UNKNOWN] | undefined | true, undefined, true))
    return found


def _tables(predicate: str, subjects: _Sets, others: _Sets, kept: Sequence[int], size: int, holds: Holds) -> _Tables:
    """The values of a relation between different objects of two mentions; of unmarked objects they are unknown."""
    unmarked = (1 << size) - (1 << len(kept))
    possible, undefined, true = [0] * size, [0] * size, [0] * size
    for i in bits(subjects.possible):
        possible[i] = others.possible & unmarked if i < len(kept) else others.possible
        for j in bits(others.possible & ~unmarked & ~(1 << i)) if i < len(kept) else ():
            value = holds(kept[i], predicate, kept[j])
            possible[i] |= (value is not Truth.FALSE) << j
            undefined[i] |= (value is Truth.UNDEFINED) << j
            true[i] |= (value is Truth.TRUE) << j
    return _Tables(Table.of(possible), Table.of(undefined), Table.of(true))
