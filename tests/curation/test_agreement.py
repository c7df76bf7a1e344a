"""Kappas, against published tables and against the definitions worked out in another way."""

import json
from itertools import product
from pathlib import Path
from random import Random

import pytest

from nearmiss.engine.curation.agreement import all_of_them, cohen, every_two, fleiss

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "kappas.json").read_text())


def labeled(counts: list[list[int]]) -> tuple[dict[str, str], dict[str, str]]:
    """Two annotators whose labels cross as in a table of counts."""
    cells = [
        (str(row), str(column)) for row, line in enumerate(counts) for column, n in enumerate(line) for _ in range(n)
    ]
    return {str(i): one for i, (one, _) in enumerate(cells)}, {str(i): other for i, (_, other) in enumerate(cells)}


def test_cohen_1960_example():
    golden = GOLDEN["cohen_1960"]
    found = cohen(*labeled(golden["counts"]), ("anna", "ben"))
    assert (found.items, found.observed) == (200, pytest.approx(golden["observed"]))
    assert round(found.kappa, 3) == golden["kappa"]


def test_fleiss_1971_example():
    golden = GOLDEN["fleiss_1971"]
    observed, kappa = fleiss(golden["counts"])
    assert round(observed, 3) == golden["observed"]
    assert round(kappa, 3) == golden["kappa"]


def test_cohens_kappa_by_counting_pairs_of_labels():
    """Chance agreement as the share of all pairs of a label of one and a label of the other that are equal."""
    draw = Random(3)
    for _ in range(20):
        one = {str(i): draw.choice("aaar") for i in range(17)}
        other = {str(i): draw.choice("aar") for i in range(17)}
        observed = sum(one[i] == other[i] for i in one) / 17
        chance = sum(a == b for a, b in product(one.values(), other.values())) / 17**2
        assert cohen(one, other, ("a", "b")).kappa == pytest.approx((observed - chance) / (1 - chance))


def test_fleiss_kappa_by_counting_pairs_of_labels():
    """Observed: pairs of raters of an item. Chance: pairs of any two labels, drawn with replacement."""
    draw = Random(4)
    for _ in range(20):
        rated = [[draw.choice("aaar") for _ in range(4)] for _ in range(11)]
        pairs = [one == other for row in rated for i, one in enumerate(row) for j, other in enumerate(row) if i != j]
        every = [label for row in rated for label in row]
        chance = sum(one == other for one, other in product(every, every)) / len(every) ** 2
        observed = sum(pairs) / len(pairs)
        found = fleiss([[row.count("a"), row.count("r")] for row in rated])
        assert found == (pytest.approx(observed), pytest.approx((observed - chance) / (1 - chance)))


def test_items_without_all_decisions_are_excluded():
    one, other = {"1": "accept", "2": "refuse", "3": "accept"}, {"1": "accept", "2": "refuse", "4": "refuse"}
    assert (cohen(one, other, ("a", "b")).items, cohen(one, other, ("a", "b")).kappa) == (2, 1.0)
    assert (all_of_them({"a": one, "b": other}).items, all_of_them({"a": one, "b": other}).kappa) == (2, 1.0)


def test_kappa_is_undefined_for_equal_decisions():
    same = {"1": "accept", "2": "accept"}
    assert (cohen(same, same, ("a", "b")).observed, cohen(same, same, ("a", "b")).kappa) == (1.0, None)
    assert (all_of_them({"a": same, "b": same}).observed, all_of_them({"a": same, "b": same}).kappa) == (1.0, None)


@pytest.mark.parametrize("labels", [{}, {"a": {"1": "accept"}}, {"a": {"1": "accept"}, "b": {"2": "accept"}}])
def test_there_is_no_agreement_without_a_shared_item(labels):
    found = all_of_them(labels)
    assert (found.items, found.observed, found.kappa) == (0, None, None)


def test_every_two_annotators_are_compared_by_name():
    labels = {name: {"1": "accept"} for name in ("cleo", "anna", "ben")}
    assert [each.annotators for each in every_two(labels)] == [("anna", "ben"), ("anna", "cleo"), ("ben", "cleo")]


@pytest.mark.parametrize("table", [[[1, 0]], [[2, 0], [2, 1]]])
def test_subjects_with_too_few_or_unequal_raters_are_refused(table):
    with pytest.raises(ValueError, match="same number of raters"):
        fleiss(table)
