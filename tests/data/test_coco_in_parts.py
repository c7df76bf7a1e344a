"""COCO in two folders with a file of captions for each, as in its 2014 release."""

import json
from pathlib import Path

import pytest
from photograph_sources import (
    config,
    made,
    summary,
    table,
)

import coco_files
import source_files
from nearmiss.base.errors import InputError


def two_years(root: Path) -> Path:
    """COCO in two parts: the first 10 images in val2014, the others in train2014, files of captions for each."""
    coco_files.write(root, 20)
    (root / "val2017").rename(root / "val2014")
    (root / "train2014").mkdir()
    for kind in ("captions", "instances"):
        content = json.loads((root / "annotations" / f"{kind}_val2017.json").read_text())
        for folder, ids in (("val2014", range(1, 11)), ("train2014", range(11, 21))):
            part = {
                **content,
                "images": [each for each in content["images"] if each["id"] in ids],
                "annotations": [each for each in content["annotations"] if each["image_id"] in ids],
            }
            source_files.put(root / "annotations" / f"{kind}_{folder}.json", part)
    for image_id in range(11, 21):
        (root / "val2014" / f"{image_id:012d}.png").rename(root / "train2014" / f"{image_id:012d}.png")
    return root


PARTS = {
    key: [f"annotations/{key}_{year}.json" for year in ("train2014", "val2014")] for key in ("captions", "instances")
}


def test_coco_train_and_val_with_karpathy_splits(tmp_path: Path):
    root = two_years(tmp_path / "root")
    names = {1: "test", 2: "val", 3: "restval", 11: "train", 12: "train"}
    options = {
        "name": "coco",
        "images": ["train2014", "val2014"],
        **PARTS,
        "karpathy": coco_files.karpathy(root, names),
    }
    out = made(config(root, **options), tmp_path)
    images = table(out, "images").select("image_id", "file", "split").rows()
    assert images == [
        ("1", "val2014/000000000001.png", "test"),
        ("11", "train2014/000000000011.png", "train"),
        ("12", "train2014/000000000012.png", "train"),
        ("2", "val2014/000000000002.png", "val"),
        ("3", "val2014/000000000003.png", "train"),
    ]
    assert table(out, "captions").height == 15 and table(out, "objects").height == 10
    assert summary(out)["set_aside"]["the image is in no split of Karpathy's file"] == 15


def test_a_limit_counts_over_all_files_of_captions(tmp_path: Path):
    root = two_years(tmp_path / "root")
    options = {"name": "coco", "images": ["train2014", "val2014"], **PARTS, "limit": 10}
    assert table(made(config(root, **options), tmp_path), "images").height == 10


def test_ids_that_two_files_share_are_qualified_and_shared_images_refused(tmp_path: Path):
    root = two_years(tmp_path / "root")
    options = {"name": "coco", "images": ["train2014", "val2014"], "captions": PARTS["captions"]}
    path = root / PARTS["captions"][1]
    content = json.loads(path.read_text())
    content["annotations"][0]["id"] = 31
    source_files.put(path, content)
    captions = table(made(config(root, **options), tmp_path), "captions")
    assert {"captions_val2014/31", "captions_train2014/31"} <= set(captions["caption_id"])
    with pytest.raises(InputError, match="listed by two files of captions"):
        made(config(root, **{**options, "captions": [PARTS["captions"][0]] * 2}), tmp_path)


def test_instances_and_captions_of_other_splits_are_refused(tmp_path: Path):
    root = two_years(tmp_path / "root")
    usual = {"name": "coco", "images": "train2014", "captions": PARTS["captions"][0]}
    with pytest.raises(InputError, match="no caption belongs to an image of the instances"):
        made(config(root, **usual | {"images": "val2014", "instances": PARTS["instances"][1]}), tmp_path)
    with pytest.raises(InputError, match=r"no photograph can be used:\n.*the image is missing \(10\), such as"):
        made(config(root, **usual | {"images": "val2014"}), tmp_path)
