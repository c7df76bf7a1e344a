"""Strict readers: one field of another kind is refused with file and record, never read as something else."""

import json

import pytest

from nearmiss.base.errors import InputError
from nearmiss.base.tables import table, write_table
from nearmiss.engine.benchmarks import classification, retrieval, world
from nearmiss.engine.benchmarks.benchmark import Options
from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.engine.formats import valse
from nearmiss.engine.formats.labels_list import read_classes, read_labels
from nearmiss.engine.formats.questions import ROWS, read_questions
from nearmiss.engine.formats.vsr import read_statements

VALUES = [None, True, 3, 0.5, float("nan"), 10**30, "ab", "", [], ["ab"], [3], [None], [[1]], {}, {"a": 1}]
ITEMS = {
    "items": {
        "item_id": "a", "benchmark": "world", "subset": "1x2", "concept": "color", "operator": "swap",
        "template_id": None, "condition": "iid", "images": ["1"], "captions": ["a", "b"], "truth": [[True, False]],
        "crop": [0.0, 0.0, 2.0, 2.0],
    },
    "retrieval": {"image_id": "1", "caption_id": "c", "text": "a cat", "right": ["1"]},
    "classification": {"task": "t", "image_id": "1", "label": 1, "classes": ["a", "b"], "prompts": [["x"], ["y"]]},
}  # fmt: skip


def write_images(root):
    """Table `images` with every image that the items name."""
    row = {"width": 8, "height": 8, "split": "test", "source": "toy"}
    names = sorted({"1", *ITEMS["items"]["images"], ITEMS["classification"]["image_id"]})
    rows = [{"image_id": name, "file": f"{name}.png", **row} for name in names]
    write_table(table("images", rows), root / "tables" / "images.parquet", "images")


@pytest.mark.parametrize("name", ITEMS)
def test_a_question_has_its_exact_values_or_is_refused(tmp_path, name):
    file = tmp_path / "questions.json"
    for column in ITEMS[name]:
        for value in VALUES:
            row = {**ITEMS[name], column: value}
            file.write_text(json.dumps({ROWS[name]: [row]}))
            try:
                (read,) = read_questions(file, name).to_dicts()
            except InputError as error:
                assert error.record == f"{ROWS[name]} 0"
            else:
                assert json.dumps(read[column]) == json.dumps(value) or read[column] == value, (column, value)


@pytest.mark.parametrize(
    ("name", "column", "value"),
    [
        ("items", "captions", ["a", None]),
        ("items", "captions", ["a", " \u2028"]),
        ("items", "captions", []),
        ("items", "images", [None]),
        ("items", "images", None),
        ("items", "truth", [[True, None]]),
        ("items", "truth", None),
        ("items", "crop", [0.0, 0.0, 0.0, 2.0]),
        ("items", "crop", [0.0, 0.0, None, 2.0]),
        ("items", "crop", [0.0, 0.0, 2.0]),
        ("retrieval", "text", None),
        ("retrieval", "text", ""),
        ("retrieval", "right", None),
        ("retrieval", "right", [None]),
        ("retrieval", "image_id", None),
        ("classification", "label", None),
        ("classification", "classes", ["a", None]),
        ("classification", "prompts", [["x"], [None]]),
        ("classification", "prompts", [["x"], []]),
    ],
)
def test_a_table_of_items_with_a_gap_is_refused(tmp_path, name, column, value):
    reader = {"items": world, "retrieval": retrieval, "classification": classification}[name].BENCHMARK
    write_images(tmp_path)
    file = tmp_path / "tables" / f"{name}_test.parquet"
    write_table(table(name, [ITEMS[name]]), file, name)
    reader.load(DataRoot(tmp_path), Options())
    write_table(table(name, [{**ITEMS[name], column: value}]), file, name)
    with pytest.raises(InputError) as refused:
        reader.load(DataRoot(tmp_path), Options())
    assert refused.value.file == file


def test_a_caption_without_further_positives_is_accepted(tmp_path):
    write_images(tmp_path)
    file = tmp_path / "tables" / "retrieval_test.parquet"
    write_table(table("retrieval", [{**ITEMS["retrieval"], "right": []}]), file, "retrieval")
    assert retrieval.BENCHMARK.load(DataRoot(tmp_path), Options()).right.tolist() == [[True]]


def test_a_statement_keeps_its_values_or_is_refused(tmp_path):
    file = tmp_path / "test.jsonl"
    record = {"image": "1.jpg", "caption": "A cat\u2028is here.", "label": 1, "condition": "iid"}
    for key in record:
        for value in VALUES:
            file.write_text(json.dumps({**record, key: value}, ensure_ascii=False) + "\n", encoding="utf-8")
            try:
                (row,) = read_statements(file, split="test", images={"1.jpg": "1"}).to_dicts()
            except InputError as error:
                assert (error.file, error.record) == (file, "line 1")
            else:
                assert row[{"image": "image_id", "caption": "text"}.get(key, key)] == value
    file.write_text(json.dumps(record, ensure_ascii=False), encoding="utf-8")
    assert read_statements(file, split="test", images={"1.jpg": "1"})["text"].to_list() == [record["caption"]]


def test_an_item_of_valse_keeps_its_values_or_is_refused(tmp_path):
    file = tmp_path / "existence.json"
    item = {"image_file": "1.jpg", "caption": "There are cats.", "foil": "There are no cats.", "mturk": {"caption": 3}}
    for key in item:
        for value in VALUES:
            file.write_text(json.dumps({"7": {**item, key: value}}))
            try:
                (row,) = valse.read(file).to_dicts()
            except InputError as error:
                assert error.file == file
            else:
                assert value in (row["image_id"], row["positive"], row["negative"])
    file.write_text(json.dumps({"7": {**item, "mturk": {"caption": True}}}))
    with pytest.raises(InputError, match="wrong type"):
        valse.read(file)


@pytest.mark.parametrize("mark", ["\u2028", "\x85", "\x0b", "\x1c"])
def test_only_line_feeds_separate_class_names(tmp_path, mark):
    file = tmp_path / "classes.txt"
    file.write_bytes(f"\ufeffapple{mark}pie\r\nsoup\r\n\n".encode())
    assert read_classes(file) == [f"apple{mark}pie", "soup"]
    file.write_bytes(b"soup\nsoup\n")
    with pytest.raises(InputError, match="soup occurs twice"):
        read_classes(file)


def test_lists_of_images_keep_their_values_or_are_refused(tmp_path):
    file = tmp_path / "train.json"
    question = {"task": "food", "concept": "object", "split": "train", "condition": "iid", "images": {"a/1": "1"}}
    for value in VALUES:
        for document in (value, {"a": value, "b": []}, {"a": [value], "b": []}):
            file.write_text(json.dumps(document))
            try:
                read_labels(file, ["a", "b"], **question)
            except InputError as error:
                assert error.file == file
            else:
                raise AssertionError(document)
    file.write_text(json.dumps({"a": ["a/1"], "b": []}))
    assert read_labels(file, ["a", "b"], **question).select("image_id", "label").rows() == [("1", 0)]
