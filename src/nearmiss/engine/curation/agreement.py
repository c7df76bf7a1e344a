"""Inter-annotator agreement beyond chance on accepting and refusing."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

Labels = Mapping[str, str]
"""The labels of one annotator by item."""


@dataclass(frozen=True)
class Agreement:
    """`kappa` is None if it is undefined: no shared item, or one label only, so that chance agreement is 1.

    `observed` is the share of agreeing pairs of decisions (None without a shared item), `items` the number of shared
    items.
    """

    annotators: tuple[str, ...]
    items: int
    observed: float | None
    kappa: float | None


def cohen(one: Labels, other: Labels, names: tuple[str, str]) -> Agreement:
    """Cohen's kappa of two annotators over the items that both decided on (Cohen 1960, Educ. Psychol. Meas. 20:37)."""
    shared = sorted(one.keys() & other.keys())
    if not shared:
        return Agreement(names, 0, None, None)
    left, right = [one[item] for item in shared], [other[item] for item in shared]
    observed = sum(a == b for a, b in zip(left, right, strict=True)) / len(shared)
    if len({*left, *right}) == 1:
        return Agreement(names, len(shared), observed, None)
    by_one, by_other = Counter(left), Counter(right)
    chance = sum(by_one[label] * by_other[label] for label in by_one) / len(shared) ** 2
    return Agreement(names, len(shared), observed, (observed - chance) / (1 - chance))


def every_two(labels: Mapping[str, Labels]) -> list[Agreement]:
    """Cohen's kappa for each two annotators, by name."""
    return [cohen(labels[one], labels[other], (one, other)) for one, other in combinations(sorted(labels), 2)]


def all_of_them(labels: Mapping[str, Labels]) -> Agreement:
    """Fleiss' kappa over the items that every annotator decided on; undefined for fewer than two annotators."""
    names = tuple(sorted(labels))
    if len(names) < 2:
        return Agreement(names, 0, None, None)
    shared = sorted(set.intersection(*(set(each) for each in labels.values())))
    categories = sorted({label for each in labels.values() for label in each.values()})
    counted = [Counter(labels[name][item] for name in names) for item in shared]
    table = [[count[category] for category in categories] for count in counted]
    observed, kappa = fleiss(table) if table else (None, None)
    return Agreement(names, len(shared), observed, kappa)


def fleiss(table: Sequence[Sequence[int]]) -> tuple[float, float | None]:
    """Observed agreement and Fleiss' kappa (Fleiss 1971, Psychol. Bull. 76:378, equations 1 to 7).

    `table` is (subjects, categories): number of raters who put a subject into a category; every subject has the same
    number of raters, at least two. Kappa is None if one category has all ratings. Raises ValueError for another table.
    """
    raters = {sum(row) for row in table}
    if len(raters) != 1 or min(raters) < 2:
        raise ValueError("every subject needs the same number of raters, at least two")
    n, subjects = raters.pop(), len(table)
    observed = sum(sum(count * (count - 1) for count in row) for row in table) / (subjects * n * (n - 1))
    columns = [sum(column) for column in zip(*table, strict=True)]
    if max(columns) == subjects * n:
        return observed, None
    chance = sum((column / (subjects * n)) ** 2 for column in columns)
    return observed, (observed - chance) / (1 - chance)
