"""The data source `coco`: a folder in COCO's format becomes the tables of stage `data`; nothing is copied."""

import json
from pathlib import Path

import polars as pl
import pytest
from PIL import Image
from pycocotools import mask as rle

import coco_files
from nearmiss.base.caption_sets import read_caption_set
from nearmiss.base.errors import InputError
from nearmiss.base.files import files_below, sha256
from nearmiss.base.tables import read_table
from nearmiss.stages.data.config import DataConfig
from nearmiss.stages.data.stage import run

REAL = Path(__file__).parents[3] / "shared" / "realdata" / "coco_val2017_open"
INSTANCES = "annotations/instances_val2017.json"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return coco_files.write(tmp_path / "coco", 20)


def config(root: Path, **options: object) -> DataConfig:
    usual = {"name": "coco", "root": str(root), "instances": INSTANCES, "min_count": 2}
    return DataConfig.model_validate({"source": {**usual, **options}})


def made(root: Path, **options: object) -> Path:
    out = root.parent / f"data{len(list(root.parent.iterdir()))}"
    run(config=config(root, **options), out=out)
    return out


def table(out: Path, name: str, schema: str | None = None) -> pl.DataFrame:
    return read_table(out / "tables" / f"{name}.parquet", schema or name)


def document(root: Path, kind: str) -> dict:
    return json.loads((root / "annotations" / f"{kind}_val2017.json").read_text())


def test_the_source_makes_what_it_declares(root: Path):
    given = config(root)
    out = root.parent / "data"
    run(config=given, out=out)
    declared = given.source.declare(str(out))
    tables = {f"{out}/tables/{name}.parquet" for name in declared.tables}
    own = {f"{out}/{name}" for name in ("summary.json", "manifest.json", "cost.json")}
    written = {str(out / name) for name in files_below(out) if not name.startswith(".")}
    assert written == {*tables, *declared.files, declared.words, *own}
    assert set(table(out, "images")["split"]) == set(declared.splits)
    assert all((Path(declared.image_root) / file).is_file() for file in table(out, "images")["file"])
    assert table(out, "objects")["mask"].null_count() == table(out, "objects")["crowd"].sum() == 2
    for split in ("val", "test"):
        queries = table(out, f"retrieval_{split}", "retrieval")
        assert queries["right"].explode().to_list() == queries["image_id"].to_list()


def test_captions_are_one_set_with_every_caption(root: Path):
    captions = read_caption_set(made(root) / "tables" / "captions.parquet", "published")
    assert captions.height == 60
    published_captions = {str(each["id"]): each["caption"] for each in document(root, "captions")["annotations"]}
    assert dict(captions.select("caption_id", "text").iter_rows()) == published_captions


def test_splits_follow_the_shares_and_the_seed(root: Path):
    first, again, other = (table(made(root, **seed), "images") for seed in ({}, {}, {"seed": 1}))
    assert dict(first["split"].value_counts().iter_rows()) == {"train": 16, "val": 2, "test": 2}
    assert first.equals(again) and not first.equals(other)


def test_splits_of_karpathy(root: Path):
    names = {1: "train", 2: "restval", 3: "val", 4: "test", 5: "test"}
    images = table(made(root, karpathy=coco_files.karpathy(root, names)), "images")
    aside = pl.read_parquet(root.parent / "data1" / "set_aside.parquet")
    assert aside.filter(pl.col("reason").str.contains("no split")).height == 15
    expected = {"1": "train", "2": "train", "3": "val", "4": "test", "5": "test"}
    assert dict(images.select("image_id", "split").iter_rows()) == expected


def test_a_limit_leaves_whole_images(root: Path):
    out = made(root, limit=10)
    assert table(out, "images").height == 10 and pl.read_parquet(out / "set_aside.parquet")["image_id"].n_unique() <= 1
    assert set(table(out, "objects")["image_id"]) == set(table(out, "captions")["image_id"])


@pytest.mark.usefixtures("worker_server")
def test_bytes_do_not_depend_on_workers_and_record_order(root: Path):
    first = made(root)
    for kind in ("captions", "instances"):
        content = document(root, kind)
        coco_files.put(root, kind, {key: records[::-1] for key, records in content.items()})
    second = root.parent / "again"
    run(config=config(root), out=second, workers=2)
    for name in files_below(first):
        if not name.startswith(".") and name not in ("cost.json", "manifest.json"):
            assert sha256(first / name) == sha256(second / name), name


