"""Items are decided by their truth, ties are counted, and a random scorer is at chance."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearmiss.base.tables import table
from nearmiss.engine.benchmarks.benchmark import Card, Coverage, ItemBenchmark, Measurement
from nearmiss.engine.benchmarks.spec import POOLED, group_of
from nearmiss.engine.benchmarks.world import CARD
from nearmiss.engine.scoring import decisions

TRUTHS = {
    "1x2": [[True, False]],
    "1xN": [[False, True, False, False]],
    "1x3": [[True, False, True]],
    "2x2": [[True, False], [False, True]],
}


def item(number, form, *, truth=None, concept="relation", operator="reverse", images=None):
    truth = truth or TRUTHS[form]
    return {
        "item_id": f"i{number:05d}",
        "benchmark": "world",
        "subset": form,
        "concept": concept,
        "operator": operator,
        "template_id": None,
        "condition": "iid",
        "images": images or [f"{number}-{place}" for place in range(len(truth))],
        "captions": [f"text {place}" for place in range(len(truth[0]))],
        "truth": truth,
        "crop": None,
    }


def world(rows):
    """Items that are scored as the world's are."""
    items = table("items", rows).with_columns(stratum=pl.col("subset"))
    return ItemBenchmark(CARD, CARD.measurement, items, Coverage())


def figures(rows, similarities):
    items = world(rows)
    scored = pl.DataFrame({"item_id": [row["item_id"] for row in rows], "similarity": similarities})
    frame = decisions.outcomes(items, scored)
    frame = frame.filter(pl.col("subset") == rows[0]["subset"])
    return {
        metric: (group["value"].sum() / group["weight"].sum(), group["ties"].sum(), group["chance"][0])
        for (metric,), group in frame.group_by("metric")
    }


@pytest.mark.parametrize(
    ("scores", "accuracy", "text", "image", "group", "ties"),
    [
        ([[0.9, 0.1], [0.2, 0.8]], 1.0, 1, 1, 1, 0),
        ([[0.9, 0.1], [0.95, 0.97]], 0.75, 1, 0, 0, 0),  # caption 0 prefers the wrong image
        ([[0.5, 0.6], [0.3, 0.9]], 0.75, 0, 1, 0, 0),  # image 0 prefers the wrong caption
        ([[0.1, 0.9], [0.8, 0.2]], 0.0, 0, 0, 0, 0),
        ([[0.5, 0.5], [0.5, 0.5]], 0.5, 0, 0, 0, 4),
        ([[0.5, 0.5 + 1e-9], [0.1, 0.9]], 0.875, 0, 1, 0, 1),  # nearer than the margin: a tie
    ],
)
def test_two_by_two(scores, accuracy, text, image, group, ties):
    found = figures([item(0, "2x2")], [scores])
    assert found["accuracy"] == (accuracy, ties, 0.5)
    assert found["text"][0] == text
    assert found["image"][0] == image
    assert found["group"][0] == group


def test_the_position_of_the_true_caption_does_not_matter():
    crossed = item(0, "2x2", truth=[[False, True], [True, False]])
    assert figures([crossed], [[[0.1, 0.9], [0.8, 0.2]]])["group"][0] == 1
    assert figures([item(0, "1x2", truth=[[False, True]])], [[[0.1, 0.9]]])["accuracy"][0] == 1


def test_a_paraphrase_must_win_too():
    found = figures([item(0, "1x3")], [[[0.9, 0.5, 0.4]]])
    assert found["accuracy"][0] == 0.5
    assert found["strict"][0] == 0
    assert found["strict"][2] == pytest.approx(1 / 3)
    assert figures([item(0, "1x3")], [[[0.9, 0.5, 0.6]]])["strict"][0] == 1


@pytest.mark.parametrize("form", TRUTHS)
def test_a_random_scorer_is_at_chance(form):
    draws = np.random.default_rng(0)
    rows = [item(number, form) for number in range(6000)]
    shape = (len(TRUTHS[form]), len(TRUTHS[form][0]))
    found = figures(rows, [draws.random(shape).tolist() for _ in rows])
    for metric, (value, _, chance) in found.items():
        assert value == pytest.approx(chance, abs=0.025), metric


@settings(max_examples=50)
@given(st.lists(st.floats(-1, 1, width=32), min_size=4, max_size=4))
def test_accuracy_of_a_scorer_and_of_its_opposite_add_up_to_one(values):
    scores = np.reshape(values, (2, 2))
    there = figures([item(0, "2x2")], [scores.tolist()])["accuracy"]
    back = figures([item(0, "2x2")], [(-scores).tolist()])["accuracy"]
    assert there[0] + back[0] == pytest.approx(1)
    assert there[1] == back[1]


def test_forms_are_pooled_by_decisions_and_binding_over_concepts():
    rows = [
        item(0, "1x2", concept="color", operator="swap"),
        item(1, "2x2", concept="size", operator="swap"),
        item(2, "1x3", concept="size", operator="swap"),
    ]
    scores = [[[0.1, 0.9]], [[0.9, 0.1], [0.1, 0.9]], [[0.9, 0.1, 0.8]]]
    scored = pl.DataFrame({"item_id": [row["item_id"] for row in rows], "similarity": scores})
    frame = decisions.outcomes(world(rows), scored)
    pooled = frame.filter(pl.col("subset") == "1x2+2x2", pl.col("concept") == "binding")
    assert pooled["value"].sum() == 4
    assert pooled["weight"].sum() == 5
    assert set(frame.filter(pl.col("concept") == "size")["subset"]) == {"2x2", "1x3", "1x2+2x2"}


