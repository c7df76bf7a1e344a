"""Sources of photographs: published files become tables, faults are set aside, and nothing is copied."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import coco_files
import source_files
from nearmiss.base.errors import InputError
from nearmiss.base.files import files_below, sha256
from nearmiss.base.table_parts import CompressedTable
from nearmiss.base.tables import read_table
from nearmiss.engine.formats import set_aside
from nearmiss.stages.data.config import DataConfig
from nearmiss.stages.data.sources import statement_captions, tables
from nearmiss.stages.data.stage import run
from nearmiss.stages.negatives.reading import read_corpus

REAL_GRAPHS = Path(__file__).parents[3] / "shared" / "realdata" / "gqa_scene_graph_sample" / "train-sgs-sample.json"
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


@pytest.mark.parametrize("case", SOURCES)
def test_what_is_declared_is_what_is_made(tmp_path: Path, case: str):
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


@pytest.mark.parametrize("case", ["gqa", "visual_genome", "folder", "webdataset"])
def test_the_number_of_workers_changes_no_byte(tmp_path: Path, case: str):
    write, options = SOURCES[case]
    given = config(write(tmp_path / "root"), **options)
    one, two = made(given, tmp_path), made(given, tmp_path, workers=2)
    for name in files_below(one):
        if not name.startswith(".") and name != "cost.json":
            assert sha256(one / name) == sha256(two / name), name


@pytest.mark.parametrize("case", ["gqa", "visual_genome", "flickr8k", "folder", "webdataset"])
def test_quick_and_limits_leave_fewer_images(tmp_path: Path, case: str):
    write, options = SOURCES[case]
    given = config(write(tmp_path / "root"), **options, limit=10)
    assert table(made(given, tmp_path), "images").height == 10
    assert config(tmp_path, **options).source.smaller().limit == 500  # type: ignore[union-attr]


def test_gqa_as_tables(tmp_path: Path):
    out = made(config(source_files.gqa(tmp_path / "root"), name="gqa", **REGIONS), tmp_path)
    assert splits(out) == {"train": 12, "val": 4}
    assert table(out, "images").row(0) == ("100", "images/100.jpg", 40, 30, "train", "gqa", False), "not exhaustive"
    objects = table(out, "objects").filter(pl.col("image_id") == "101").rows()
    assert objects == [
        ("1011", "101", "cat", 1.0, 2.0, 10.0, 12.0, ["blue"], None, 2),
        ("1012", "101", "box", 20.0, 2.0, 15.0, 20.0, [], None, 3),
    ], "the last column is the order of the file"
    assert table(out, "relations").row(1) == ("101", "1011", "to the left of", "1012", 1)
    captions = table(out, "captions").filter(pl.col("image_id") == "101")
    assert captions["caption_id"].to_list() == ["1010", "1011", "1012"]
    assert captions["text"].to_list() == [source_files.text(101, at) for at in range(3)]


def test_gqa_without_captions_serves_negatives_from_scene_graphs(tmp_path: Path):
    given = config(source_files.gqa(tmp_path / "root"), name="gqa")
    folder = made(given, tmp_path) / "tables"
    files = {name: folder / f"{name}.parquet" for name in ("captions", "images", "objects", "relations")}
    corpus = read_corpus(**files)
    assert len(corpus.captions) == 0 and corpus.objects.height == 24 and corpus.relations.height == 12
    assert given.source.declare("").caption_sets == ()


def test_statements_of_scene_graphs_are_captions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    root = source_files.gqa(tmp_path / "root", val=8)
    whole = made(config(root, name="gqa", **STATEMENTS), tmp_path)
    captions = table(whole, "captions")
    assert captions.filter(pl.col("image_id") == "101").rows() == [
        ("101#0", "101", "The blue cat is to the left of the box.", "hnc_relation", "scene_graphs", "scene_graphs"),
        ("101#1", "101", "The cat is blue.", "hnc_attribute", "scene_graphs", "scene_graphs"),
    ]
    right = table(whole, "retrieval_val").filter(pl.col("image_id") == "201")["right"]
    assert right.to_list() == [["201", "205"]] * 2, "the two images have the same statements"
    monkeypatch.setattr(statement_captions, "_PART", 3)
    one = made(config(root, name="gqa", **STATEMENTS, captions_per_image=1), tmp_path)
    assert table(one, "captions").equals(captions.filter(pl.col("caption_id").str.ends_with("#0")))


def test_captions_of_an_image_are_limited(tmp_path: Path):
    given = config(source_files.gqa(tmp_path / "root"), name="gqa", **REGIONS, captions_per_image=2)
    captions = table(made(given, tmp_path), "captions")
    assert captions.height == 32 and captions.group_by("image_id").len()["len"].unique().to_list() == [2]


@pytest.mark.parametrize(
    "options",
    [
        {"scene_graphs": "scene_graphs.json"},
        SEPARATE,
    ],
    ids=["one_file", "three_files"],
)
def test_visual_genome_as_tables(tmp_path: Path, options: dict[str, str]):
    root = source_files.visual_genome(tmp_path / "root")
    out = made(config(root, name="visual_genome", **options), tmp_path)
    images = table(out, "images")
    assert images.height == 12 and images.row(0)[:2] == ("1", "VG_100K/1.jpg")
    assert dict(images.select("image_id", "file").iter_rows())["2"] == "VG_100K_2/2.jpg"
    objects = table(out, "objects").filter(pl.col("image_id") == "2").rows()
    assert objects == [
        ("20", "2", "cat", 0.0, 2.0, 12.0, 12.0, ["green"], None),
        ("21", "2", "box", 20.0, 2.0, 12.0, 12.0, [], None),
    ]
    relations = table(out, "relations")
    assert relations.height == 12 and relations["predicate"].unique().to_list() == ["near"]
    assert table(out, "captions").height == 36


def small_parts(monkeypatch: pytest.MonkeyPatch):
    for module, name in ((tables, "_PART"), (tables, "_SORTED"), (set_aside, "_CHUNK")):
        monkeypatch.setattr(module, name, 5)


def test_the_size_of_parts_changes_no_row_of_scene_graphs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    given = config(source_files.gqa(tmp_path / "root"), name="gqa", **STATEMENTS)
    whole = made(given, tmp_path)
    small_parts(monkeypatch)
    parts = made(given, tmp_path)
    for name in ("captions", "objects", "relations"):
        assert table(parts, name).equals(table(whole, name)), name
    assert "position" in table(whole, "objects").columns


def test_neither_the_order_of_a_file_nor_the_size_of_parts_changes_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    root = source_files.visual_genome(tmp_path / "root")
    given = config(root, name="visual_genome", **SEPARATE)
    whole = made(given, tmp_path)
    for name in ("attributes", "relationships"):
        source_files.put(root / f"{name}.json", json.loads((root / f"{name}.json").read_text())[::-1])
    small_parts(monkeypatch)
    parts = made(given, tmp_path)
    for name in ("captions", "objects", "relations", "retrieval_val"):
        assert table(parts, name).equals(table(whole, name)), name
    assert (parts / "words.txt").read_bytes() == (whole / "words.txt").read_bytes()
    assert files_below(parts).keys() == files_below(whole).keys()


def test_boxes_of_visual_genome_are_cut_to_the_image(tmp_path: Path):
    root = source_files.visual_genome(tmp_path / "root")
    graphs = json.loads((root / "scene_graphs.json").read_text())
    graphs[0]["objects"][0] |= {"x": -5, "w": 20}
    graphs[1]["objects"][0] |= {"x": 900}
    source_files.put(root / "scene_graphs.json", graphs)
    out = made(config(root, name="visual_genome", scene_graphs="scene_graphs.json"), tmp_path)
    objects = table(out, "objects")
    assert objects.filter(pl.col("object_id") == "10").select("x", "w").row(0) == (0.0, 15.0)
    assert objects.filter(pl.col("image_id") == "2").is_empty()
    (reason,) = summary(out)["set_aside"]
    assert reason.startswith("its box is outside of the image")


def test_flickr_in_both_forms_has_the_same_captions(tmp_path: Path):
    root = source_files.flickr(tmp_path / "root")
    json_form, token_form = (made(config(root, name="flickr8k", **options), tmp_path) for options in ({}, LISTS))
    assert splits(json_form) == splits(token_form) == {"train": 6, "val": 3, "test": 3}
    for out in (json_form, token_form):
        rows = table(out, "captions").filter(pl.col("image_id") == "1003_ab")["text"]
        assert sorted(rows) == sorted(source_files.text(3, at) for at in range(3))
    assert "1003_ab.jpg#2" in table(token_form, "captions")["caption_id"].to_list()


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl"])
def test_lists_of_every_form_have_the_same_tables(tmp_path: Path, form: str):
    root = source_files.listed(tmp_path / "root", form)
    out = made(config(root, name="folder", captions=f"captions.{form}", split_key="split"), tmp_path)
    assert splits(out) == {"train": 6, "val": 3, "test": 3}
    captions = table(out, "captions").filter(pl.col("image_id") == "004.png")
    assert captions["caption_id"].to_list() == ["004.png#0", "004.png#1"]
    assert captions["text"].to_list() == sorted([source_files.text(4, 0), source_files.text(4, 1)])


def test_a_list_may_have_absolute_paths_and_several_captions_a_line(tmp_path: Path):
    root = source_files.listed(tmp_path / "root")
    lines = [
        json.dumps({"image": str(root / "images" / f"{at:03d}.png"), "texts": [source_files.text(at), "a second text"]})
        for at in range(12)
    ]
    (root / "own.jsonl").write_text("\n".join(lines))
    options = {"captions": "own.jsonl", "image_key": "image", "caption_key": "texts"}
    captions = table(made(config(root, name="folder", **options), tmp_path), "captions")
    assert captions.height == 24 and captions["image_id"][0] == "000.png"


def test_shards_as_tables(tmp_path: Path):
    root = source_files.shards(tmp_path / "root")
    out = made(config(root, **SHARDS), tmp_path)
    images = table(out, "images")
    assert images.height == 20 and images.row(0)[:2] == ("000000000", "00000.tar//000000000.jpg")
    assert table(out, "captions").row(0)[:3] == ("000000000#0", "000000000", source_files.text(0))
    several = table(made(config(root, **SHARDS, caption_field="others"), tmp_path), "captions")
    assert several.height == 40 and several["text"][1] == source_files.text(0, 2)


def test_a_folder_of_files_is_a_shard(tmp_path: Path):
    for shard in ("00000", "00001"):
        (tmp_path / "root" / shard).mkdir(parents=True)
        for name, content in source_files.shard_members(int(shard)).items():
            (tmp_path / "root" / shard / name).write_bytes(content)
    images = table(made(config(tmp_path / "root", **SHARDS, shards="0000*"), tmp_path), "images")
    assert images.height == 20 and images["file"][19] == "00001/000010009.jpg"


def test_keys_that_two_shards_share_are_qualified(tmp_path: Path):
    for shard in range(2):
        source_files.put_shard(tmp_path / f"{shard}.tar", source_files.shard_members(0))
    images = table(made(config(tmp_path, **SHARDS), tmp_path), "images")
    assert images.height == 20 and images["image_id"][0] == "0/000000000"


def test_faults_of_shards_are_set_aside_and_counted(tmp_path: Path):
    root = source_files.shards(tmp_path / "root", 3)
    members = source_files.shard_members(0)
    del members["000000001.txt"], members["000000001.json"], members["000000002.jpg"]
    members["000000003.txt"] = b" \n"
    members["000000004.txt"] = b"\xff\xfe a cat"
    members["000000005.jpg"] = members["000000005.jpg"][:300]
    listed = [*members.items(), ("000000006.jpg", source_files.image(99))]
    source_files.put_shard(root / "00000.tar", listed)
    whole = (root / "00001.tar").read_bytes()
    (root / "00001.tar").write_bytes(whole[: len(whole) // 2])
    (root / "00003.tar").write_bytes(b"<html>404</html>" * 100)
    out = made(config(root, **SHARDS), tmp_path)
    counted = summary(out)["set_aside"]
    assert counted["the sample has no text"] == 2
    assert counted["its text is not UTF-8"] == counted["its key occurs twice"] == 1
    assert counted["the image does not decode"] == 1
    assert counted["the archive is truncated"] == counted["the file is no tar archive"] == 1
    kept = table(out, "images")
    assert {"000000000", "000000007", "000010000", "000020009"} <= set(kept["image_id"])
    assert not {f"00000000{at}" for at in range(1, 7)} & set(kept["image_id"])


@pytest.mark.parametrize("case", ["gqa", "folder", "webdataset", "flickr8k", "visual_genome"])
def test_more_damaged_images_than_allowed_are_an_error_before_anything_is_written(tmp_path: Path, case: str):
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
def test_a_source_that_is_not_whole_is_refused(tmp_path: Path, case: str, options: dict, problem: str, key: str):
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


def test_regions_of_other_images_are_refused(tmp_path: Path):
    root = source_files.gqa(tmp_path / "root")
    source_files.put(root / "region_descriptions.json", [{"id": 7, "regions": []}])
    with pytest.raises(InputError, match="no caption belongs to an image of the scene graphs"):
        made(config(root, name="gqa", **REGIONS), tmp_path)


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


def test_coco_in_two_folders_with_karpathys_splits(tmp_path: Path):
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


def test_rows_are_sorted_in_parts_as_in_one(monkeypatch: pytest.MonkeyPatch):
    rows = pl.DataFrame(
        {"image_id": [str(at * 7 % 11) for at in range(60)], "object_id": [str(-at) for at in range(60)]}
    )
    whole = rows.sort("image_id", "object_id")
    for size in (1, 4, 25, 60):
        monkeypatch.setattr(tables, "_SORTED", size)
        for held in (rows, CompressedTable(rows.iter_slices(7))):
            assert pl.concat(tables._sorted_parts(held, ["object_id"])).equals(whole)


@pytest.mark.realdata
@pytest.mark.skipif(not REAL_GRAPHS.is_file(), reason="no real data beside the checkout")
def test_real_scene_graphs(tmp_path: Path):
    graphs = json.loads(REAL_GRAPHS.read_text())
    for number, (image_id, graph) in enumerate(graphs.items()):
        (tmp_path / "root" / "images").mkdir(parents=True, exist_ok=True)
        content = source_files.image(number, size=(graph["width"], graph["height"]))
        (tmp_path / "root" / "images" / f"{image_id}.jpg").write_bytes(content)
    (tmp_path / "root" / "train.json").write_bytes(REAL_GRAPHS.read_bytes())
    out = made(config(tmp_path / "root", name="gqa", scene_graphs={"train": "train.json"}), tmp_path)
    assert table(out, "images").height == len(graphs) == 14 and summary(out)["set_aside"] == {}
    assert table(out, "objects").height == sum(len(graph["objects"]) for graph in graphs.values())
