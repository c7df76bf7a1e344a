"""What noise left: the drop against clean on the same questions, and the share above chance that is retained."""

import polars as pl
import pytest

from nearmiss.engine.scoring import retained
from nearmiss.engine.scoring.metrics import Interval, Scored
from nearmiss.engine.scoring.outcomes import OUTCOMES, ordered

SCORED = Scored("toy", "hnc", 0, "robustness", "test")


def outcomes(values, *, concept="relation", operator="reverse", first=0):
    """One question a value, four decisions each, every question a cluster of its own."""
    return pl.DataFrame(
        {
            "benchmark": "world",
            "subset": "2x2",
            "concept": concept,
            "operator": operator,
            "condition": "iid",
            "task": None,
            "metric": "accuracy",
            "question": [f"{concept}-{first + number:03d}" for number in range(len(values))],
            "cluster": range(first, first + len(values)),
            "value": values,
            "weight": 4.0,
            "ties": 0,
            "chance": 0.5,
        },
        schema_overrides=OUTCOMES,
    ).select(OUTCOMES.names())


def figures(noisy, clean, floor=0.6):
    rows = retained.rows(
        noisy,
        clean,
        SCORED,
        Interval(resamples=200, level=0.95),
        corruption="contrast",
        severity=3,
        floor=floor,
        blind={},
        trained=frozenset({("relation", "reverse")}),
    )
    return {row["metric"]: row for row in rows.iter_rows(named=True)}


def test_every_question_loses_a_quarter():
    found = figures(outcomes([3.0] * 30), outcomes([4.0] * 30))
    assert found["accuracy"]["value"] == pytest.approx(0.75)
    assert (found["drop"]["low"], found["drop"]["value"], found["drop"]["high"]) == pytest.approx([-0.25] * 3)
    assert found["retained"]["value"] == pytest.approx(0.5)
    assert {(row["corruption"], row["severity"], row["trained"]) for row in found.values()} == {("contrast", 3, "seen")}


def test_the_drop_is_paired():
    """Half of the questions right, the same half under noise: accuracies are wide, their difference is nothing."""
    mixed = outcomes([4.0, 2.0] * 20)
    found = figures(mixed, mixed)
    assert found["accuracy"]["low"] < found["accuracy"]["high"]
    assert (found["drop"]["low"], found["drop"]["high"]) == (0.0, 0.0)
    assert (found["retained"]["low"], found["retained"]["value"], found["retained"]["high"]) == (1.0, 1.0, 1.0)


def test_an_unpaired_drop_would_be_wide():
    """The planted fault of the test above: the same values for other questions are no pair."""
    found = figures(outcomes([4.0, 2.0] * 20), outcomes([2.0, 4.0] * 20))
    assert found["drop"]["value"] == 0
    assert found["drop"]["low"] < -0.1 and found["drop"]["high"] > 0.1


@pytest.mark.parametrize(("clean", "given"), [([2.0, 3.0] * 20, False), ([4.0, 3.0] * 20, True)])
def test_nothing_is_retained_of_what_was_near_chance(clean, given):
    found = figures(outcomes([2.0] * 40), outcomes(clean))
    assert ("retained" in found) == given
    assert "drop" in found


def test_noise_below_chance_retains_less_than_nothing():
    assert figures(outcomes([1.0] * 30), outcomes([4.0] * 30))["retained"]["value"] == pytest.approx(-0.5)


def test_only_the_questions_that_are_left_are_compared():
    """Of a pooled endpoint a corruption may destroy a part: its clean figure is then that of the other part alone."""
    colors = outcomes([0.0] * 20, concept="binding", operator="swap", first=100)
    sizes = outcomes([4.0] * 20, concept="binding", operator="swap")
    found = figures(sizes, ordered([sizes, colors]))
    assert found["drop"]["value"] == 0
    assert (found["drop"]["n_scored"], found["drop"]["n_expected"]) == (20, 40)


def test_a_difference_has_neither_chance_nor_blind():
    found = figures(outcomes([3.0] * 30), outcomes([4.0] * 30))
    assert found["accuracy"]["chance"] == 0.5
    assert found["drop"]["chance"] is None and found["retained"]["chance"] is None