def test_captions_without_instances_are_a_source(tmp_path: Path):
    root = coco_files.write(tmp_path / "coco", 20, instances=False)
    given = config(root, instances=None)
    assert not given.source.declare("data").masks
    out = made(root, instances=None)
    assert table(out, "objects").is_empty() and table(out, "captions").height == 60


def test_annotations_of_resized_photographs_are_scaled_and_counted(root: Path):
    whole = table(made(root), "objects").sort("object_id")
    for file in (root / "val2017").iterdir():
        Image.open(file).resize((coco_files.SIDE // 2,) * 2).save(file)
    out = made(root)
    half = table(out, "objects").sort("object_id")
    assert json.loads((out / "summary.json").read_text())["scaled"] == 20
    assert set(table(out, "images")["width"]) == {coco_files.SIDE // 2}
    assert (half["w"] * 2).to_list() == whole["w"].to_list()
    for counts, area in zip(half["mask"], whole["mask"], strict=True):
        if counts is not None:
            pixels = [
                rle.area({"size": [side, side], "counts": mask.encode()})
                for side, mask in ((coco_files.SIDE // 2, counts), (coco_files.SIDE, area))
            ]
            assert pixels[0] * 4 == pytest.approx(pixels[1], rel=0.15)


def test_unusable_records_are_set_aside_with_reasons(root: Path):
    (root / "val2017" / "000000000001.png").unlink()
    content = document(root, "captions")
    content["annotations"][4]["caption"] = 7
    coco_files.put(root, "captions", content)
    out = made(root)
    aside = pl.read_parquet(out / "set_aside.parquet")
    assert ("1", None, "the image is missing") in aside.rows()
    assert any("wrong type" in reason and "captions_val2017.json" in reason for reason in aside["reason"])
    assert "1" not in table(out, "images")["image_id"].to_list()
    assert json.loads((out / "summary.json").read_text())["set_aside"]["the image is missing"] == 1


def test_the_word_list_has_frequent_training_words(root: Path):
    out = made(root, min_count=1)
    images = table(out, "images").filter(pl.col("split") == "train")
    texts = table(out, "captions").join(images, on="image_id", how="semi")["text"]
    words = (out / "words.txt").read_text().split()
    assert words == sorted({word.strip(".").lower() for text in texts for word in text.split()})
    assert len((made(root, min_count=20) / "words.txt").read_text().split()) < len(words)


@pytest.mark.parametrize(
    ("options", "problem", "key"),
    [
        ({"images": "train2017"}, "no folder of images here", "data.source.images"),
        ({"captions": "c.json"}, "no file of captions here", "data.source.captions"),
        ({"instances": "i.json"}, "no file of instances here", "data.source.instances"),
        ({"karpathy": "k.json"}, "no file of karpathy here", "data.source.karpathy"),
        ({"min_count": 9999}, "no word is used 9999 times", "data.source.min_count"),
        ({"splits": {"train": 0.98, "test": 0.02}}, "split 'test' has no image", "data.source.splits.test"),
    ],
)
def test_an_incomplete_source_is_refused(root: Path, options: dict, problem: str, key: str):
    with pytest.raises(InputError, match=problem) as raised:
        made(root, **options)
    assert raised.value.record == key and raised.value.remedy
    assert not list(root.parent.glob("data*/tables"))


@pytest.mark.parametrize("splits", [{"train": 0.5, "val": 0.1}, {"val": 0.5, "test": 0.5}, {"train": 1.5}])
def test_split_shares_that_do_not_sum_to_one_are_refused(root: Path, splits: dict):
    with pytest.raises(ValueError, match=r"add up to 1|less than or equal"):
        config(root, splits=splits)


@pytest.mark.realdata
@pytest.mark.skipif(not REAL.is_dir(), reason="no real data beside the checkout")
def test_the_source_reads_coco_photographs(tmp_path: Path):
    given = {"name": "coco", "root": str(REAL), "captions": "captions_val2017_open.json", "limit": 60}
    run(config=DataConfig.model_validate({"source": given}), out=tmp_path / "data")
    assert table(tmp_path / "data", "images").height == 60
    assert pl.read_parquet(tmp_path / "data" / "set_aside.parquet").is_empty()
