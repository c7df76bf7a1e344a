"""`nearmiss plan`: what it prints, and what its numbers follow from."""

from pathlib import Path

import pytest

from nearmiss.cli import app
from nearmiss.config import load, resolve
from nearmiss.plan.data_files import data_sizes, rates
from nearmiss.plan.model_cost import ModelCost
from nearmiss.plan.sizes import splits_of
from nearmiss.plan.stage_costs import tokens_of, train_flops

CONFIG = Path(__file__).parents[2] / "config"
MODEL = ModelCost(
    image_flops=8_725_463_040, token_flops=8e7, parameters=151_277_313, side=224, image_units=1, token_units=1
)


def printed(capsys, *arguments: str) -> str:
    app(["plan", *arguments], result_action="return_value")
    return capsys.readouterr().out


def test_a_plan_has_jobs_downloads_disk_memory_and_hours_in_80_columns(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    text = printed(capsys, "--config", str(CONFIG / "papers" / "ce_clip.yaml"))
    assert max(len(line) for line in text.splitlines()) <= 80
    stages = [line.split()[0] for line in text.splitlines()[3:11]]
    assert stages == ["download", "data", "negatives", "pretrain", "evaluate", "robustness", "compare", "sum"]
    for word in ("licenses to accept", "coco_2014_train_images", "disk:", "memory:", "GPU memory:", "not measured"):
        assert word in text


def test_a_training_costs_three_forwards_of_its_images_and_tokens():
    experiment = load(CONFIG / "papers" / "ce_clip.yaml")
    one = MODEL.image_flops + tokens_of(4) * MODEL.token_flops
    assert train_flops(experiment, MODEL, "ce_clip") == pytest.approx(3 * 4044 * 512 * one)
    assert train_flops(experiment, MODEL, "base") == 0
    assert train_flops(experiment, MODEL, "clip") < train_flops(experiment, MODEL, "negclip")


@pytest.mark.parametrize(
    ("name", "images"), [("papers/ce_clip.yaml", 113_287), ("papers/hnc.yaml", 74_942), ("config.yaml", 8_000)]
)
def test_images_are_counted_by_the_names_of_the_files(name, images, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    splits = splits_of(load(CONFIG / name))
    assert splits is not None and splits["train"].images == images


def test_images_are_counted_in_the_results_where_stage_data_has_run(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results" / "x" / "data").mkdir(parents=True)
    (tmp_path / "results" / "x" / "data" / "summary.json").write_text('{"images": {"train": 12, "test": 3}}')
    splits = splits_of(resolve({"experiment": "x"}))
    assert splits is not None and {name: count.images for name, count in splits.items()} == {"train": 12, "test": 3}


def test_unknown_files_are_not_guessed(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    source = {"name": "coco", "root": "mine", "captions": "mine.json"}
    given = {"experiment": "x", "data": {"source": source}, "inpaint": {"operations": []}, "finetune": {"tasks": []}}
    given["arms"] = {"base": {"objective": "clip", "num_negatives": 0}}
    given["compare"] = {"controls": []}
    assert splits_of(resolve(given)) is None


def test_every_rate_states_its_source():
    def sources(value):
        if not isinstance(value, dict):
            return []
        inner = [each for part in value.values() for each in sources(part)]
        return [value["source"]] if "source" in value else inner

    found = sources(rates().model_dump())
    assert found and all(found)
    gpu = rates().h100
    assert all(each.source.startswith("assumption") for each in (gpu.train_flops, gpu.encode_flops, gpu.cores))
    assert all(count.images > 0 for splits in data_sizes().files.values() for count in splits.values())
