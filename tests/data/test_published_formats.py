"""The readers of COCO and GQA files: strict on request, and compatible with the real files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from nearmiss.base.errors import InputError
from nearmiss.base.tables import table
from nearmiss.engine.formats.coco import read_captions, read_images, read_whole_instances
from nearmiss.engine.formats.gqa import read_scene_graphs
from nearmiss.engine.formats.questions import read_questions
from nearmiss.engine.formats.segmentation import encode_mask, runs_of
from nearmiss.engine.images.decode import check_images, open_rgb

REAL = Path(__file__).parents[3] / "shared" / "realdata"
realdata = [pytest.mark.realdata, pytest.mark.skipif(not REAL.is_dir(), reason="no real data beside the checkout")]

IMAGE = {"id": 1, "file_name": "a.jpg", "width": 8, "height": 6}
CAPTION = {"id": 10, "image_id": 1, "caption": "a red cube"}
INSTANCE = {"id": 5, "image_id": 1, "category_id": 2, "bbox": [1, 1, 2, 2], "segmentation": [[1, 1, 3, 1, 3, 3, 1, 3]]}
THING = {"name": "cube", "x": 1, "y": 2, "w": 3, "h": 4, "attributes": ["red"], "relations": []}


def write(folder: Path, document: Any) -> Path:
    path = folder / "file.json"
    path.write_text(json.dumps(document))
    return path


def captions_of(path: Path) -> pl.DataFrame:
    return read_captions(path, strict=True).tables["captions"]


def graphs_of(path: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    tables = read_scene_graphs(path, strict=True).tables
    return tables["objects"], tables["relations"]


def coco(**changes: Any) -> dict[str, Any]:
    return {"images": [IMAGE], "annotations": [CAPTION], "categories": [{"id": 2, "name": "cube"}], **changes}


def test_captions_and_images_are_read(tmp_path: Path):
    path = write(tmp_path, coco())
    assert captions_of(path).to_dicts() == [
        {"caption_id": "10", "image_id": "1", "text": "a red cube", "template_id": None, "source": "published"}
    ]
    assert read_images(path, split="val", source="x", folder="val2017")["file"].to_list() == ["val2017/a.jpg"]


def test_polygons_become_masks(tmp_path: Path):
    rows = read_whole_instances(write(tmp_path, coco(annotations=[INSTANCE]))).to_dicts()
    assert rows[0]["name"] == "cube"
    assert rows[0]["mask"]


@pytest.mark.parametrize(
    ("changes", "message", "record"),
    [
        ({"annotations": [{**CAPTION, "image_id": 7}]}, "its image is not in the file's list", "annotation 10"),
        ({"annotations": [{**CAPTION, "caption": "  "}]}, "a caption is empty", "annotation 10"),
        ({"annotations": [CAPTION, CAPTION]}, "its id occurs twice", "annotation 10"),
        ({"annotations": [{"id": 10, "image_id": 1}]}, "lacks 'caption'", "annotation 10"),
        ({"annotations": [CAPTION, None]}, "not an object", "annotation without an id, number 1"),
        ({"annotations": [{**CAPTION, "caption": 3}]}, "wrong type", "annotation 10"),
        ({"annotations": [{**CAPTION, "template_id": 3}]}, "wrong type", "annotation 10"),
        ({"images": [{**IMAGE, "width": 0}]}, "width is 0", "image 1"),
        ({"images": []}, "the split is empty", None),
        ({"images": [{**IMAGE, "file_name": "../../etc/passwd"}]}, "outside of its folder", "passwd"),
    ],
)
def test_an_invalid_caption_file_is_refused_with_its_record(tmp_path: Path, changes: dict, message: str, record: str):
    path = write(tmp_path, coco(**changes))
    with pytest.raises(InputError, match=message) as raised:
        captions_of(path)
    assert str(path) in str(raised.value)
    assert record is None or record in str(raised.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bbox": [1, 1, -2, 2]}, "a box is not"),
        ({"bbox": None}, "a box is not"),
        ({"bbox": [1, 1, float("nan"), 2]}, "a box is not"),
        ({"category_id": 9}, "its category is not in the file's list"),
        ({"segmentation": {"size": [6, 8]}}, "malformed mask"),
        ({"segmentation": {"size": [60, 80], "counts": [4800]}}, "its size is"),
        ({"segmentation": {"size": [6, 8], "counts": [12, 4]}}, "do not add up"),
        ({"segmentation": {"size": [6, 8], "counts": "P"}}, "are incomplete"),
        ({"segmentation": {"size": [6, 8], "counts": "é"}}, "not a character of RLE"),
        ({"segmentation": [[1, 2]]}, "three points"),
        ({"segmentation": 7}, "neither polygons nor RLE"),
    ],
)
def test_an_invalid_instance_is_refused(tmp_path: Path, changes: dict, message: str):
    with pytest.raises(InputError, match=message):
        read_whole_instances(write(tmp_path, coco(annotations=[{**INSTANCE, **changes}])))


def test_a_crowd_is_marked_as_a_crowd(tmp_path: Path):
    crowd = {**INSTANCE, "id": 6, "iscrowd": 1}
    assert read_whole_instances(write(tmp_path, coco(annotations=[INSTANCE, crowd])))["crowd"].to_list() == [
        False,
        True,
    ]
    single = read_whole_instances(write(tmp_path, coco(annotations=[{**INSTANCE, "iscrowd": 0}])))
    assert single["crowd"].to_list() == [False]
    with pytest.raises(InputError, match="neither 0 nor 1"):
        read_whole_instances(write(tmp_path, coco(annotations=[{**INSTANCE, "iscrowd": "yes"}])))


def test_captions_need_neither_files_nor_sizes(tmp_path: Path):
    assert captions_of(write(tmp_path, coco(images=[{"id": 1}]))).height == 1
    with pytest.raises(InputError, match="width"):
        read_images(write(tmp_path, coco(images=[{"id": 1, "file_name": "a.jpg"}])), split="x", source="x")


@given(arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_run_length_masks_are_read_exactly(mask: np.ndarray):
    runs = runs_of(encode_mask(mask))
    values = [bool(index % 2) for index, length in enumerate(runs) for _ in range(length)]
    assert values == mask.flatten(order="F").tolist()


def test_every_published_mask_format_gives_the_same_mask(tmp_path: Path):
    square = np.zeros((6, 8), dtype=bool)
    square[1:3, 2:5] = True
    counts = encode_mask(square)
    forms = [{"size": [6, 8], "counts": counts}, {"size": [6, 8], "counts": runs_of(counts)}]
    for form in forms:
        rows = read_whole_instances(write(tmp_path, coco(annotations=[{**INSTANCE, "segmentation": form}])))
        assert rows["mask"].to_list() == [counts]


def graph(**things: Any) -> dict[str, Any]:
    return {"9": {"width": 8, "height": 6, "objects": things}}


def test_scene_graphs_are_read(tmp_path: Path):
    above = {**THING, "relations": [{"name": "above", "object": "b"}]}
    objects, relations = graphs_of(write(tmp_path, graph(a=above, b=THING)))
    assert objects["attributes"].to_list() == [["red"], ["red"]]
    assert relations.row(0) == ("9", "a", "above", "b", 0), "the last column is the order of the file"


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        ({**THING, "relations": [{"name": "on", "object": "zz"}]}, "object zz, which is not in the graph"),
        ({**THING, "attributes": [1]}, "an attribute is not a word"),
        ({key: value for key, value in THING.items() if key != "name"}, "lacks 'name'"),
        ({**THING, "w": "wide"}, "a box is not"),
    ],
)
def test_an_invalid_scene_graph_is_refused_with_image_and_object(tmp_path: Path, thing: dict, message: str):
    with pytest.raises(InputError, match=message) as raised:
        graphs_of(write(tmp_path, graph(a=thing)))
    assert "image 9, object a" in str(raised.value)


def test_a_file_without_scene_graphs_is_an_empty_split(tmp_path: Path):
    with pytest.raises(InputError, match="the split is empty"):
        graphs_of(write(tmp_path, {}))


def test_a_missing_file_and_broken_json_are_named(tmp_path: Path):
    with pytest.raises(InputError, match="a file is missing"):
        captions_of(tmp_path / "none.json")
    broken = tmp_path / "broken.json"
    broken.write_text('{"images": [\n{"id": 1,]}')
    with pytest.raises(InputError, match="malformed JSON") as raised:
        graphs_of(broken)
    assert str(broken) in str(raised.value)


def test_a_question_with_other_fields_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="items 0"):
        read_questions(write(tmp_path, {"items": [{"item_id": "x"}]}), "items")


def test_images_that_are_missing_broken_or_of_another_size_are_named(tmp_path: Path):
    Image.new("RGB", (8, 6)).save(tmp_path / "a.jpg")
    row = {"image_id": "1", "file": "a.jpg", "width": 8, "height": 6, "split": "val", "source": "x"}
    check_images(table("images", [row]), tmp_path)
    for change, message in (
        ({"file": "b.jpg"}, "an image is missing"),
        ({"width": 9}, "8 x 6 pixels, its record states 9 x 6"),
    ):
        with pytest.raises(InputError, match=message):
            check_images(table("images", [{**row, **change}]), tmp_path)
    (tmp_path / "a.jpg").write_text("<html>quota exceeded</html>")
    with pytest.raises(InputError, match="does not decode"):
        check_images(table("images", [row]), tmp_path)
    with pytest.raises(InputError, match="does not decode"):
        open_rgb(tmp_path / "a.jpg")


class TestRealFiles:
    pytestmark = realdata

    def test_coco_captions(self):
        path = REAL / "coco_captions_val2017" / "captions_val2017.json"
        assert captions_of(path).height == 25_014
        assert read_images(path, split="val", source="coco").height == 5_000

    def test_coco_instances(self):
        objects = read_whole_instances(REAL / "coco_open_instances" / "instances.json")
        assert objects.height == 1_015
        assert objects["mask"].null_count() == objects["crowd"].sum()

    def test_gqa_scene_graphs(self):
        objects, relations = graphs_of(REAL / "gqa_scene_graph_sample" / "train-sgs-sample.json")
        assert objects.height == 239
        assert relations.height == 755
        assert objects["attributes"].list.len().sum() == 112
        assert isinstance(objects, pl.DataFrame)
