"""A configuration of every source of photographs, and the tables that stage data makes of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

import source_files
from nearmiss.base.tables import read_table
from nearmiss.stages.data.config import DataConfig
from nearmiss.stages.data.stage import run

COMMON: dict[str, Any] = {"min_count": 1}
HALVES = {"train": 0.5, "val": 0.25, "test": 0.25}
REGIONS = {"captions": "region_descriptions.json"}
STATEMENTS = {"captions": "scene_graphs"}
SEPARATE = {key: f"{key}.json" for key in ("objects", "attributes", "relationships")}
TOKENS = {"captions": "captions.token"}
LISTS = {**TOKENS, "split_files": {"train": "train.txt", "val": "val.txt", "test": "test.txt"}}
SHARDS = {"name": "webdataset", "splits": HALVES}
SOURCES: dict[str, tuple[Callable[[Path], Path], dict[str, Any]]] = {
    "gqa": (source_files.gqa, {"name": "gqa", **REGIONS}),
    "gqa_without_captions": (source_files.gqa, {"name": "gqa"}),
    "gqa_statements": (source_files.gqa, {"name": "gqa", **STATEMENTS}),
    "visual_genome": (
        source_files.visual_genome,
        {"name": "visual_genome", "scene_graphs": "scene_graphs.json", "splits": HALVES},
    ),
    "visual_genome_statements": (
        source_files.visual_genome,
        {"name": "visual_genome", "scene_graphs": "scene_graphs.json", "splits": HALVES, **STATEMENTS},
    ),
    "flickr8k": (source_files.flickr, {"name": "flickr8k"}),
    "flickr8k_tokens": (source_files.flickr, {"name": "flickr8k", **TOKENS, "splits": HALVES}),
    "flickr8k_lists": (source_files.flickr, {"name": "flickr8k", **LISTS}),
    "flickr30k": (lambda root: source_files.flickr(root, "flickr30k"), {"name": "flickr30k"}),
    "folder": (source_files.listed, {"name": "folder", "splits": HALVES}),
    "folder_splits": (source_files.listed, {"name": "folder", "split_key": "split"}),
    "webdataset": (source_files.shards, SHARDS),
}


def config(root: Path, **options: Any) -> DataConfig:
    return DataConfig.model_validate({"source": {**COMMON, "root": str(root), **options}})


def made(given: DataConfig, parent: Path, workers: int = 1) -> Path:
    out = parent / f"data{len(list(parent.iterdir()))}"
    run(config=given, out=out, workers=workers)
    return out


def table(out: Path, name: str) -> pl.DataFrame:
    return read_table(out / "tables" / f"{name}.parquet", name.partition("_")[0])


def summary(out: Path) -> dict[str, Any]:
    return dict(json.loads((out / "summary.json").read_text()))


def splits(out: Path) -> dict[str, int]:
    return dict(table(out, "images").group_by("split").len().iter_rows())
