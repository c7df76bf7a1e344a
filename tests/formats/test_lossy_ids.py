"""Image ids that collide in a format are refused before anything is written."""

import json

import polars as pl
import pytest
from toy_pairs import toy

from nearmiss.base.errors import InputError
from nearmiss.base.tables import table, write_table
from nearmiss.engine.formats.exchange import READERS, WRITERS, convert
from nearmiss.engine.formats.published import COCO_NAME, FileNames

OUT = {"sugarcrepe": "x", "negclip": "x.tsv", "hnc": "x.json", "ce_clip": "x"}


def of_images(*ids: str) -> pl.DataFrame:
    """The toy negatives, shared out to these images."""
    frame = toy()
    return frame.with_columns(image_id=pl.Series([ids[row % len(ids)] for row in range(frame.height)]))


def converted(tmp_path, frame, name, pattern=COCO_NAME):
    """Where the negatives are written in a format."""
    write_table(frame, tmp_path / "pairs.parquet", "negatives")
    out = tmp_path / "out" / OUT[name]
    given = {"pairs": tmp_path / "pairs.parquet", "source": None, "images": None}
    convert(**given, target=name, out=out, pattern=pattern, seed=0)
    return out


@pytest.mark.parametrize("name", ["sugarcrepe", "negclip", "ce_clip"])
@pytest.mark.parametrize("ids", [("0001", "1"), ("7", "000000000007"), ("1", "000000000001.jpg")])
def test_ids_that_collide_are_both_named(tmp_path, name, ids):
    with pytest.raises(InputError, match="two image ids would become one") as raised:
        converted(tmp_path, of_images(*ids), name)
    assert all(f"'{each}'" in raised.value.record for each in ids)
    assert raised.value.file == tmp_path / "pairs.parquet" and not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["sugarcrepe", "negclip"])
def test_a_pattern_without_a_placeholder_is_refused(tmp_path, name):
    with pytest.raises(InputError, match=r"x\.jpg"):
        converted(tmp_path, of_images("1", "2"), name, "x.jpg")


def test_hnc_keeps_ids_unchanged(tmp_path):
    out = converted(tmp_path, of_images("0001", "1"), "hnc")
    assert set(json.loads(out.read_text())) == {"0001", "1"}
    assert set(READERS["hnc"](out)["image_id"]) == {"0001", "1"}


def test_a_table_of_images_resolves_colliding_ids(tmp_path):
    write_table(of_images("0001", "1"), tmp_path / "pairs.parquet", "negatives")
    rows = [{"image_id": each, "file": f"{each}.png", "split": "x", "source": "x"} for each in ("0001", "1")]
    write_table(table("images", rows), tmp_path / "images.parquet", "images")
    given = {"pairs": tmp_path / "pairs.parquet", "images": tmp_path / "images.parquet"}
    convert(**given, source=None, target="sugarcrepe", out=tmp_path / "x", pattern=COCO_NAME, seed=0)
    written = [json.loads(file.read_text()) for file in (tmp_path / "x").glob("*.json") if file.name != "manifest.json"]
    names = {record["filename"] for records in written for record in records.values()}
    assert names == {"0001.png", "1.png"}
    rows[1]["file"] = rows[0]["file"]
    write_table(table("images", rows), tmp_path / "images.parquet", "images")
    with pytest.raises(InputError, match="two image ids would become one"):
        convert(**given, source=None, target="negclip", out=tmp_path / "y.tsv", pattern=COCO_NAME, seed=0)
    rows[1] |= {"image_id": "0001", "file": "other.png"}
    write_table(table("images", rows), tmp_path / "images.parquet", "images")
    with pytest.raises(InputError, match="an image has two files"):
        convert(**given, source=None, target="sugarcrepe", out=tmp_path / "y", pattern=COCO_NAME, seed=0)
    assert not (tmp_path / "y").exists() and not (tmp_path / "y.tsv").exists()


def test_types_that_collide_in_a_file_name_are_both_named(tmp_path):
    frame = toy().with_columns(type=pl.Series(["a/b", "a_b", "c", "c", "c"]))
    with pytest.raises(InputError, match="two types would become one file") as raised:
        WRITERS["sugarcrepe"](frame, tmp_path / "x", FileNames({}), 0)
    assert "'a/b'" in raised.value.record and not list(tmp_path.iterdir())


@pytest.mark.parametrize("column", ["image_id", "positive", "negative"])
@pytest.mark.parametrize("name", sorted(OUT))
def test_an_empty_cell_is_named_before_anything_is_written(tmp_path, name, column):
    frame = toy().with_columns(pl.when(negative_id="3").then(None).otherwise(column).alias(column))
    with pytest.raises(InputError, match=f"1 negatives lack '{column}'") as raised:
        converted(tmp_path, frame, name)
    assert raised.value.record == "negative 3" and not (tmp_path / "out").exists()
