"""Files that tools write and files that were made to harm: one record is lost, the rest is read."""

import json

import published_files
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from published_files import coco, graph

from nearmiss.base.errors import InputError
from nearmiss.engine.formats.coco import read_captions, read_instances
from nearmiss.engine.formats.gqa import read_scene_graphs

TEXTS = [(1, "a red dog"), (2, "a blue car")]


def captions(tmp_path, content) -> tuple[list, list]:
    reading = read_captions(published_files.write(tmp_path / "captions.json", content))
    return reading.tables["captions"].rows(), reading.faults


@pytest.mark.parametrize("missing", [("width",), ("height",), ("width", "height"), ("file_name",)])
def test_captions_need_neither_sizes_nor_files(tmp_path, missing):
    content = coco(TEXTS)
    content["images"][0] = {key: value for key, value in content["images"][0].items() if key not in missing}
    rows, faults = captions(tmp_path, content)
    assert len(rows) == 2 and not faults


@pytest.mark.parametrize("value", [0, -1, "640", None, 2**63, 10**400, float("nan"), float("inf"), 640.5, True])
def test_an_invalid_size_excludes_no_caption(tmp_path, value):
    content = coco(TEXTS)
    content["images"][0]["width"] = value
    rows, faults = captions(tmp_path, content)
    assert len(rows) == 2 and not faults


def test_ids_that_pandas_wrote_are_equal(tmp_path):
    content = coco(TEXTS)
    for each in content["annotations"]:
        each |= {"id": float(each["id"]), "image_id": float(each["image_id"])}
    rows, faults = captions(tmp_path, content)
    assert [row[:2] for row in rows] == [("1", "1"), ("2", "2")] and not faults


@pytest.mark.parametrize("value", [1.5, 1e300, float("nan"), float("inf"), None, True, [1], {"x": 1}])
def test_an_invalid_id_excludes_its_record(tmp_path, value):
    content = coco(TEXTS)
    content["annotations"][0]["image_id"] = value
    rows, faults = captions(tmp_path, content)
    assert [row[0] for row in rows] == ["2"] and [fault.record for fault in faults] == ["annotation 1"]


@pytest.mark.parametrize("value", [2**63, 10**400, -(2**70)])
def test_large_integer_ids_are_exact(tmp_path, value):
    content = coco(TEXTS)
    content["annotations"][0]["id"] = value
    rows, faults = captions(tmp_path, content)
    assert rows[0][0] == str(value) and not faults


def test_an_integer_with_too_many_digits_excludes_its_record(tmp_path):
    content = json.dumps(coco(TEXTS)).replace('"id": 1, "image_id": 1', f'"id": {"9" * 5000}, "image_id": 1')
    (tmp_path / "captions.json").write_text(content)
    reading = read_captions(tmp_path / "captions.json")
    assert reading.tables["captions"]["caption_id"].to_list() == ["2"] and len(reading.faults) == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_byte_order_mark_is_accepted(tmp_path, encoding):
    (tmp_path / "captions.json").write_text(json.dumps(coco([(1, "a café")]), ensure_ascii=False), encoding=encoding)
    reading = read_captions(tmp_path / "captions.json")
    assert reading.tables["captions"]["text"].to_list() == ["a café"] and not reading.faults


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_another_encoding_is_refused_by_name(tmp_path, encoding):
    (tmp_path / "captions.json").write_text(json.dumps(coco(TEXTS)), encoding=encoding)
    with pytest.raises(InputError, match=f"the file is {encoding[:6].upper()}") as raised:
        read_captions(tmp_path / "captions.json")
    assert raised.value.file == tmp_path / "captions.json" and raised.value.remedy == "save it as UTF-8"


def instances(tmp_path, **changes):
    box = {"bbox": [1, 2, 10, 12], "category_id": 1}
    content = {
        "images": coco([])["images"],
        "annotations": [{"id": number, "image_id": number, **box} for number in (1, 2, 3)],
        "categories": [{"id": 1, "name": "dog"}],
    }
    content["annotations"][1] |= changes
    return read_instances(published_files.write(tmp_path / "instances.json", content))


