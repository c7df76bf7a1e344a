"""One initialization from end to end on the toy's tasks: what it writes, what it depends on, what it learns."""

import json
import shutil
from typing import get_args

import numpy as np
import polars as pl
import pytest
import toy_tasks as toy
from toy_tasks import CONFIG, VSR

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, sha256
from nearmiss.base.tables import read_table, write_table
from nearmiss.stages.finetune import shapes, stage
from nearmiss.stages.finetune.config import TITLES, FinetuneConfig, ImageFolderConfig, ProbeConfig, VsrConfig
from nearmiss.stages.finetune.registry import TASKS

RESULTS = ("predictions.parquet", "metrics.parquet", "curve.jsonl", "search.json")
ONLY_VSR = CONFIG.model_copy(update={"tasks": [VSR.model_copy(update={"factors": [1.0]})], "shares": [1.0]})


def finetune(folder, **changed):
    arguments = toy.arguments(folder, **changed)
    stage.run(**arguments)
    return arguments["out"]


def metrics(out):
    return read_table(out / "metrics.parquet", "metrics")


def predictions(out):
    return read_table(out / "predictions.parquet", "predictions")


def test_every_test_example_has_a_prediction_at_every_share(toy_tasks):
    made = predictions(toy_tasks / "out")
    counted = made.group_by("task", "share").len().sort("task", "share").rows()
    assert counted == [("shapes", 0.25, 24), ("shapes", 1.0, 24), ("vsr", 0.25, 24), ("vsr", 1.0, 24)]
    assert set(made.select("model", "arm", "seed").rows()) == {("nearmiss_conv", "hnc", 3)}
    assert made["score"].is_between(1 / 3, 1).all()
    assert made.null_count().sum_horizontal().item() == 0


def test_metrics_follow_from_the_stored_predictions(toy_tasks):
    figures = metrics(toy_tasks / "out")
    right = predictions(toy_tasks / "out").with_columns(right=(pl.col("label") == pl.col("predicted")).cast(pl.Float64))
    again = right.group_by("task", "share", "condition").agg(again=pl.col("right").mean(), n=pl.len())
    both = figures.join(again, on=["task", "share", "condition"])
    assert both.height == figures.height == 6
    assert both["again"].to_list() == pytest.approx(both["value"].to_list())
    assert (both["n"] == both["n_scored"]).all()
    assert (figures["n_scored"] == figures["n_expected"]).all()
    assert ((figures["low"] <= figures["value"]) & (figures["value"] <= figures["high"])).all()
    assert set(figures["stage"]) == {"finetune"}
    assert (figures["benchmark"] == figures["task"]).all()
    assert set(figures.filter(task="vsr")["blind"]) == {0.5}
    assert set(figures.filter(task="shapes")["chance"]) == {1 / 3}


def test_chance_is_the_share_of_the_most_frequent_label(toy_tasks, tmp_path):
    folder = copied(toy_tasks, tmp_path)
    change(folder, "shapes", lambda frame: frame.filter((pl.col("split") != "test") | (pl.col("label") < 2)))
    change(folder, "shapes", lambda frame: frame.filter(pl.col("example_id") != "shapes-test-01"))
    probe = CONFIG.model_copy(update={"tasks": [ProbeConfig()], "shares": [1.0]})
    figures = metrics(finetune(folder, config=probe))
    assert figures["chance"].to_list() == figures["blind"].to_list() == [8 / 15]


def test_it_learns_true_labels_and_not_random_ones(toy_tasks, tmp_path):
    figures = metrics(toy_tasks / "out").filter(share=1.0)
    assert (figures["value"] > 0.8).all()

    def shuffled(frame):
        draw = np.random.default_rng(1).integers(0, 2, frame.height)
        labels = pl.when(split="train").then(pl.Series(draw, dtype=pl.Int64)).otherwise("label")
        return frame.with_columns(label=labels)

    folder = copied(toy_tasks, tmp_path)
    change(folder, "vsr", shuffled)
    assert abs(metrics(finetune(folder, config=ONLY_VSR))["value"].mean() - 0.5) < 0.25


def test_the_loss_of_every_training_falls(toy_tasks):
    lines = [json.loads(line) for line in (toy_tasks / "out" / "curve.jsonl").read_text().splitlines()]
    runs = {}
    for line in lines:
        runs.setdefault((line["task"], line["share"], line["factor"]), []).append((line["step"], line["loss"]))
    assert len(runs) == 3  # two factors at the largest share, the chosen one at the other
    for losses in runs.values():
        assert [step for step, _ in losses] == [20, 40]
        assert losses[1][1] < losses[0][1]


def test_bytes_do_not_depend_on_row_order_and_folder(toy_tasks, tmp_path):
    folder = copied(toy_tasks, tmp_path)
    for task in ("vsr", "shapes"):
        change(folder, task, lambda frame: frame.sample(fraction=1, shuffle=True, seed=1))
    again = finetune(folder, out="again")
    for name in RESULTS:
        assert sha256(again / name) == sha256(toy_tasks / "out" / name), name
    one, two = (finetune(folder, config=ONLY_VSR, out=f"seed-{seed}", seed=seed) for seed in (3, 4))
    assert sha256(one / "predictions.parquet") != sha256(two / "predictions.parquet")


