"""Retrieval and classification: against a reference loop, and with constant and random scorers."""

import numpy as np
import polars as pl
import pytest

from nearmiss.base.errors import InputError
from nearmiss.base.tables import table, write_table
from nearmiss.engine.benchmarks import classification, retrieval
from nearmiss.engine.benchmarks.benchmark import ClassificationBenchmark, ClassificationTask, Coverage, Options
from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.engine.scoring import classes, ranking
from nearmiss.engine.scoring.blind import constant_ranking, most_frequent_class

CAPTIONS = 40


@pytest.fixture
def gallery(tmp_path):
    rows = [
        {
            "caption_id": f"c{number:02d}",
            "image_id": f"i{number // 4}",
            "text": f"text {number}",
            "right": sorted({f"i{number // 4}", f"i{number % 10}"}),
        }
        for number in range(CAPTIONS)
    ]
    write_table(table("retrieval", rows), tmp_path / "tables" / "retrieval_test.parquet", "retrieval")
    write_images(tmp_path, 10)
    return retrieval.BENCHMARK.load(DataRoot(tmp_path), Options(recall_at=(1, 3, 5)))


def write_images(root, count):
    rows = [
        {"image_id": name, "file": f"{name}.png", "width": 8, "height": 8, "split": "test", "source": "toy"}
        for name in (f"i{number}" for number in range(count))
    ]
    write_table(table("images", rows), root / "tables" / "images.parquet", "images")


def figure(frame, subset, metric):
    rows = frame.filter(pl.col("subset") == subset, pl.col("metric") == metric)
    return rows["value"].sum() / rows["weight"].sum()


def test_recall_equals_a_reference_loop(gallery):
    scores = np.random.default_rng(0).random((10, CAPTIONS)).astype(np.float32)
    frame = ranking.recalls(gallery, scores)
    for k in (1, 3):
        found = 0
        for caption in range(CAPTIONS):
            best = sorted(range(10), key=lambda image, caption=caption: -scores[image, caption])[:k]
            found += any(gallery.right[image, caption] for image in best)
        assert figure(frame, "text_to_image", f"recall@{k}") == pytest.approx(found / CAPTIONS)
        exact = 0
        for image in range(10):
            best = sorted(range(CAPTIONS), key=lambda caption, image=image: -scores[image, caption])[:k]
            exact += any(gallery.own[image, caption] for caption in best)
        assert figure(frame, "image_to_text", f"exact_recall@{k}") == pytest.approx(exact / 10)


def test_another_true_image_is_right_but_not_exact(gallery):
    scores = np.zeros((10, CAPTIONS), dtype=np.float32)
    for caption in range(CAPTIONS):
        scores[caption % 10, caption] = 1.0
    frame = ranking.recalls(gallery, scores)
    assert figure(frame, "text_to_image", "recall@1") == 1
    assert figure(frame, "text_to_image", "exact_recall@1") < 0.3


def test_one_score_for_everything_finds_nothing(gallery):
    frame = ranking.recalls(gallery, np.zeros((10, CAPTIONS)))
    assert frame["value"].sum() == 0
    assert frame["ties"].sum() == frame.height


def test_chance_is_what_random_scores_reach(gallery):
    draws = np.random.default_rng(0)
    reached, predicted = [], []
    for _ in range(60):
        frame = ranking.recalls(gallery, draws.random((10, CAPTIONS)))
        frame = frame.filter(pl.col("subset") == "text_to_image", pl.col("metric") == "recall@5")
        reached.append(frame["value"].mean())
        predicted.append(frame["chance"].mean())
    assert np.mean(reached) == pytest.approx(predicted[0], abs=0.03)


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


def benchmark_of(*tasks):
    """A classification benchmark of tasks (name, labels) with three classes."""
    classes_of = ["red", "blue", "green"]
    return ClassificationBenchmark(
        classification.CARD,
        [
            ClassificationTask(
                name, [f"i{n:03d}" for n in range(len(labels))], labels, classes_of, [[c] for c in classes_of]
            )
            for name, labels in tasks
        ],
        (1,),
        Coverage(),
    )


def test_classification_counts_the_best_class_and_a_tie_is_wrong():
    scores = np.array([[0.9, 0.1, 0.2], [0.5, 0.4, 0.1], [0.3, 0.7, 0.7]])
    found = classes.ranks(benchmark_of(("color", [0, 1, 2])), [scores])
    found = found.filter(pl.col("task") == "color")
    assert found["value"].to_list() == [1, 0, 0]
    assert found["ties"].to_list() == [0, 0, 1]
    assert found["chance"].to_list() == [pytest.approx(1 / 3)] * 3


def test_the_blind_class_is_the_most_frequent_one():
    found = most_frequent_class(benchmark_of(("color", [1, 1, 1, 0, 2]))).filter(pl.col("task") == "color")
    assert found["value"].mean() == pytest.approx(0.6)


def test_the_mean_weights_tasks_equally():
    scores = [np.array([[0.0, 1.0, 0.0]] * 3), np.array([[1.0, 0.0, 0.0]])]
    found = classes.ranks(benchmark_of(("color", [0, 0, 0]), ("shape", [0])), scores)
    mean = found.filter(pl.col("task") == "mean")
    assert mean["value"].sum() / mean["weight"].sum() == pytest.approx(0.5)
    assert mean["cluster"].n_unique() == 3


def test_the_blind_ranking_is_the_best_constant_one(gallery):
    frame = constant_ranking(gallery)
    assert figure(frame, "text_to_image", "recall@1") == pytest.approx(gallery.right.sum(axis=1).max() / CAPTIONS)
    assert figure(frame, "image_to_text", "recall@1") == pytest.approx(gallery.right.sum(axis=0).max() / 10)


def test_an_unknown_label_is_named(tmp_path):
    file = tmp_path / "tables" / "classification_test.parquet"
    write_table(table("classification", rows_of_classes([0, 3])), file, "classification")
    write_images(tmp_path, 2)
    with pytest.raises(InputError, match="i001"):
        classification.BENCHMARK.load(DataRoot(tmp_path), Options())