@pytest.mark.parametrize(
    "box",
    [
        [1, 2, -3, 4],
        [1, 2, float("nan"), 4],
        [1, 2, float("inf"), 4],
        [1, 2, 10**400, 4],
        [2**63, 2, 3, 4],
        [1e300, 1e300, 1e300, 1e300],
        [-1e308, 2, 1e308, 4],
        [500, 500, 10, 10],
        [1, 2, 3],
        ["1", "2", "3", "4"],
        [True, 2, 3, 4],
        {"x": 1},
        None,
        "1 2 3 4",
    ],
)
def test_an_invalid_box_excludes_only_its_image(tmp_path, box):
    reading = instances(tmp_path, bbox=box)
    assert reading.tables["objects"]["image_id"].to_list() == ["1", "3"]
    assert [fault.record for fault in reading.faults] == ["annotation 2"]
    assert len(reading.faults[0].problem) < 300


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


@settings(max_examples=40)
@given(key=st.sampled_from(["id", "image_id", "category_id", "bbox", "iscrowd", "segmentation"]), value=anything)
def test_any_value_of_one_field_leaves_other_images_readable(tmp_path_factory, key, value):
    reading = instances(tmp_path_factory.getbasetemp(), **{key: value})
    kept = set(reading.tables["objects"]["image_id"])
    touched = {"1", "3"} if key in ("id", "image_id") else set()  # it may name another record
    assert {"1", "3"} - touched <= kept <= {"1", "2", "3"}


@settings(max_examples=40)
@given(key=st.sampled_from(["id", "width", "height", "file_name", "neg_category_ids"]), value=anything)
def test_any_image_record_leaves_other_images_readable(tmp_path_factory, key, value):
    content = coco(TEXTS)
    content["images"][0][key] = value
    content |= {"annotations": [{"id": n, "image_id": n, "bbox": [1, 1, 2, 2], "category_id": 1} for n in (1, 2, 3)]}
    content["categories"] = [{"id": 1, "name": "dog"}]
    path = published_files.write(tmp_path_factory.getbasetemp() / "images.json", content)
    kept = set(read_instances(path).tables["objects"]["image_id"])
    assert ({"2", "3"} if value not in (2, 3, "2", "3") else set()) <= kept


def scene(name: str) -> dict:
    holding = {"relations": [{"name": "holding", "object": "1"}]}
    return graph(**{"0": {"name": name, **holding}, "1": {"name": "cup"}})


def test_object_ids_unique_per_image_are_qualified(tmp_path):
    reading = read_scene_graphs(published_files.write(tmp_path / "g.json", {"7": scene("man"), "8": scene("woman")}))
    assert not reading.faults
    names = dict(reading.tables["objects"].select("object_id", "name").iter_rows())
    assert names == {"7/0": "man", "7/1": "cup", "8/0": "woman", "8/1": "cup"}
    related = reading.tables["relations"].select("image_id", "subject_id", "object_id").rows()
    assert sorted(related) == [("7", "7/0", "7/1"), ("8", "8/0", "8/1")]


def test_object_ids_unique_in_the_file_are_unchanged(tmp_path):
    reading = read_scene_graphs(
        published_files.write(tmp_path / "g.json", {"7": scene("man"), "8": graph(x={"name": "cup"})})
    )
    assert reading.tables["objects"]["object_id"].to_list() == ["0", "1", "x"]


def test_objects_with_numeric_ids_are_found(tmp_path):
    content = {"7": scene("man")}
    content["7"]["objects"]["0"]["relations"][0]["object"] = 1
    reading = read_scene_graphs(published_files.write(tmp_path / "g.json", content))
    assert reading.tables["relations"]["object_id"].to_list() == ["1"] and not reading.faults


def test_words_of_graphs_are_readable(tmp_path):
    thing = {"name": "Traffic_Light", "attributes": ["Bright_Red"], "relations": [{"name": "next_to", "object": "b"}]}
    reading = read_scene_graphs(
        published_files.write(tmp_path / "g.json", {"7": graph(a=thing, b={"name": "bow_(weapon)"})})
    )
    assert reading.tables["objects"]["name"].to_list() == ["traffic light", "bow"]
    assert reading.tables["objects"]["attributes"].to_list() == [["bright red"], []]
    assert reading.tables["relations"]["predicate"].to_list() == ["next to"]


@pytest.mark.parametrize("value", [0, -3, 2**70, 64.5, "64", None])
def test_a_graph_without_a_size_excludes_no_other_graph(tmp_path, value):
    content = {"7": {**scene("man"), "width": value}, "8": graph(x={"name": "cup"})}
    reading = read_scene_graphs(published_files.write(tmp_path / "g.json", content))
    assert reading.tables["images"]["image_id"].to_list() == ["8"] and reading.faults[0].record == "image 7"
