"""Sources of photographs: published files become tables, faults are set aside, and images stay in their files."""

from pathlib import Path
from typing import Any

import pytest
from photograph_sources import SHARDS, SOURCES, STATEMENTS, config, made, splits, summary, table

import source_files
from nearmiss.base.errors import InputError
from nearmiss.base.files import files_below, sha256


@pytest.mark.parametrize("case", SOURCES)
def test_the_source_makes_what_it_declares(tmp_path: Path, case: str):
    write, options = SOURCES[case]
    given = config(write(tmp_path / "root"), **options)
    out = made(given, tmp_path)
    declared = given.source.declare(str(out))
    named = {f"{out}/tables/{name}.parquet" for name in declared.tables}
    own = {f"{out}/{name}" for name in ("summary.json", "manifest.json", "cost.json")}
    written = {str(out / name) for name in files_below(out) if not name.startswith(".")}
    assert written == {*named, *declared.files, declared.words, *own}
    assert set(splits(out)) == set(declared.splits)
    images = table(out, "images")
    assert images.select("width", "height").unique().rows() == [(source_files.WIDTH, source_files.HEIGHT)]
    captions = table(out, "captions")
    assert set(captions["set"].unique()) == set(declared.caption_sets)
    assert set(captions["image_id"]) <= set(images["image_id"])
    assert summary(out)["set_aside"] == {}
    for name in declared.tables:
        if name.startswith("retrieval_"):
            assert table(out, name).height > 0


@pytest.mark.usefixtures("worker_server")
@pytest.mark.parametrize("case", ["gqa", "visual_genome", "folder", "webdataset"])
def test_bytes_do_not_depend_on_the_number_of_workers(tmp_path: Path, case: str):
    write, options = SOURCES[case]
    given = config(write(tmp_path / "root"), **options)
    one, two = made(given, tmp_path), made(given, tmp_path, workers=2)
    for name in files_below(one):
        if not name.startswith(".") and name != "cost.json":
            assert sha256(one / name) == sha256(two / name), name


@pytest.mark.parametrize("case", ["gqa", "visual_genome", "flickr8k", "folder", "webdataset"])
def test_quick_mode_and_limits_reduce_images(tmp_path: Path, case: str):
    write, options = SOURCES[case]
    given = config(write(tmp_path / "root"), **options, limit=10)
    assert table(made(given, tmp_path), "images").height == 10
    assert config(tmp_path, **options).source.smaller().limit == 500  # type: ignore[union-attr]


@pytest.mark.parametrize("case", ["gqa", "folder", "webdataset", "flickr8k", "visual_genome"])
def test_too_many_damaged_images_are_an_error_before_output(tmp_path: Path, case: str):
    write, options = SOURCES[case]
    root = write(tmp_path / "root")
    if case == "webdataset":
        files = {name: b"damaged" if name.endswith("3.jpg") else content for name, content in _members().items()}
        source_files.put_shard(root / "00000.tar", files)
    else:
        for file in sorted(root.rglob("*.jpg") if case != "folder" else root.rglob("*.png"))[:2]:
            file.write_bytes(b"damaged")
    with pytest.raises(InputError, match="images are damaged") as raised:
        made(config(root, **options, max_faulty=0.04), tmp_path)
    assert raised.value.record == "data.source.max_faulty"
    assert not list(tmp_path.glob("data*"))
    out = made(config(root, **options, max_faulty=0.3), tmp_path)
    assert summary(out)["set_aside"]["the image does not decode"] >= 1


def _members() -> dict[str, bytes]:
    return source_files.shard_members(0)


@pytest.mark.parametrize(
    ("case", "options", "problem", "key"),
    [
        ("gqa", {"images": "photos"}, "no folder of images here", "data.source.images"),
        ("gqa", {"captions": "x.json"}, "no file of captions here", "data.source.captions"),
        ("gqa", {"scene_graphs": {"train": "x.json"}}, "no file of scene_graphs", "data.source.scene_graphs.train"),
        ("visual_genome", {"image_data": "x.json"}, "no file of image_data", "data.source.image_data"),
        ("visual_genome", {"images": ["VG_100K", "VG"]}, "no folder of images here", "data.source.images.1"),
        ("flickr8k", {"captions": "x.json"}, "no file of captions here", "data.source.captions"),
        ("folder", {"image_key": "image"}, "no column 'image'; its columns are: filepath", "data.source.image_key"),
        ("folder", {"split_key": "part"}, "no column 'part'", "data.source.split_key"),
        ("folder", {"separator": ";"}, "no column 'filepath'", "data.source.image_key"),
        ("webdataset", {"shards": "*.tgz"}, "no shard matches", "data.source.shards"),
        (
            "webdataset",
            {"splits": {"train": 0.999, "val": 0.001}},
            "split 'val' has no image",
            "data.source.splits.val",
        ),
        ("webdataset", {"caption_field": "alt"}, "the sample has no text", "data.source.splits.train"),
    ],
)
def test_an_incomplete_source_is_refused(tmp_path: Path, case: str, options: dict, problem: str, key: str):
    write, usual = SOURCES[case]
    with pytest.raises(InputError, match=problem) as raised:
        made(config(write(tmp_path / "root"), **{**usual, **options}), tmp_path)
    assert raised.value.record == key and raised.value.remedy
    assert not list(tmp_path.glob("data*"))


@pytest.mark.parametrize("case", ["gqa", "flickr8k", "folder"])
def test_captions_of_other_images_are_refused(tmp_path: Path, case: str):
    write, options = SOURCES[case]
    root = write(tmp_path / "root")
    for file in (root / "images").iterdir():
        file.rename(file.with_name(f"x{file.name}"))
    with pytest.raises(
        InputError, match=r"none of the \d+ images that the file lists exists, such as .*images/"
    ) as raised:
        made(config(root, **options), tmp_path)
    assert "one split" in raised.value.remedy


def test_a_root_that_does_not_exist_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="no root folder here") as raised:
        config(tmp_path / "nowhere", **SHARDS).source.check()
    assert raised.value.record == "data.source.root"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"name": "gqa", "scene_graphs": {"val": "v.json"}}, "train is one of the splits"),
        ({"name": "visual_genome", "scene_graphs": "s.json", "objects": "o.json"}, "exclude each other"),
        ({"name": "visual_genome", "attributes": "a.json"}, "attributes needs objects"),
        ({"name": "visual_genome", **STATEMENTS}, "need scene_graphs or objects"),
        ({"name": "flickr30k", "split_files": {"train": "t.txt"}}, "goes with a token file"),
        ({"name": "folder", "captions": "captions.parquet"}, "ends with one of"),
        ({"name": "webdataset", "shards": "../*.tar"}, "stays below it"),
        ({"name": "coco", "captions": ["a.json", "b.json"], "instances": "i.json"}, "as many files as captions"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options: dict[str, Any], problem: str):
    with pytest.raises(ValueError, match=problem):
        config(Path("root"), **options)
