"""Flickr and lists of captions as sources."""

import json
from pathlib import Path

import polars as pl
import pytest
from photograph_sources import (
    LISTS,
    config,
    made,
    splits,
    table,
)

import source_files


def test_both_forms_of_flickr_have_the_same_captions(tmp_path: Path):
    root = source_files.flickr(tmp_path / "root")
    json_form, token_form = (made(config(root, name="flickr8k", **options), tmp_path) for options in ({}, LISTS))
    assert splits(json_form) == splits(token_form) == {"train": 6, "val": 3, "test": 3}
    for out in (json_form, token_form):
        rows = table(out, "captions").filter(pl.col("image_id") == "1003_ab")["text"]
        assert sorted(rows) == sorted(source_files.text(3, at) for at in range(3))
    assert "1003_ab.jpg#2" in table(token_form, "captions")["caption_id"].to_list()


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl"])
def test_every_form_of_a_list_gives_the_same_tables(tmp_path: Path, form: str):
    root = source_files.listed(tmp_path / "root", form)
    out = made(config(root, name="folder", captions=f"captions.{form}", split_key="split"), tmp_path)
    assert splits(out) == {"train": 6, "val": 3, "test": 3}
    captions = table(out, "captions").filter(pl.col("image_id") == "004.png")
    assert captions["caption_id"].to_list() == ["004.png#0", "004.png#1"]
    assert captions["text"].to_list() == sorted([source_files.text(4, 0), source_files.text(4, 1)])


def test_a_list_can_have_absolute_paths_and_several_captions_a_line(tmp_path: Path):
    root = source_files.listed(tmp_path / "root")
    lines = [
        json.dumps({"image": str(root / "images" / f"{at:03d}.png"), "texts": [source_files.text(at), "a second text"]})
        for at in range(12)
    ]
    (root / "own.jsonl").write_text("\n".join(lines))
    options = {"captions": "own.jsonl", "image_key": "image", "caption_key": "texts"}
    captions = table(made(config(root, name="folder", **options), tmp_path), "captions")
    assert captions.height == 24 and captions["image_id"][0] == "000.png"
