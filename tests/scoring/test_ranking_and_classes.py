"""Retrieval and classification: against a plain loop, and with scorers that know nothing."""

import numpy as np
import polars as pl
import pytest

from nearmiss.base.errors import InputError
from nearmiss.base.tables import table, write_table
from nearmiss.engine.benchmarks import classification, retrieval
from nearmiss.engine.scoring import classes, ranking
from nearmiss.engine.scoring.blind import baselines

CAPTIONS = 40


@pytest.fixture
def asked(tmp_path):
    rows = [
        {
            "caption_id": f"c{number:02d}",
            "image_id": f"i{number // 4}",
            "text": f"text {number}",
            "right": sorted({f"i{number // 4}", f"i{number % 10}"}),
        }
        for number in range(CAPTIONS)
    ]
    write_table(table("retrieval", rows), tmp_path / "retrieval_test.parquet", "retrieval")
    return retrieval.load(tmp_path, "test")


def figure(frame, subset, metric):
    rows = frame.filter(pl.col("subset") == subset, pl.col("metric") == metric)
    return rows["value"].sum() / rows["weight"].sum()


def test_recall_agrees_with_a_plain_loop(asked):
    scores = np.random.default_rng(0).random((10, CAPTIONS)).astype(np.float32)
    frame = ranking.outcomes(asked, scores, [1, 3])
    for k in (1, 3):
        found = 0
        for caption in range(CAPTIONS):
            best = sorted(range(10), key=lambda image, caption=caption: -scores[image, caption])[:k]
            found += any(asked.right[image, caption] for image in best)
        assert figure(frame, "text_to_image", f"recall@{k}") == pytest.approx(found / CAPTIONS)
        exact = 0
        for image in range(10):
            best = sorted(range(CAPTIONS), key=lambda caption, image=image: -scores[image, caption])[:k]
            exact += any(asked.own[image, caption] for caption in best)
        assert figure(frame, "image_to_text", f"exact_recall@{k}") == pytest.approx(exact / 10)


def test_another_true_image_is_right_but_not_exact(asked):
    scores = np.zeros((10, CAPTIONS), dtype=np.float32)
    for caption in range(CAPTIONS):
        scores[caption % 10, caption] = 1.0
    frame = ranking.outcomes(asked, scores, [1])
    assert figure(frame, "text_to_image", "recall@1") == 1
    assert figure(frame, "text_to_image", "exact_recall@1") < 0.3


def test_one_score_for_everything_finds_nothing(asked):
    frame = ranking.outcomes(asked, np.zeros((10, CAPTIONS)), [1, 5])
    assert frame["value"].sum() == 0
    assert frame["ties"].sum() == frame.height


def test_chance_is_what_random_scores_reach(asked):
    draws = np.random.default_rng(0)
    reached, said = [], []
    for _ in range(60):
        frame = ranking.outcomes(asked, draws.random((10, CAPTIONS)), [5])
        frame = frame.filter(pl.col("subset") == "text_to_image", pl.col("metric") == "recall@5")
        reached.append(frame["value"].mean())
        said.append(frame["chance"].mean())
    assert np.mean(reached) == pytest.approx(said[0], abs=0.03)


def test_scores_survive_the_table(asked):
    scores = np.random.default_rng(0).random((10, CAPTIONS)).astype(np.float32)
    assert np.array_equal(ranking.from_rows(asked, ranking.as_rows(asked, scores)), scores)
    with pytest.raises(InputError, match="i3"):
        ranking.from_rows(asked, ranking.as_rows(asked, scores).filter(pl.col("item_id") != "retrieval/i3"))


def rows_of_classes(labels):
    return [
        {
            "task": "color",
            "image_id": f"i{number:03d}",
            "label": label,
            "classes": ["red", "blue", "green"],
            "prompts": [["a red thing"], ["a blue thing"], ["a green thing"]],
        }
        for number, label in enumerate(labels)
    ]


def test_classification_counts_the_best_class_and_a_tie_is_wrong():
    frame = table("classification", rows_of_classes([0, 1, 2]))
    found = classes.outcomes(frame, [[0.9, 0.1, 0.2], [0.5, 0.4, 0.1], [0.3, 0.7, 0.7]])
    found = found.filter(pl.col("task") == "color")
    assert found["value"].to_list() == [1, 0, 0]
    assert found["ties"].to_list() == [0, 0, 1]
    assert found["chance"].to_list() == [pytest.approx(1 / 3)] * 3


def test_the_blind_class_is_the_most_frequent_one():
    frame = table("classification", rows_of_classes([1, 1, 1, 0, 2]))
    found = baselines.of_classification(frame).filter(pl.col("task") == "color")
    assert found["value"].mean() == pytest.approx(0.6)


def test_the_mean_counts_each_task_alike():
    small = [{**row, "task": "shape"} for row in rows_of_classes([0])]
    found = classes.outcomes(
        table("classification", [*rows_of_classes([0, 0, 0]), *small]), [[0, 1, 0]] * 3 + [[1, 0, 0]]
    )
    mean = found.filter(pl.col("task") == "mean")
    assert mean["value"].sum() / mean["weight"].sum() == pytest.approx(0.5)
    assert mean["cluster"].n_unique() == 3


def test_the_blind_ranking_is_the_best_constant_one(asked):
    frame = baselines.of_retrieval(asked, [1])
    assert figure(frame, "text_to_image", "recall@1") == pytest.approx(asked.right.sum(axis=1).max() / CAPTIONS)
    assert figure(frame, "image_to_text", "recall@1") == pytest.approx(asked.right.sum(axis=0).max() / 10)


def test_a_label_that_is_no_class_is_named(tmp_path):
    write_table(
        table("classification", rows_of_classes([0, 3])), tmp_path / "classification_test.parquet", "classification"
    )
    with pytest.raises(InputError, match="i001"):
        classification.load(tmp_path, "test")
