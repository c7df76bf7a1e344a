"""What is made again after a change, and what is not."""

import json
import time

import pytest

from nearmiss.base.files import sha256
from nearmiss.config import load

EVERYTHING = {
    "data_tables": 1,
    "negatives_generate": 2,
    "negatives_truth": 2,
    "inpaint_pairs": 1,
    "pretrain_store": 1,
    "pretrain_base": 1,
    "pretrain_arm": 3,
    "finetune_run": 5,
    "evaluate_run": 4,
    "robustness_corrupted": 1,
    "robustness_run": 4,
    "compare_page": 1,
    "compare_track": 1,
}
FOLLOWING_ONE_ARM = {"finetune_run": 1, "evaluate_run": 1, "robustness_run": 1}
NEGATIVES = {rule for rule in EVERYTHING if rule.startswith("negatives_")}
COMPARE = {"compare_page", "compare_track"}
SCORED = {"finetune_run", "evaluate_run", "robustness_run", *COMPARE}  # what follows from a checkpoint


def test_a_second_run_has_nothing_to_do(finished):
    started = time.monotonic()
    answer = finished.run()
    assert answer.returncode == 0
    assert "Nothing to be done" in answer.stdout
    assert time.monotonic() - started < 20


def test_a_bare_snakemake_runs_the_same_jobs(finished):
    answer = finished.snakemake("--cores", "all")
    assert answer.returncode == 0
    assert "Nothing to be done" in answer.stdout + answer.stderr


def test_another_order_of_keys_changes_nothing(mine):
    assert mine.planned(config=mine.configure()) == {}


@pytest.mark.parametrize(
    ("files", "rules"),
    [
        (["src/nearmiss/cli.py", "src/nearmiss/watch.py", "README.md", "tests/conftest.py"], set()),
        (["src/nearmiss/stages/compare/stage.py"], COMPARE),
        (["src/nearmiss/stages/evaluate/stage.py"], {"evaluate_run", *COMPARE}),
        (["src/nearmiss/stages/negatives/stage.py"], {*NEGATIVES, "pretrain_arm", *SCORED}),
        (
            ["src/nearmiss/stages/pretrain/stage.py"],
            {"pretrain_store", "pretrain_base", "pretrain_arm", *SCORED},
        ),
        (["src/nearmiss/stages/inpaint/stage.py"], {"inpaint_pairs", "evaluate_run", *COMPARE}),
        (["src/nearmiss/stages/finetune/stage.py"], {"finetune_run", *COMPARE}),
        (["src/nearmiss/stages/robustness/stage.py"], {"robustness_corrupted", "robustness_run", *COMPARE}),
        (["src/nearmiss/stages/data/stage.py"], set(EVERYTHING)),
    ],
)
def test_an_edit_re_runs_only_its_stage_and_dependents(mine, files, rules):
    for file in files:
        mine.append(file)
    assert set(mine.planned()) == rules


@pytest.mark.parametrize("file", ["src/nearmiss/base/errors.py", "src/nearmiss/stages/data/stage.py"])
def test_a_comment_re_runs_nothing(mine, file):
    mine.append(file, "\n# planted\n")
    assert mine.planned() == {}


def test_a_loss_term_re_runs_the_arms_that_use_it_and_dependents(mine):
    mine.append("src/nearmiss/engine/objectives/sigmoid.py")
    assert mine.planned() == {}
    mine.append("src/nearmiss/engine/objectives/own_negatives.py")
    assert mine.planned() == {"pretrain_arm": 1, **FOLLOWING_ONE_ARM, "compare_page": 1, "compare_track": 1}


def test_a_method_re_runs_its_negatives_and_dependents(mine):
    mine.append("src/nearmiss/stages/negatives/swap/method.py")
    assert mine.planned() == {}
    mine.append("src/nearmiss/stages/negatives/keyword/words.py")
    made = {"negatives_generate": 1, "negatives_truth": 1, "pretrain_arm": 1, **FOLLOWING_ONE_ARM}
    assert mine.planned() == {**made, "compare_page": 1, "compare_track": 1}


def test_a_fingerprint_names_the_pins(finished):
    lock = sha256(finished.path / "requirements.lock")
    fingerprints = sorted((finished.results() / "fingerprint").rglob("*.json"))
    assert len(fingerprints) == 7 + 2 + 4  # stages, methods, arms
    assert {json.loads(file.read_text())["lock"] for file in fingerprints} == {lock}


def test_a_learning_rate_re_runs_its_arm_and_dependents(mine):
    arms = load(mine.path / "tests" / "tiny.yaml").model_dump(mode="json")["arms"]
    arms["keyword"]["text_lr"] = 1.5e-3
    planned = mine.planned(config=mine.configure(arms=arms))
    assert planned == {"pretrain_arm": 1, **FOLLOWING_ONE_ARM, "compare_page": 1, "compare_track": 1}


def test_a_second_seed_adds_runs_and_changes_none(mine):
    planned = mine.planned(config=mine.configure(seeds=[0, 1]))
    again = {"pretrain_base": 1, "pretrain_arm": 3, "finetune_run": 5, "evaluate_run": 4, "robustness_run": 4}
    assert planned == {**again, "compare_page": 1, "compare_track": 1}


def test_an_interval_of_compare_re_runs_only_compare(mine):
    config = mine.configure(compare={"resamples": 100, "controls": ["clip"], "level": 0.9})
    assert set(mine.planned(config=config)) == COMPARE


@pytest.mark.parametrize(
    ("file", "planned"),
    [
        ("pretrain/hnc/0/checkpoint/open_clip_model.safetensors", {"pretrain_arm": 1, **FOLLOWING_ONE_ARM}),
        (
            "negatives/scene_graph/captions.parquet",
            {"negatives_generate": 1, "negatives_truth": 1, "pretrain_arm": 1, **FOLLOWING_ONE_ARM},
        ),
        ("compare/index.html", {}),
    ],
)
def test_a_deleted_result_and_its_dependents_run_again(mine, file, planned):
    (mine.results() / file).unlink()
    assert mine.planned() == {**planned, "compare_page": 1, "compare_track": 1}


def test_the_record_of_mlflow_is_rebuilt_without_running_a_job(mine):
    (mine.path / "results" / "mlflow.db").unlink()
    answer = mine.run()
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "Nothing to be done" in answer.stdout
    assert (mine.path / "results" / "mlflow.db").is_file()


def test_a_wrong_configuration_ends_before_any_job(mine):
    config = mine.configure(seeds=["one"])
    for answer in (mine.run(config=config), mine.snakemake("--cores", "1", config=config)):
        output = answer.stdout + answer.stderr
        assert answer.returncode != 0
        assert "seeds.0" in output and "Traceback" not in output
