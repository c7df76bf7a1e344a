"""Shipped configurations: each can be read, those with downloads can be planned, the papers' run in quick mode."""

import json
import sys
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from checkout import Checkout, copy_checkout
from nearmiss.config import load
from nearmiss.downloads import needed_downloads
from nearmiss.plan.sizes import splits_of
from nearmiss.plan.stage_costs import stage_costs

sys.path.append(str(Path(__file__).parents[1] / "download"))

import file_server

import published_archives

CONFIG = Path(__file__).parents[2] / "config"
FILES = sorted(str(path.relative_to(CONFIG)) for path in CONFIG.rglob("*.yaml"))
PHOTOGRAPHS = ("coco", "photographs", "study-photographs", "papers/")
DOWNLOADED = [name for name in FILES if name.startswith(PHOTOGRAPHS)]
RULES = {  # stage of a plan -> its rules
    "download": ("download",),
    "data": ("data_held_out", "data_tables"),
    "negatives": ("negatives_generate", "negatives_match"),
    "inpaint": ("inpaint_pairs",),
    "pretrain": (
        "pretrain_store",
        "pretrain_image_features",
        "pretrain_caption_features",
        "pretrain_negative_features",
        "pretrain_base",
        "pretrain_arm",
    ),
    "evaluate": ("evaluate_image_features", "evaluate_run", "evaluate_interpolation"),
    "robustness": ("robustness_corrupted", "robustness_run"),
    "compare": ("compare_page", "compare_track"),
}


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("name", FILES)
def test_every_configuration_can_be_read(name, quick):
    experiment = load(CONFIG / name, {"quick": True} if quick else None)
    assert experiment.experiment.endswith("-quick") or not quick


@pytest.mark.parametrize("name", DOWNLOADED)
def test_quick_mode_downloads_only_what_it_reads(name):
    whole, quick = load(CONFIG / name), load(CONFIG / name, {"quick": True})
    of_whole, of_quick = ({entry.name for entry in needed_downloads(each).entries} for each in (whole, quick))
    assert of_quick <= of_whole
    assert "coco_2014_train_images" not in of_quick and "coco_2017_train_images" not in of_quick
    assert quick.data.source.limit == 500


def test_published_pairs_are_downloaded_where_an_experiment_makes_none():
    experiment = load(CONFIG / "papers" / "inpaintcoco.yaml")
    assert "inpaintcoco" in {entry.name for entry in needed_downloads(experiment).entries}
    assert "inpaintcoco" not in {entry.name for entry in needed_downloads(load(CONFIG / "coco.yaml")).entries}


@pytest.fixture(scope="module")
def checkout(root, tmp_path_factory, python) -> Checkout:
    return copy_checkout(root, tmp_path_factory.mktemp("configurations") / "checkout", python)


@pytest.mark.parametrize("name", DOWNLOADED)
def test_a_dry_run_has_the_jobs_of_the_plan(checkout, name):
    values = yaml.safe_load((CONFIG / name).read_text())
    values["download"]["accept"] = ["all"]
    values["evaluate"]["missing"] = "allow"
    (checkout.path / "accepted.yaml").write_text(json.dumps(values))
    planned = checkout.planned(config="accepted.yaml")
    experiment = load(checkout.path / "accepted.yaml")
    stages = stage_costs(experiment, needed_downloads(experiment), splits_of(experiment) or {}, None)
    assert {stage.stage: stage.jobs for stage in stages if stage.jobs} == {
        stage: count for stage, rules in RULES.items() if (count := sum(planned.get(rule, 0) for rule in rules))
    }


def test_without_disk_space_a_dry_run_plans_and_a_run_starts_no_job(checkout):
    catalog = yaml.safe_load(files("nearmiss.engine.downloads").joinpath("catalog.yaml").read_text())
    for entry in catalog.values():
        entry["files"] = [{**file, "bytes": 10**18} for file in entry.get("files", [])]
    (checkout.path / "catalog.json").write_text(json.dumps(catalog))
    values = yaml.safe_load((CONFIG / "coco.yaml").read_text())
    values["download"] |= {"accept": ["all"], "catalog": "catalog.json"}
    values["evaluate"]["missing"] = "allow"
    (checkout.path / "large.yaml").write_text(json.dumps(values))
    assert checkout.planned(config="large.yaml")["download"]
    refused = checkout.snakemake("--cores", "1", config="large.yaml")
    assert refused.returncode == 1
    assert "too little disk space" in refused.stdout + refused.stderr
    assert "Execute" not in refused.stdout + refused.stderr


@pytest.mark.parametrize(
    "paper", ["inpaintcoco", *(pytest.param(name, marks=pytest.mark.slow) for name in ("ce_clip", "hnc"))]
)
def test_a_paper_is_reproduced_in_quick_mode_by_one_command(root, tmp_path, paper, python):
    mine = copy_checkout(root, tmp_path / "checkout", python)
    with file_server.running() as server:
        names = getattr(published_archives, paper)(server, tmp_path / "files", tmp_path / "catalog.json")
        changes = published_archives.overrides(tmp_path / "catalog.json", names)
        done = mine.run("--quick", *changes, config=f"config/papers/{paper}.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    page = (mine.path / "results" / f"{paper}-quick" / "compare" / "index.html").read_text()
    assert "Published results" in page
    assert f"Published results ({paper})" in done.stdout
