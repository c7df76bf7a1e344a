"""The workflow on several data sources at once, one of them tar shards."""

from pathlib import Path

import yaml

import coco_files
import source_files
from checkout import copy_checkout

ROOT = Path(__file__).resolve().parents[2]


def test_a_list_of_sources_is_planned_as_one(root: Path, tmp_path: Path, python: str):
    checkout = copy_checkout(root, tmp_path / "checkout", python)
    coco_files.write(checkout.path / "coco")
    source_files.shards(checkout.path / "shards")
    config = yaml.safe_load((ROOT / "tests" / "coco.yaml").read_text())
    shards = {"name": "webdataset", "root": "shards", "splits": {"train": 0.6, "val": 0.2, "test": 0.2}}
    config["data"]["source"] = [config["data"]["source"], shards]
    (checkout.path / "both.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    planned = checkout.planned("data", "pretrain", "evaluate", config="both.yaml")
    assert planned["data_tables"] == planned["pretrain_store"] == 1
