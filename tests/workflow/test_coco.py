"""The workflow on a folder of photographs in COCO's format."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

import coco_files
from checkout import Checkout, copy_checkout
from made_once import made_once

COCO = "tests/coco.yaml"


@pytest.fixture(scope="session")
def photographs(root: Path, shared: Path, python: str) -> Checkout:
    """A checkout in which the workflow ran on a folder in COCO format, up to one evaluation; one for all workers."""

    def run(folder: Path) -> None:
        checkout = copy_checkout(root, folder / "checkout", python)
        coco_files.write(checkout.path / "coco")
        score = "results/coco/evaluate/keyword/0/metrics.parquet"
        targets = ("data", "negatives", "inpaint", "pretrain", score)
        answer = checkout.snakemake("--cores", "2", "--", *targets, config=COCO)
        assert answer.returncode == 0, answer.stdout + answer.stderr

    return Checkout(made_once(shared / "coco", run) / "checkout", python=python)


@pytest.fixture
def trained(photographs: Checkout) -> Path:
    """Its results."""
    return photographs.path / "results" / "coco"


def test_every_stage_up_to_training_runs(trained: Path):
    for folder in ("data", "negatives/keyword", "negatives/random", "inpaint", "pretrain/store"):
        assert (trained / folder / "manifest.json").is_file()
    for arm in ("base", "clip", "keyword", "random"):
        assert (trained / "pretrain" / arm / "0" / "checkpoint" / "open_clip_model.safetensors").is_file()
    assert not list(trained.glob("negatives/*/truth.json"))


def test_negatives_and_pairs_are_of_the_photographs(trained: Path):
    images = pl.read_parquet(trained / "data" / "tables" / "images.parquet")
    for method in ("keyword", "random"):
        negatives = pl.read_parquet(trained / "negatives" / method / "negatives.parquet")
        assert negatives.height > 0
        assert set(negatives["image_id"]) <= set(images.filter(pl.col("split") == "train")["image_id"])
    pairs = pl.read_parquet(trained / "inpaint" / "test-00000-of-00001.parquet")
    assert pairs.height == 2 and set(pairs["concept"]) == {"color"}


def test_a_trained_model_is_scored_on_the_sources_retrieval(trained: Path):
    metrics = pl.read_parquet(trained / "evaluate" / "keyword" / "0" / "metrics.parquet")
    recall = metrics.filter(pl.col("benchmark") == "retrieval", pl.col("model") != "blind")
    assert recall.height and recall["n_expected"].null_count() == 0


def test_nothing_of_the_photographs_is_copied(trained: Path):
    assert not list((trained / "data").rglob("*.png"))
    summary = json.loads((trained / "data" / "summary.json").read_text())
    assert summary["images"] == {"train": 28, "val": 4, "test": 8}


def test_a_new_caption_file_runs_everything_again(photographs: Checkout, tmp_path: Path):
    finished = ("data", "negatives", "inpaint", "pretrain")
    assert photographs.planned(*finished, config=COCO) == {}
    mine = Checkout(tmp_path / "checkout", python=photographs.python)
    shutil.copytree(photographs.path, mine.path, symlinks=True)
    mine.append("coco/annotations/captions_val2017.json")
    again = mine.planned(*finished, config=COCO)
    assert again["data_tables"] == 1 and again["pretrain_arm"] == 3


def test_a_missing_source_is_refused_before_any_job(root: Path, tmp_path: Path, python: str):
    answer = copy_checkout(root, tmp_path / "checkout", python).snakemake("--cores", "1", "--", "data", config=COCO)
    output = answer.stdout + answer.stderr
    assert answer.returncode != 0
    for words in ("no root folder here", "file:   coco", "data.source.root"):
        assert words in output
