"""The workflow on files that it downloads first: a small folder in COCO's format, as archives of a local server."""

import json
import shutil
import sys
from pathlib import Path

import pytest
import yaml

import coco_files
from checkout import Checkout, copy_checkout

sys.path.append(str(Path(__file__).parents[1] / "download"))

import file_server
from published import entry, remote, write_catalog, zipped_folder


@pytest.fixture
def server():
    with file_server.running() as running:
        yield running


def configure(mine: Checkout, **download: object) -> str:
    values = yaml.safe_load((mine.path / "tests" / "coco.yaml").read_text())
    values["data"]["source"] |= {"root": "files/coco", "download": ["toy_annotations"]}
    values["download"] = {"root": "files", "catalog": "catalog.json", **download}
    (mine.path / "download.yaml").write_text(json.dumps(values))
    return "download.yaml"


def test_missing_files_are_downloaded_once_and_before_anything_reads_them(root, tmp_path, server, python):
    mine = copy_checkout(root, tmp_path / "checkout", python)
    files = coco_files.write(tmp_path / "coco")
    images = zipped_folder(files / "val2017")
    annotations = zipped_folder(files / "annotations")
    folder = "coco/annotations"
    names = [f"{folder}/{kind}_val2017.json" for kind in ("captions", "instances")]
    images = {"unpack": "zip", "into": "coco/val2017", "provides": ["coco/val2017"], "body": images}
    annotations = {"unpack": "zip", "into": folder, "provides": names, "body": annotations}
    entries = {
        "toy_images": entry(remote(server, "coco/val2017.zip", **images)),
        "toy_annotations": entry(remote(server, "coco/annotations.zip", **annotations), needs=["toy_images"]),
    }
    write_catalog(mine.path / "catalog.json", entries)

    refused = mine.snakemake("--dry-run", "data", config=configure(mine))
    for name in entries:
        assert f"license not accepted: {name}" in refused.stdout + refused.stderr
    assert not server.requests

    config = configure(mine, accept=["all"])
    assert mine.planned("data", config=config) == {"download": 2, "data_tables": 1, "data": 1}
    done = mine.snakemake("--cores", "2", "--", "data", config=config)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((mine.path / "results/coco/data/summary.json").read_text())["images"]["train"] == 28
    assert sorted(server.paths()) == ["coco/annotations.zip", "coco/val2017.zip"]

    assert mine.planned("data", config=config) == {}
    shutil.rmtree(mine.path / "files" / "coco" / "val2017")
    again = mine.snakemake("--cores", "2", "--", "data", config=config)
    assert again.returncode == 0, again.stdout + again.stderr
    assert len(list((mine.path / "files" / "coco" / "val2017").iterdir())) == 40