def test_unscored_items_are_expected_but_have_no_outcome():
    rows = [item(0, "1x2"), item(1, "1x2")]
    items = world(rows)
    scored = pl.DataFrame({"item_id": ["i00001"], "similarity": [[[0.9, 0.1]]]})
    assert decisions.outcomes(items, scored).filter(pl.col("subset") == "1x2")["item_id"].to_list() == ["i00001"]
    assert decisions.expected(items).filter(pl.col("subset") == "1x2").height == 2


def published(rows, **rules):
    """Items that are scored as those of a published benchmark."""
    card = Card("toy", "", "", "", (), averages={"some": ("a*",)})
    items = table("items", rows).with_columns(stratum=pl.Series([row["template_id"] or row["subset"] for row in rows]))
    return ItemBenchmark(card, Measurement(**rules), items, Coverage())


def values(benchmark, similarities):
    scored = benchmark.items.select("item_id").with_columns(similarity=pl.Series(similarities, dtype=decisions.NESTED))
    return {
        (subset, metric): group["value"].sum() / group["weight"].sum()
        for (subset, metric), group in decisions.outcomes(benchmark, scored).group_by("subset", "metric")
    }


RIGHT, WRONG, TIED = [[0.9, 0.1]], [[0.1, 0.9]], [[0.5, 0.5]]


@pytest.mark.parametrize(("ties", "value"), [("wrong", 1 / 3), ("right", 2 / 3)])
def test_a_tied_item_counts_as_the_measurement_states(ties, value):
    rows = [item(number, "1x2") | {"subset": "a"} for number in range(3)]
    assert values(published(rows, ties=ties), [RIGHT, WRONG, TIED])["a", "score"] == pytest.approx(value)


def test_averages_weight_subsets_equally():
    rows = [item(number, "1x2") | {"subset": name} for number, name in enumerate(["a1", "a1", "a1", "a2", "b"])]
    found = values(published(rows), [RIGHT, RIGHT, WRONG, WRONG, RIGHT])
    assert found["a1", "score"] == pytest.approx(2 / 3)
    assert found["some", "score"] == pytest.approx((2 / 3 + 0) / 2)
    assert found["mean", "score"] == pytest.approx((2 / 3 + 0 + 1) / 3)


def test_a_macro_average_weights_strata_equally():
    strata = ["x", "x", "x", "y"]
    rows = [item(number, "1x2") | {"subset": "a", "template_id": name} for number, name in enumerate(strata)]
    found = values(published(rows, macro=True), [RIGHT, RIGHT, RIGHT, WRONG])
    assert found["a", "score"] == pytest.approx(0.5)
    assert values(published(rows), [RIGHT, RIGHT, RIGHT, WRONG])["a", "score"] == pytest.approx(0.75)


def test_the_primary_decisions_of_a_square_are_its_score():
    rows = [item(0, "2x2") | {"subset": "a"}]
    scores = [[[0.9, 0.1], [0.95, 0.97]]]  # caption 0 prefers the wrong image
    for primary, value in (("text", 1), ("image", 0), ("group", 0)):
        found = values(published(rows, primary=primary), scores)
        assert found["a", "score"] == value
        assert ("a", primary) not in found
    assert values(published(rows), scores)["a", "interaction"] == 1


def test_items_with_a_group_value_are_also_counted_by_group():
    rows = [item(n, "2x2") | {"condition": "new_wording"} for n in range(4)] + [item(4, "1x2"), item(5, "1x2")]
    plain = world(rows)
    groups = pl.Series(["fronted", "fronted", "subject first", None, "fronted", None])
    grouped = replace(plain, items=plain.items.with_columns(order=groups, wording=groups.replace("fronted", "{p} {b}")))
    right, wrong = [[0.9, 0.1], [0.1, 0.9]], [[0.1, 0.9], [0.9, 0.1]]
    similarity = pl.DataFrame(
        {
            "item_id": [row["item_id"] for row in rows],
            "similarity": [right, wrong, right, wrong, [[0.9, 0.1]], [[0.9, 0.1]]],
        }
    )
    found = decisions.outcomes(grouped, similarity)
    apart = found.filter(pl.col("condition").str.contains(": "))
    assert set(apart["metric"]) == {"accuracy"} and set(apart["subset"]) == {POOLED}
    value = {
        condition: (group.height, group["value"].sum() / group["weight"].sum())
        for (condition,), group in apart.group_by("condition")
    }
    assert value == {
        "new_wording, order: fronted": (2, 0.5),
        "new_wording, order: subject first": (1, 1.0),
        "new_wording, wording: {p} {b}": (2, 0.5),
        "new_wording, wording: subject first": (1, 1.0),
        "iid, order: fronted": (1, 1.0),
        "iid, wording: {p} {b}": (1, 1.0),
    }
    assert group_of("new_wording, order: subject first") == ("new_wording", "order", "subject first")
    assert group_of("new_wording") is None and group_of(None) is None
    same = found.filter(~pl.col("condition").str.contains(": "))
    assert same.equals(decisions.outcomes(plain, similarity))  # nothing else changes
