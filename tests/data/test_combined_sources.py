"""Several sources as one: prefixed ids, one root, and the union of splits and caption sets."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

import coco_files
import source_files
from nearmiss.base.errors import InputError
from nearmiss.base.files import files_below, sha256
from nearmiss.base.outputs import refuse_overlap
from nearmiss.base.tables import read_table
from nearmiss.config import resolve
from nearmiss.engine.benchmarks.data_root import SOURCE, DataRoot
from nearmiss.engine.images.decode import check_images
from nearmiss.overrides import parse_overrides
from nearmiss.stages.data.config import DataConfig
from nearmiss.stages.data.sources.combination import common_root
from nearmiss.stages.data.stage import run

HALVES = {"train": 0.5, "val": 0.25, "test": 0.25}


@pytest.fixture
def sources(tmp_path: Path) -> list[dict[str, Any]]:
    root = tmp_path / "roots"
    coco_files.write(root / "coco", 20)
    source_files.gqa(root / "gqa")
    source_files.shards(root / "tars" / "cc3m")
    instances = "annotations/instances_val2017.json"
    return [
        {"name": "coco", "root": str(root / "coco"), "instances": instances, "min_count": 2},
        {"name": "gqa", "root": str(root / "gqa"), "captions": "region_descriptions.json"},
        {"name": "webdataset", "root": str(root / "tars" / "cc3m"), "splits": HALVES},
    ]


def experiment(sources: Any, **options: Any) -> dict[str, Any]:
    return {
        "experiment": "both",
        "data": {"source": sources},
        "inpaint": {"operations": []},
        "finetune": {"tasks": []},
        "evaluate": {"benchmarks": ["retrieval"]},
        "robustness": {"corruptions": []},
        "compare": {"controls": []},
        "arms": {"base": {"objective": [{"term": "contrastive"}], "num_negatives": 0}},
        **options,
    }


def test_tables_are_concatenated_under_one_root(tmp_path: Path, sources: list[dict[str, Any]]):
    config = DataConfig.model_validate({"source": sources})
    out = tmp_path / "data"
    run(config=config, out=out)
    declared = config.source.declare(str(out))
    assert declared.splits == ("train", "val", "test") and declared.caption_sets == ("published",)
    assert declared.default_sets["base"] == "published" and declared.masks
    assert declared.image_root == str(tmp_path / "roots")
    tables = {name: read_table(out / "tables" / f"{name}.parquet", name.partition("_")[0]) for name in declared.tables}
    assert set(tables["origins"]["image_id"]) == {f"coco/{at}" for at in range(1, 21)}
    images = tables["images"]
    assert dict(images.group_by("source").len().iter_rows()) == {"coco": 20, "gqa": 16, "webdataset": 20}
    assert dict(images.select("image_id", "file").iter_rows())["webdataset/000010009"] == (
        "tars/cc3m/00001.tar//000010009.jpg"
    )
    check_images(images, Path(declared.image_root))
    known = set(images["image_id"])
    assert all(set(tables[name]["image_id"]) <= known for name in ("captions", "objects", "relations"))
    assert set(tables["relations"]["subject_id"]) <= set(tables["objects"]["object_id"])
    assert tables["captions"].height == 60 + 48 + 20
    assert {query.partition("/")[0] for query in tables["retrieval_val"]["caption_id"]} == {"coco", "gqa", "webdataset"}
    summary = json.loads((out / "summary.json").read_text())
    assert sum(summary["images"].values()) == 56 and summary["set_aside"] == {"a crowd": 2}
    manifest = json.loads((out / "manifest.json").read_text())
    assert {"coco/captions", "gqa/scene_graphs.train", "source/images"} <= set(manifest["inputs"])


def test_bytes_do_not_depend_on_the_number_of_workers(tmp_path: Path, sources: list[dict[str, Any]]):
    config = DataConfig.model_validate({"source": sources})
    for workers in (1, 2):
        run(config=config, out=tmp_path / str(workers), workers=workers)
    for name in files_below(tmp_path / "1"):
        if not name.startswith(".") and name != "cost.json":
            assert sha256(tmp_path / "1" / name) == sha256(tmp_path / "2" / name), name


def test_published_captions_and_statements_are_two_sets(tmp_path: Path, sources: list[dict[str, Any]]):
    config = DataConfig.model_validate({"source": [sources[0], {**sources[1], "captions": "scene_graphs"}]})
    run(config=config, out=tmp_path / "data")
    declared = config.source.declare("")
    assert declared.caption_sets == ("published", "scene_graphs") and declared.default_sets["base"] == "published"
    captions = pl.read_parquet(tmp_path / "data" / "tables" / "captions.parquet")
    assert dict(captions.group_by("set").len().iter_rows()) == {"published": 60, "scene_graphs": 32}


def test_a_source_listed_twice_has_numbered_ids(tmp_path: Path, sources: list[dict[str, Any]]):
    source_files.shards(tmp_path / "roots" / "more")
    more = {**sources[2], "root": str(tmp_path / "roots" / "more")}
    run(config=DataConfig.model_validate({"source": [sources[2], more]}), out=tmp_path / "data")
    images = pl.read_parquet(tmp_path / "data" / "tables" / "images.parquet")
    assert images.height == 40 and {"webdataset/000010009", "webdataset-2/000010009"} <= set(images["image_id"])


def photograph(number: int) -> Image.Image:
    """A smooth random image; different numbers look different."""
    noise = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((96, 96), Image.Resampling.BICUBIC)


def test_an_image_of_two_sources_is_kept_in_the_first(tmp_path: Path):
    coco, genome = coco_files.write(tmp_path / "coco", 20), source_files.visual_genome(tmp_path / "vg")
    for file in (coco / "val2017").iterdir():
        photograph(int(file.stem)).save(file)
    listed = json.loads((genome / "image_data.json").read_text())
    for record in listed:
        number, folder = record["image_id"], "VG_100K" if record["image_id"] % 2 else "VG_100K_2"
        record |= {"width": 96, "height": 96}
        photograph(100 + number).save(genome / folder / f"{number}.jpg")
    listed[2]["coco_id"] = 7  # image 3, which looks different
    photograph(9).resize((64, 64)).save(genome / "VG_100K" / "5.jpg", quality=80)
    (genome / "image_data.json").write_text(json.dumps(listed))
    sources = [
        {"name": "coco", "root": str(coco), "min_count": 1, "instances": "annotations/instances_val2017.json"},
        {"name": "visual_genome", "root": str(genome), "scene_graphs": "scene_graphs.json", "min_count": 1},
    ]
    found = {}
    for order in (sources, sources[::-1]):
        out = tmp_path / "results" / order[0]["name"]
        run(config=DataConfig.model_validate({"source": order}), out=out)
        aside = pl.read_parquet(out / "set_aside.parquet").filter(pl.col("reason").str.contains("earlier source"))
        found[order[0]["name"]] = dict(aside.select("image_id", "reason").iter_rows())
        summary = json.loads((out / "summary.json").read_text())
        assert (summary["shared_by_number"], summary["shared_by_content"]) == (1, 1)
        for name in ("images", "captions", "objects", "relations"):
            table = pl.read_parquet(out / "tables" / f"{name}.parquet")
            assert table.height and not set(table["image_id"]) & set(found[order[0]["name"]])
    reason = "the image is in an earlier source; record: "
    assert found == {
        "coco": {"visual_genome/3": f"{reason}coco/7", "visual_genome/5": f"{reason}coco/9"},
        "visual_genome": {"coco/7": f"{reason}visual_genome/3", "coco/9": f"{reason}visual_genome/5"},
    }


def test_a_list_of_one_source_is_this_source(sources: list[dict[str, Any]]):
    one, listed = (DataConfig.model_validate({"source": given}) for given in (sources[0], sources[:1]))
    assert one == listed


def test_a_configuration_with_several_sources_is_resolved_dumped_and_reduced(sources: list[dict[str, Any]]):
    found = resolve(experiment(sources))
    assert found.pretrain.base.captions == "published"
    assert DataConfig.model_validate(found.data.model_dump(mode="json")) == found.data
    changed = parse_overrides(["data.source.1.captions_per_image=1", "data.source.0.limit=12"])
    quick = resolve(experiment(sources, quick=True), overrides=changed)
    given = quick.data.model_dump()["source"]
    assert [each["limit"] for each in given] == [12, 500, 500] and given[1]["captions_per_image"] == 1


def test_gqa_without_captions_can_only_be_combined(sources: list[dict[str, Any]]):
    bare = {**sources[1], "captions": None}
    assert resolve(experiment([bare, sources[0]])).pretrain.continued.captions == "published"
    with pytest.raises(InputError, match="the data source has no captions") as raised:
        resolve(experiment(bare))
    assert raised.value.record == "data.source"


@pytest.mark.parametrize(
    ("change", "problem", "key"),
    [
        ({"captions": "x.json"}, "no file of captions here", "data.source.1.captions"),
        ({"max_faulty": 0.0}, "images are damaged", "data.source.1.max_faulty"),
    ],
)
def test_errors_name_the_source_in_the_list(tmp_path: Path, sources: list, change: dict, problem: str, key: str):
    (tmp_path / "roots" / "gqa" / "images" / "100.jpg").write_bytes(b"damaged")
    with pytest.raises(InputError, match=problem) as raised:
        run(config=DataConfig.model_validate({"source": [sources[0], sources[1] | change]}), out=tmp_path / "data")
    assert raised.value.record == key and not (tmp_path / "data").exists()


def test_the_synthetic_world_does_not_combine(sources: list[dict[str, Any]]):
    with pytest.raises(InputError, match="the source 'world' does not combine with others"):
        resolve(experiment([{"name": "world"}, sources[0]]))
    with pytest.raises(InputError, match="unknown key 'limt'") as raised:
        resolve(experiment([sources[0], {**sources[1], "limt": 3}]))
    assert raised.value.record.startswith("data.source.1.") and raised.value.remedy == "did you mean 'limit'?"


def test_the_common_root_is_relative_where_all_roots_are():
    assert common_root(["data/coco", "data/vg"]) == "data"
    assert common_root(["coco", "vg"]) == "."
    assert common_root(["/a/coco", "/a/b/vg"]) == "/a"
    assert common_root(["../coco", "vg"]) == str(Path.cwd().parent)


def test_results_can_be_below_the_image_root(tmp_path: Path):
    (tmp_path / "tables").mkdir()
    root = DataRoot(None, {"tables": tmp_path / "tables", SOURCE: tmp_path})
    refuse_overlap(tmp_path / "results", root.inputs(), [root.path(SOURCE)])
    with pytest.raises(InputError, match="lies inside of an input"):
        refuse_overlap(tmp_path / "tables" / "results", root.inputs())
