"""`nearmiss plan`: what it prints, and what its numbers follow from."""

from pathlib import Path

import pytest

from nearmiss.cli import app
from nearmiss.config import load, resolve
from nearmiss.downloads import needed_downloads
from nearmiss.plan.data_files import Count, data_sizes, rates
from nearmiss.plan.estimate import seconds_of_core
from nearmiss.plan.model_cost import ModelCost, model_cost
from nearmiss.plan.sizes import splits_of
from nearmiss.plan.stage_costs import (
    encoded,
    flops_of_core,
    read_bytes,
    stage_costs,
    tokens_of,
    train_flops,
    unverified,
)

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


def costs(given: dict) -> dict[str, float]:
    """Operations of each stage of an experiment of the synthetic world."""
    experiment = resolve({"experiment": "x"} | given)
    model = model_cost(experiment.pretrain.model)
    every = stage_costs(experiment, needed_downloads(experiment), splits_of(experiment) or {}, model)
    return {cost.stage: cost.train_flops + cost.encode_flops for cost in every}


def test_a_matching_term_costs_a_fusion_in_training_and_in_evaluation(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    base, kept = {"objective": "clip", "num_negatives": 0}, {"compare": {"controls": []}, "finetune": {"tasks": []}}
    terms = [{"term": "contrastive"}, {"term": "own_negatives"}]
    contrastive = {"method": "keyword", "objective": terms, "num_negatives": 2}
    matching = contrastive | {"objective": [*terms, {"term": "image_text_matching"}]}
    without, fused = (costs(kept | {"arms": {"base": base, "arm": arm}}) for arm in (contrastive, matching))
    assert fused["pretrain"] > 1.01 * without["pretrain"]
    assert fused["evaluate"] > 1.5 * without["evaluate"]


# CPU seconds of docs/photographs.md on one thread, without the start of each command: 1,301 training images with 6,507
# captions; 583 images and 5,319 texts of benchmarks.
TRAININGS = {"base": 202, "clip": 94, "swap": 172, "random_columns": 226, "ce_clip": 217, "ce_clip_released": 219}
STORE_AND_FEATURES = 8 + 68 + 22 + 30 + 53 + 88
EVALUATION, FEATURES_OF_BENCHMARKS = 33, 34


def test_two_towers_cost_what_was_measured():
    given = load(CONFIG / "photographs.yaml")
    arms = {name: given.arms[name] for name in TRAININGS}
    evaluate = given.evaluate.model_copy(update={"benchmarks": ["retrieval"], "split": "test"})
    experiment = given.model_copy(update={"seeds": [0], "arms": arms, "evaluate": evaluate})
    model = model_cost(experiment.pretrain.model, experiment.pretrain.frozen)
    splits = {"train": Count(images=1301, captions=6507), "test": Count(images=583, captions=5319)}
    every = {cost.stage: cost for cost in stage_costs(experiment, needed_downloads(experiment), splits, model)}

    def seconds(stage):
        return seconds_of_core(every[stage], experiment) - every[stage].jobs * rates().per_core.job.value

    trained = sum(TRAININGS.values())
    assert seconds("pretrain") == pytest.approx(trained + STORE_AND_FEATURES, rel=0.25)
    assert seconds("evaluate") == pytest.approx(len(arms) * EVALUATION + FEATURES_OF_BENCHMARKS, rel=0.25)
    core, (training, _) = rates().per_core, flops_of_core(experiment)
    for arm, measured in TRAININGS.items():
        counted = train_flops(experiment, model, arm) / training
        assert counted + read_bytes(experiment, model, arm) / core.cached_bytes.value == pytest.approx(
            measured, rel=0.25
        )


def test_fine_tuning_costs_its_steps_and_its_examples(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    experiment = resolve({"experiment": "x"})
    model = model_cost(experiment.pretrain.model)
    assert model is not None
    runs = (len(experiment.arms) + 1) * len(experiment.seeds)
    pair = model.image_flops + tokens_of(0) * model.token_flops
    trained = 3 * (2 + 2 - 1) * 200 * 64 * pair
    scored = (2 * 200 + 2 * 700) * pair
    shapes = (800 + 200 + 600) * model.image_flops
    assert costs({})["finetune"] == pytest.approx(runs * (trained + scored + shapes))
    assert costs({"finetune": {"tasks": []}})["finetune"] == 0


def test_benchmarks_without_a_size_are_named_and_guessed_sizes_are_marked():
    given = {"benchmarks": ["bivlc", "vismin", "bla", "svo_probes"], "data_root": "data"}
    experiment = resolve({"experiment": "x", "evaluate": given, "robustness": {"corruptions": []}})
    assert encoded(experiment, {})[2] == ["bla"]
    assert unverified(experiment) == ["svo_probes"]
