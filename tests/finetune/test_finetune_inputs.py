"""What fine-tuning refuses before any compute, and how it cuts labels into shares."""

import json
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
import toy_tasks as toy
from pydantic import ValidationError
from test_finetune import change, copied

from nearmiss.base.errors import InputError
from nearmiss.base.files import folder_sha256, read_json
from nearmiss.base.tables import read_table, table
from nearmiss.engine.training.matching import MatchingHead, batches
from nearmiss.stages.finetune import figures, stage
from nearmiss.stages.finetune.config import FinetuneConfig
from nearmiss.stages.finetune.examples import Examples, read_examples


def _no_labels(folder):
    change(folder, "vsr", lambda frame: frame.with_columns(label=pl.lit(None, pl.Int64)))
    return "has no label"


def _no_class(folder):
    change(folder, "shapes", lambda frame: frame.with_columns(label=pl.col("label") + 1))
    return "none of the classes"


def _one_class(folder):
    change(folder, "vsr", lambda frame: frame.filter((pl.col("split") != "train") | (pl.col("label") == 1)))
    return "have one class"


def _unknown_image(folder):
    first = pl.col("example_id") == "vsr-dev-03"
    change(
        folder, "vsr", lambda frame: frame.with_columns(image_id=pl.when(first).then(pl.lit("x")).otherwise("image_id"))
    )
    return "vsr-dev-03"


def _no_dev(folder):
    change(folder, "shapes", lambda frame: frame.filter(pl.col("split") != "dev"))
    return "no examples in split dev"


def _no_test(folder):
    change(folder, "vsr", lambda frame: frame.filter(pl.col("split") != "test"))
    return "no examples in split test"


def _no_text(folder):
    change(folder, "vsr", lambda frame: frame.with_columns(text=pl.lit(None, pl.String)))
    return "has no text"


def _another_split(folder):
    change(folder, "vsr", lambda frame: frame.with_columns(split=pl.col("split").replace("dev", "val")))
    return "none of train, dev and test"


def _twice(folder):
    change(folder, "shapes", lambda frame: pl.concat([frame, frame.head(1)]))
    return "shapes-train-00"


def _another_task(folder):
    change(folder, "vsr", lambda frame: frame.with_columns(task=pl.lit("nlvr")))
    return "no examples of task vsr"


def _no_table(folder):
    (folder / "tables" / "examples_shapes.parquet").unlink()
    return "examples_shapes.parquet"


def _broken_image(folder):
    (folder / "published" / "images" / "vsr-test-03.png").write_bytes(b"no picture")
    return "vsr-test-03"


def _no_weights(folder):
    (folder / "checkpoint" / "open_clip_model.safetensors").unlink()
    return "open_clip_model.safetensors missing"


def _broken_weights(folder):
    (folder / "checkpoint" / "open_clip_model.safetensors").write_bytes(b"0123456789")
    return "the weights do not load"


def _configured(folder, edit):
    path = folder / "checkpoint" / "open_clip_config.json"
    config = read_json(path)
    edit(config["model_cfg"])
    path.write_text(json.dumps(config))


def _no_text_tower(folder):
    _configured(folder, lambda model: model.pop("text_cfg"))
    return "no text tower"


def _another_text_tower(folder):
    _configured(folder, lambda model: model["text_cfg"].update(no_causal_mask=True))
    return "only a plain causal text tower"


def _unknown_image_tower(folder):
    _configured(folder, lambda model: model["vision_cfg"].update(timm_model_name="no_such_tower"))
    return "timm has no image tower"


FAULTS = (
    _no_labels,
    _no_class,
    _one_class,
    _unknown_image,
    _no_dev,
    _no_test,
    _no_text,
    _another_split,
    _twice,
    _another_task,
    _no_table,
    _broken_image,
    _no_weights,
    _broken_weights,
    _no_text_tower,
    _another_text_tower,
    _unknown_image_tower,
)


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_input_is_reported_before_decoding(toy_tasks, tmp_path, monkeypatch, fault):
    monkeypatch.setattr(stage, "resizing", None)
    folder = copied(toy_tasks, tmp_path)
    message = fault(folder)
    before = folder_sha256(folder / "out")
    with pytest.raises(InputError, match=message):
        stage.run(**toy.arguments(folder))
    assert folder_sha256(folder / "out") == before