def test_scratch_uses_architecture_and_words_without_weights(toy_tasks, tmp_path):
    folder = copied(toy_tasks, tmp_path)
    (folder / "checkpoint" / "open_clip_model.safetensors").unlink()
    without = finetune(folder, arm="scratch", config=ONLY_VSR)
    toy.write_checkpoint(folder / "checkpoint", seed=8)
    with_others = finetune(folder, arm="scratch", config=ONLY_VSR, out="others")
    for name in (*RESULTS, "manifest.json"):
        assert sha256(without / name) == sha256(with_others / name), name
    # planted: the same weights under another arm's name are used
    pair = [finetune(folder, arm="hnc", config=ONLY_VSR, out="hnc"), finetune(folder, config=ONLY_VSR, out="twice")]
    curves = [(out / "curve.jsonl").read_text() for out in (without, *pair)]
    assert curves[0] != curves[1] == curves[2]


def test_the_search_records_its_trials_and_selects_by_dev(toy_tasks, tmp_path):
    slow = VSR.model_copy(update={"factors": [1.0, 1e-9], "head_lr": 1e-9, "steps": 20})
    config = CONFIG.model_copy(update={"tasks": [slow]})
    found = read_json(finetune(copied(toy_tasks, tmp_path), config=config) / "search.json")["vsr"]
    dev = {entry["factor"]: entry["dev_accuracy"] for entry in found["tried"]}
    assert list(dev) == [1e-9, 1.0]
    assert dev[1.0] > dev[1e-9]
    assert found["chosen"] == [{"factor": 1.0, "share": 1.0}, {"factor": 1.0, "share": 0.25}]
    shares = {entry["share"] for entry in read_json(toy_tasks / "out" / "search.json")["shapes"]["chosen"]}
    assert shares == {0.25, 1.0}


def test_the_manifest_names_what_was_read(toy_tasks):
    manifest = read_json(toy_tasks / "out" / "manifest.json")
    assert {"tables/examples_vsr", "tables/examples_shapes", "tables/images", "images"} < set(manifest["inputs"])
    assert "checkpoint/open_clip_model.safetensors" in manifest["inputs"]
    assert set(manifest["outputs"]) == set(RESULTS)
    cost = read_json(toy_tasks / "out" / "cost.json")
    assert min(cost[name] for name in ("images", "texts", "flops", "cpu_seconds")) > 0


def test_a_diverging_training_is_reported_and_keeps_the_earlier_result(toy_tasks, tmp_path):
    folder = copied(toy_tasks, tmp_path)
    wild = ONLY_VSR.tasks[0].model_copy(update={"image_lr": 1e30, "text_lr": 1e30})
    with pytest.raises(InputError, match="diverged"):
        finetune(folder, config=ONLY_VSR.model_copy(update={"tasks": [wild]}))
    assert sha256(folder / "out" / "metrics.parquet") == sha256(toy_tasks / "out" / "metrics.parquet")


def test_a_new_task_is_one_file_one_entry_and_one_line(toy_tasks, tmp_path, monkeypatch):
    """Here the file is tests/finetune/own_task.py, the line is in its union of configurations."""
    import own_task

    monkeypatch.setitem(TASKS, own_task.TASK.name, own_task.TASK)
    folder = copied(toy_tasks, tmp_path)
    rows = read_table(folder / "tables" / "examples_shapes.parquet", "examples").with_columns(task=pl.lit("tint"))
    write_table(rows, folder / "tables" / "examples_tint.parquet", "examples")
    config = own_task.Config.model_validate({"tasks": [{"task": "tint"}, {"task": "shapes"}], "resamples": 100})
    figures = metrics(finetune(folder, config=config))
    assert figures.filter(task="tint")["value"].to_list() == pytest.approx([1 / 3, 1 / 3])
    assert set(figures["task"]) == {"tint", "shapes"}


def test_every_configured_task_is_registered():
    configured = {name for each in (VsrConfig, ProbeConfig, ImageFolderConfig) for name in names_of(each)}
    assert configured == TASKS.keys() == TITLES.keys()
    assert [task.task for task in FinetuneConfig(tasks=",".join(TASKS)).tasks] == list(TASKS)


def names_of(options):
    """The names that a class of options takes as `task`."""
    return get_args(options.model_fields["task"].annotation)
    assert not shapes.TASK.texts


def copied(toy_tasks, tmp_path):
    """A copy that a test may change, with a result already there."""
    folder = tmp_path / "copy"
    shutil.copytree(toy_tasks, folder)
    return folder


def change(folder, task, how):
    """Write a task's table anew, changed."""
    path = folder / "tables" / f"examples_{task}.parquet"
    write_table(how(read_table(path, "examples")), path, "examples")
