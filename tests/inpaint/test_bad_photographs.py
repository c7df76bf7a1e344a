"""Photographs in COCO's format with faults: what is wrong is set aside by name, the rest is edited."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import toy_pictures as toy
from PIL import Image
from pycocotools import mask as rle

from nearmiss.base.errors import InputError
from nearmiss.base.tables import write_table
from nearmiss.engine.formats.coco_folder import CocoFolder, read_coco_folder
from nearmiss.engine.formats.segmentation import encode_mask
from nearmiss.stages.inpaint.corpus import read_corpus
from nearmiss.stages.inpaint.stage import run

WHOLE = [[20, 20, 60, 20, 60, 60, 20, 60]]


@pytest.fixture
def files(tmp_path):
    """Four photographs of a ball, each with a caption; returns (arguments, what the JSON files hold)."""
    folder = tmp_path / "given"
    (folder / "images").mkdir(parents=True)
    images, annotations, caption_records = [], [], []
    for number in (1, 2, 3, 4):
        name = f"{number:012d}.jpg"
        Image.fromarray(toy.draw([toy.Toy("ball", "red", "large", 40, 40)], name)).save(folder / "images" / name)
        size = {"width": toy.SIDE, "height": toy.SIDE}
        images.append({"id": number, "file_name": name, "coco_url": f"http://x/train2017/{name}?a=b", **size})
        box = {"bbox": [20, 20, 40, 40], "segmentation": WHOLE, "iscrowd": 0}
        annotations.append({"id": number, "image_id": number, "category_id": 1, **box})
        caption_records.append({"id": number, "image_id": number, "caption": "A red ball."})
    things = {"images": images, "categories": [{"id": 1, "name": "ball"}], "annotations": annotations}
    instance_file = {"images": [dict(each) for each in images], "annotations": caption_records}
    paths = {"images": folder / "images", "instances": folder / "instances.json", "captions": folder / "captions.json"}
    return paths, things, instance_file


def read(files) -> CocoFolder:
    paths, things, instance_file = files
    paths["instances"].write_text(json.dumps(things))
    paths["captions"].write_text(json.dumps(instance_file))
    return read_coco_folder(paths["images"], captions=paths["captions"], instances=paths["instances"])


def images_of(made: CocoFolder, table: str = "images") -> list[str]:
    return sorted(getattr(made, table)["image_id"].to_list())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"bbox": [40, 40, -12, 20]}, "a box is not x, y, w, h"),
        ({"bbox": [float("nan"), 1, 2, 3]}, "a box is not x, y, w, h"),
        ({"bbox": [0, 0, float("inf"), 3]}, "a box is not x, y, w, h"),
        ({"bbox": [0, 0, 2**63, 3]}, "a box is not x, y, w, h"),
        ({"bbox": [10**400, 0, 2, 3]}, "a box is not x, y, w, h"),
        ({"bbox": [70, 70, 40, 40]}, "its box is outside of the image"),
        ({"category_id": 9}, "its category is not in the file's list"),
        ({"id": None}, "'id' of a record has the wrong type"),
    ],
)
def test_a_faulty_annotation_excludes_only_its_photograph(files, tmp_path, change, reason):
    files[1]["annotations"][1] |= change
    made = read(files)
    assert images_of(made) == ["1", "2", "3", "4"] and images_of(made, "objects") == ["1", "3", "4"]
    (aside,) = made.set_aside
    assert aside[0] == "2" and reason in aside[2] and aside[2].endswith("of instances.json")
    assert "annotation" in aside[2] and str(tmp_path) not in aside[2]


@pytest.mark.parametrize(
    ("segmentation", "reason"),
    [
        ([[1e9, 20, 60, 20, 60, 60]], "far outside"),
        ([[float("nan"), 20, 60, 20, 60, 60]], "not a finite number"),
        ([[20, 20, 60, 20, 60, 60, 20]], "an odd number"),
        ({"size": [toy.SIDE, toy.SIDE], "counts": [6000.0, 400.0]}, "not whole numbers"),
        ({"size": [9, 9], "counts": [81]}, "its size is"),
        (7, "neither polygons nor RLE"),
    ],
)
def test_a_malformed_mask_excludes_only_its_object(files, segmentation, reason):
    files[1]["annotations"][1]["segmentation"] = segmentation
    made = read(files)
    masks = dict(made.objects.select("object_id", "mask").iter_rows())
    assert masks["2"] is None and all(masks[each] for each in ("1", "3", "4"))
    assert made.set_aside[0][:2] == ("2", "2") and reason in made.set_aside[0][2]


def test_photographs_with_a_duplicate_id_are_set_aside(files):
    files[1]["images"].append({**files[1]["images"][2], "file_name": "another.jpg"})
    made = read(files)
    assert images_of(made) == ["1", "2", "4"] == images_of(made, "captions")
    assert [row[:2] for row in made.set_aside] == [("3", None)] * 3
    assert sum("its id occurs twice; record: image 3 of instances.json" in row[2] for row in made.set_aside) == 2


@pytest.mark.parametrize("value", ["missing", None, 1.5, True, [1]])
def test_a_photograph_without_an_id_is_set_aside(files, value):
    record = files[1]["images"][2]
    record["id"] = value
    if value == "missing":
        del record["id"]
    made = read(files)
    assert images_of(made) == ["1", "2", "4"]
    assert any("image without an id, number 2 of instances.json" in reason for _, _, reason in made.set_aside)


@pytest.mark.parametrize("value", ["missing", None, 0, "80", 2**63, float("nan")])
def test_missing_sizes_are_read_from_the_files(files, value):
    for document in files[1:]:
        for image in document["images"]:
            image["width"] = value
            if value == "missing":
                del image["width"]
    made = read(files)
    assert images_of(made) == ["1", "2", "3", "4"] and not made.set_aside
    assert set(made.images["width"]) == {toy.SIDE}
    assert made.objects["mask"].null_count() == 0


def test_annotations_of_a_resized_photograph_are_scaled_to_its_file(files):
    file = files[0]["images"] / files[1]["images"][1]["file_name"]
    whole = read(files)
    boxes, masks = ({row[0]: row[1:] for row in rows_of(whole, columns)} for columns in (BOX, ("object_id", "mask")))
    Image.open(file).resize((toy.SIDE // 2, toy.SIDE // 2)).save(file)
    made = read(files)
    assert (whole.scaled, made.scaled) == (0, 1) and not made.set_aside
    sizes = dict(made.images.select("image_id", "width").iter_rows())
    assert sizes == {"1": toy.SIDE, "2": toy.SIDE // 2, "3": toy.SIDE, "4": toy.SIDE}
    for object_id, *box in rows_of(made, BOX):
        assert box == [side / 2 if object_id == "2" else side for side in boxes[object_id]]
    for object_id, counts in rows_of(made, ("object_id", "mask")):
        side = toy.SIDE // 2 if object_id == "2" else toy.SIDE
        share = decode(counts, side).mean() / decode(masks[object_id][0], toy.SIDE).mean()
        assert share == pytest.approx(1.0, abs=0.1)


BOX = ("object_id", "x", "y", "w", "h")


def rows_of(made: CocoFolder, columns: tuple[str, ...]) -> list[tuple]:
    return made.objects.select(columns).rows()


def decode(counts: str, side: int) -> np.ndarray:
    return rle.decode({"size": [side, side], "counts": counts.encode()})


def test_a_photograph_that_was_cropped_is_set_aside(files):
    file = files[0]["images"] / files[1]["images"][1]["file_name"]
    Image.open(file).crop((0, 0, toy.SIDE, toy.SIDE // 2)).save(file)
    assert read(files).set_aside == [("2", None, "the image differs in size from its record")]


def test_files_without_a_name_are_found_by_url_or_id(files):
    for image in files[1]["images"]:
        del image["file_name"]
    del files[1]["images"][1]["coco_url"]
    for annotation in files[1]["annotations"]:
        del annotation["iscrowd"]
    made = read(files)
    assert images_of(made) == ["1", "2", "3", "4"] and not made.set_aside


def test_backslashes_in_file_names_are_separators(files):
    paths, things, _ = files
    (paths["images"] / "train").mkdir()
    for image in things["images"][:2]:
        (paths["images"] / image["file_name"]).rename(paths["images"] / "train" / image["file_name"])
        image["file_name"] = f"train\\{image['file_name']}"
    made = read(files)
    assert images_of(made) == ["1", "2", "3", "4"] and not made.set_aside
    assert (paths["images"] / made.images.sort("image_id")["file"][0]).is_file()


@pytest.mark.parametrize(
    "name", ["../secret.jpg", "..\\secret.jpg", "a/../../secret.jpg", "{folder}/secret.jpg", "\\secret.jpg"]
)
def test_no_file_outside_the_folder_is_read(files, name):
    paths, things, _ = files
    (paths["images"] / things["images"][0]["file_name"]).rename(paths["images"].parent / "secret.jpg")
    things["images"][0]["file_name"] = name.format(folder=paths["images"].parent)
    made = read(files)
    assert images_of(made) == ["2", "3", "4"]
    assert ("1", None, "its file is outside of the folder") in made.set_aside


@pytest.mark.parametrize("name", ["", ".", "images", "x" * 5000, "a\x00b.jpg", "http://localhost/x.jpg", "C:\\x.jpg"])
def test_a_name_without_a_file_is_set_aside(files, name):
    del files[1]["images"][0]["coco_url"]
    (files[0]["images"] / files[1]["images"][0]["file_name"]).unlink()
    files[1]["images"][0]["file_name"] = name
    assert images_of(read(files)) == ["2", "3", "4"]


def test_without_usable_photographs_reasons_have_counts_and_examples(files):
    paths, things, _ = files
    things["images"][0]["file_name"] = "..\\..\\media\\1.jpg"
    things["images"][1]["file_name"] = "gone.jpg"
    things["images"][2]["file_name"] = "lost.jpg"
    del things["images"][3]["id"]
    with pytest.raises(InputError, match="no photograph can be used") as raised:
        read(files).check_usable(paths["images"], paths["instances"])
    instance_file = str(raised.value)
    assert f"its file is outside of the folder (1), such as {paths['images']}/../../media/1.jpg" in instance_file
    assert f"the image is missing (2), such as {paths['images'] / 'gone.jpg'}" in instance_file
    assert f"a record lacks 'id' (1), such as image without an id, number 3 of {paths['instances']}" in instance_file
    assert raised.value.file == paths["images"]


def test_a_table_without_masks_is_named(files, tmp_path, photograph_options):
    for annotation in files[1]["annotations"]:
        annotation["segmentation"] = [[1, 2, 3]]
    tables = tables_of(read(files), tmp_path)
    with pytest.raises(InputError, match="no object in split 'test' has a mask") as raised:
        run(config=photograph_options, root=files[0]["images"], out=tmp_path / "out", **tables)
    assert raised.value.file == tables["objects"] and not (tmp_path / "out").exists()


def test_the_order_of_records_does_not_matter(files):
    _, things, instance_file = files
    things["annotations"][0]["iscrowd"] = 1
    things["annotations"][2]["bbox"] = None
    instance_file["annotations"][3]["image_id"] = 77
    first = read(files)
    tables = [getattr(first, each).sort(pl.first()) for each in ("images", "objects", "captions")]
    for document in (things, instance_file):
        for records in document.values():
            records.reverse()
    again = read(files)
    assert again.set_aside == first.set_aside and len(first.set_aside) == 3
    for before, each in zip(tables, ("images", "objects", "captions"), strict=True):
        assert getattr(again, each).sort(pl.first()).equals(before)


@pytest.mark.parametrize("value", [7, ["x"], {"a": 1}, "\ud800", None])
def test_origins_and_licenses_can_have_any_form(files, value):
    for key in ("license", "coco_url", "flickr_url", "date_captured"):
        files[1]["images"][0][key] = value
    files[1]["licenses"] = [value, {"id": value, "name": value}, {"id": 4, "name": "free"}]
    files[1]["images"][1]["license"] = 4
    files[2]["licenses"] = value
    made = read(files)
    assert made.origins["2"].image_license == "free" and made.origins["1"].flickr_url is None
    assert made.origins["1"].text_license is None


def tables_of(found: CocoFolder, folder: Path) -> dict[str, Path]:
    """The tables of stage data, all images in split test."""
    tables = {
        "images": found.images.with_columns(split=pl.lit("test")),
        "objects": found.objects,
        "captions": found.captions,
    }
    for name, rows in tables.items():
        write_table(rows, folder / f"{name}.parquet", name)
    return {name: folder / f"{name}.parquet" for name in tables}


def corpus_of(tables: dict[str, Path], folder: Path):
    return read_corpus(**tables, relations=None, root=folder, split="test")


def test_a_crowd_is_present_and_never_edited(files, tmp_path):
    _, things, _ = files
    box = {"bbox": [0, 0, 80, 20], "category_id": 1, "image_id": 1}
    rle = {"size": [toy.SIDE, toy.SIDE], "counts": encode_mask(np.ones((toy.SIDE, toy.SIDE), dtype=bool))}
    things["annotations"].append({"id": 9, **box, "segmentation": rle, "iscrowd": 1})
    made = read(files)
    corpus = corpus_of(tables_of(made, tmp_path), files[0]["images"])
    assert ("1", "9", "a crowd") in made.set_aside
    assert [thing.crowd for thing in corpus.annotations["1"].objects] == [False, True]
    assert "9" not in {donor.object_id for donor in corpus.donors}
    assert not corpus.annotations["1"].counts("ball") and corpus.annotations["2"].counts("ball")


def test_the_stage_reads_the_lists_of_lvis(files, tmp_path):
    for image in files[1]["images"]:
        image |= {"neg_category_ids": [2], "not_exhaustive_category_ids": [1] if image["id"] == 1 else []}
    files[1]["categories"].append({"id": 2, "name": "fire_truck"})
    corpus = corpus_of(tables_of(read(files), tmp_path), files[0]["images"])
    assert corpus.annotations["1"].closed == {"fire truck"}
    assert corpus.annotations["2"].closed == {"ball", "fire truck"}
    assert "fire truck" in corpus.nouns


def test_unusable_rows_are_set_aside(files, tmp_path):
    tables = tables_of(read(files), tmp_path)
    captions = pl.read_parquet(tables["captions"])
    captions.with_columns(text=pl.when(caption_id="1").then(None).otherwise("text")).write_parquet(tables["captions"])
    corpus = corpus_of(tables, files[0]["images"])
    assert corpus.set_aside == (("1", "its 'text' is null; record: caption 1 of captions.parquet"),)
    assert sorted(corpus.captions) == ["2", "3", "4"]