@pytest.mark.parametrize(
    "values",
    [
        {"shares": [0.0]},
        {"shares": [1.5]},
        {"shares": []},
        {"shares": [1.0, 1.0]},
        {"tasks": [{"task": "vsr"}, {"task": "vsr"}]},
        {"tasks": [{"task": "nlvr"}]},
        {"tasks": [{"task": "vsr", "factors": []}]},
    ],
)
def test_an_invalid_configuration_is_refused(values):
    with pytest.raises(ValidationError):
        FinetuneConfig.model_validate(values)


def test_without_tasks_there_is_nothing_to_run(toy_tasks):
    with pytest.raises(InputError, match="no downstream task"):
        stage.run(**toy.arguments(toy_tasks, config=FinetuneConfig(tasks=[]), out="none"))


def examples(toy_tasks, task):
    known = read_table(toy_tasks / "tables" / "images.parquet", "images")["image_id"]
    return read_examples(toy_tasks / "tables", task, texts=task == "vsr", known=known)


@pytest.mark.parametrize("task", ["vsr", "shapes"])
def test_a_smaller_share_is_a_balanced_part_of_a_larger_one(toy_tasks, task):
    known = examples(toy_tasks, task)
    parts = [known.part(share, 3) for share in (0.01, 0.25, 0.5, 1.0)]
    for less, more in pairwise(parts):
        assert set(less["example_id"]) < set(more["example_id"])
    assert parts[-1].height == toy.SIZES["train"]
    for part in parts:
        assert part["label"].value_counts()["count"].n_unique() == 1
        assert part["label"].n_unique() == len(known.classes)
    assert known.part(0.25, 4)["example_id"].to_list() != parts[1]["example_id"].to_list()


def test_statements_with_equal_text_are_in_one_share(toy_tasks):
    known = examples(toy_tasks, "vsr")
    whole = dict(known.of("train").group_by("text").len().iter_rows())
    assert dict(known.part(0.25, 3).group_by("text").len().iter_rows()).items() <= whole.items()


def statements(labels, texts):
    rows = [
        toy.example("vsr", "train", number, f"image {number}", text=text, label=label)
        for number, (label, text) in enumerate(zip(labels, texts, strict=True))
    ]
    return table("examples", rows)


def test_the_text_baseline_is_at_chance_on_twins_and_finds_a_leak():
    texts = [f"a {number % 5} left of b" for number in range(20)]
    twins = statements([0, 1] * 10, [text for text in texts[:10] for _ in range(2)])
    assert (figures.text_only_predictions(twins, twins) == twins["label"].to_numpy()).mean() == 0.5
    leaking = statements([0, 1] * 10, [f"a {('left', 'right')[number % 2]} of b" for number in range(20)])
    assert (figures.text_only_predictions(leaking, leaking) == leaking["label"].to_numpy()).all()


def test_examples_that_share_a_text_widen_the_interval(toy_tasks):
    """40 predictions for one statement are not 40 samples: they are resampled together."""
    right = np.repeat([1, 0, 1, 1], 10)
    answers = {1.0: figures.TaskPredictions(right, np.ones(40))}
    config = FinetuneConfig(resamples=500)
    named = {"model": "m", "arm": "a", "seed": 0}

    def width(texts):
        training = statements([0, 1], ["a", "b"])
        test = statements([1] * 40, texts).with_columns(
            split=pl.lit("test"), example_id=pl.lit("t") + pl.col("example_id")
        )
        known = Examples("vsr", pl.concat([training, test]), ("false", "true"), ())
        row = figures.metrics(known, answers, named, config, 0).row(0, named=True)
        assert row["value"] == 0.75
        return row["high"] - row["low"]

    assert width([f"text {number // 10}" for number in range(40)]) > 1.5 * width([f"text {n}" for n in range(40)])


def test_every_epoch_has_every_row_once_and_every_batch_is_full():
    rows = batches(10, 4, 10, order=7)
    assert [len(members) for members in rows] == [4] * 10
    epochs = np.concatenate(rows).reshape(4, 10)
    assert [sorted(epoch) for epoch in epochs.tolist()] == [list(range(10))] * 4
    assert len({tuple(epoch) for epoch in epochs.tolist()}) == 4
    assert np.array_equal(np.concatenate(batches(10, 4, 10, order=7)), epochs.ravel())


def test_a_new_head_is_at_chance():
    import torch

    images, texts = torch.randn(2, 5, 8)
    assert torch.equal(MatchingHead(8)(images, texts), torch.zeros(5))
