"""Corrupted against clean values of the same items: the drop, and the share above chance that is retained."""

from dataclasses import replace

import polars as pl
import pytest

from nearmiss.engine.scoring import metrics
from nearmiss.engine.scoring.endpoints import OUTCOMES, ordered
from nearmiss.engine.scoring.metrics import NO_REFERENCES, Bootstrap, Run

RUN = Run("toy", "hnc", 0, "robustness", "test")


def outcomes(values, *, concept="relation", operator="reverse", first=0):
    """One item a value, four decisions each, every item a cluster of its own."""
    return pl.DataFrame(
        {
            "benchmark": "world",
            "subset": "2x2",
            "concept": concept,
            "operator": operator,
            "condition": "iid",
            "task": None,
            "metric": "accuracy",
            "item_id": [f"{concept}-{first + number:03d}" for number in range(len(values))],
            "cluster": range(first, first + len(values)),
            "value": values,
            "weight": 4.0,
            "ties": 0,
            "chance": 0.5,
        },
        schema_overrides=OUTCOMES,
    ).select(OUTCOMES.names())


def figures(noisy, clean, floor=0.2):
    rows = metrics.corrupted_rows(
        noisy,
        clean,
        RUN,
        Bootstrap(resamples=200, level=0.95),
        replace(NO_REFERENCES, trained=frozenset({("relation", "reverse")})),
        corruption="contrast",
        severity=3,
        floor=floor,
    )
    return {row["metric"]: row for row in rows.iter_rows(named=True)}


def test_a_drop_of_a_quarter_on_every_item():
    found = figures(outcomes([3.0] * 30), outcomes([4.0] * 30))
    assert found["accuracy"]["value"] == pytest.approx(0.75)
    assert (
        found["accuracy_drop"]["low"],
        found["accuracy_drop"]["value"],
        found["accuracy_drop"]["high"],
    ) == pytest.approx([0.25] * 3)
    assert found["retained"]["value"] == pytest.approx(0.5)
    assert {(row["corruption"], row["severity"], row["trained"]) for row in found.values()} == {("contrast", 3, "seen")}


def test_the_drop_is_paired():
    """Half of the questions right, the same half under noise: accuracies are wide, their difference is nothing."""
    mixed = outcomes([4.0, 2.0] * 20)
    found = figures(mixed, mixed)
    assert found["accuracy"]["low"] < found["accuracy"]["high"]
    assert (found["accuracy_drop"]["low"], found["accuracy_drop"]["high"]) == (0.0, 0.0)
    assert (found["retained"]["low"], found["retained"]["value"], found["retained"]["high"]) == (1.0, 1.0, 1.0)


def test_an_unpaired_drop_has_a_wider_interval():
    """The planted fault of the test above: the same values for other questions are no pair."""
    found = figures(outcomes([4.0, 2.0] * 20), outcomes([2.0, 4.0] * 20))
    assert found["accuracy_drop"]["value"] == 0
    assert found["accuracy_drop"]["low"] < -0.1 and found["accuracy_drop"]["high"] > 0.1


@pytest.mark.parametrize(("clean", "given"), [([2.0, 3.0] * 20, False), ([4.0, 3.0] * 20, True)])
def test_retained_is_not_given_near_chance(clean, given):
    found = figures(outcomes([2.0] * 40), outcomes(clean))
    assert ("retained" in found) == given
    assert "accuracy_drop" in found


def test_retained_is_negative_below_chance():
    assert figures(outcomes([1.0] * 30), outcomes([4.0] * 30))["retained"]["value"] == pytest.approx(-0.5)


def test_only_common_items_are_compared():
    """A corruption may destroy a part of a pooled endpoint: its clean metric is then that of the remaining part."""
    colors = outcomes([0.0] * 20, concept="binding", operator="swap", first=100)
    sizes = outcomes([4.0] * 20, concept="binding", operator="swap")
    found = figures(sizes, ordered([sizes, colors]))
    assert found["accuracy_drop"]["value"] == 0
    assert (found["accuracy_drop"]["n_scored"], found["accuracy_drop"]["n_expected"]) == (20, 40)


def test_a_difference_has_neither_chance_nor_blind():
    found = figures(outcomes([3.0] * 30), outcomes([4.0] * 30))
    assert found["accuracy"]["chance"] == 0.5
    assert found["accuracy_drop"]["chance"] is None and found["retained"]["chance"] is None
