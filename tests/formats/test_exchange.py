"""Peers' files: what is written is read again, what is malformed is named, what is a program is not run."""

import ast
import csv
import json
import pickle
import subprocess
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from toy_pairs import toy

from nearmiss.base.errors import InputError
from nearmiss.base.tables import read_table, write_table
from nearmiss.engine.formats.exchange import READERS, WRITERS, convert, guessed, read_negatives, write_tables
from nearmiss.engine.formats.published import COCO_NAME, FileNames, image_id

REAL = Path(__file__).parents[3] / "shared" / "realdata"
TEXTS = ["image_id", "positive", "negative"]
OUT = {"parquet": "x.parquet", "sugarcrepe": "x", "negclip": "x.tsv", "hnc": "x.json", "ce_clip": "x"}


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_written_pairs_are_read_again(tmp_path, name):
    out = tmp_path / OUT[name]
    WRITERS[name](toy(), out, FileNames({}), 0)
    again = READERS[name](out)
    assert again.select(TEXTS).sort(TEXTS).equals(toy().select(TEXTS).sort(TEXTS))
    for row in again.iter_rows(named=True):
        assert row["edits"]
        assert row["image_id"]
    if name != "negclip":  # its files have no types
        assert sorted(again["type"]) == sorted(toy()["type"])


@pytest.mark.parametrize(("out", "captions"), [("x", "x/captions.parquet"), ("x.parquet", "x.captions.parquet")])
def test_negatives_tables_have_their_positives_beside_them(tmp_path, out, captions):
    write_tables(toy(), tmp_path / out)
    negatives = tmp_path / out if out.endswith(".parquet") else tmp_path / out / "negatives.parquet"
    assert read_table(negatives, "negatives").equals(toy())
    written = read_table(tmp_path / captions, "captions")
    pairs = toy().select("caption_id", "image_id", text="positive", source="method").unique(maintain_order=True)
    assert written.select("caption_id", "image_id", "text", "source").equals(pairs)


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_equal_tables_give_equal_bytes(tmp_path, name):
    def written(folder: str) -> dict[str, bytes]:
        out = tmp_path / folder / OUT[name]
        WRITERS[name](toy(), out, FileNames({}), 3)
        files = [out] if out.is_file() else sorted(out.iterdir())
        return {file.name: file.read_bytes() for file in files}

    assert written("one") == written("two")


def test_sugarcrepe_has_the_published_format(tmp_path):
    WRITERS["sugarcrepe"](toy(), tmp_path / "x", FileNames({}), 0)
    assert sorted(file.stem for file in (tmp_path / "x").glob("*.json")) == [
        "action",
        "attribute",
        "object",
        "relation",
    ]
    first = json.loads((tmp_path / "x" / "object.json").read_text())
    assert first == {
        "0": {"filename": "000000000007.jpg", "caption": "A dog on a bed.", "negative_caption": "A cat on a bed."}
    }


def test_negclip_has_the_published_format(tmp_path):
    WRITERS["negclip"](toy(), tmp_path / "x.tsv", FileNames({}, "coco/val2014/COCO_val2014_{:012d}.jpg"), 0)
    with (tmp_path / "x.tsv").open(newline="") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t"))
    assert list(rows[0]) == ["", "title", "filepath", "neg_caption", "neg_image"]
    assert rows[0]["filepath"] == "coco/val2014/COCO_val2014_000000000007.jpg"
    assert len(ast.literal_eval(rows[0]["neg_caption"])) == 3
    for row in rows:
        others = ast.literal_eval(row["neg_image"])
        assert others
        assert all(rows[other]["filepath"] != row["filepath"] for other in others)


def test_ce_clip_has_the_published_format(tmp_path):
    WRITERS["ce_clip"](toy(), tmp_path / "x", FileNames({}), 0)
    records = np.load(tmp_path / "x" / "processed_dataset0.npy", allow_pickle=True).tolist()
    assert records[0] == {
        "image_id": 7,
        "id": 0,
        "caption": "A dog on a bed.",
        "relation_aug_caption": "###",
        "adj_aug_caption": "A dog on a red bed.",
        "noun_aug_caption": "A cat on a bed.",
        "verb_aug_caption": "###",
        "valid_caption": [1, 0, 1, 1, 0],
    }
    assert [record["valid_caption"] for record in records[1:]] == [[1, 0, 1, 0, 0], [1, 1, 0, 0, 0], [1, 0, 0, 0, 1]]


def test_hnc_has_the_published_format(tmp_path):
    WRITERS["hnc"](toy(), tmp_path / "x.json", FileNames({}), 0)
    captions = json.loads((tmp_path / "x.json").read_text())["7"]["captions"]
    assert captions["0"]["label"] == 1
    assert (captions["1"]["label"], captions["1"]["cpt_p_id"], captions["1"]["replaced"]) == (0, 0, ["dog", "cat"])
    assert set(captions["1"]) == set(
        ["caption", "label", "type", "textual_label", "bboxes", "ambiguity", "noisy", "replaced", "cpt_p_id"]
    )


def test_valse_reads_the_items_that_the_paper_scores(tmp_path):
    item = {"image_file": "COCO_val2014_000000000009.jpg", "caption": "One cat.", "foil": "Two cats."}
    write(tmp_path / "plurals.json", {"a": {**item, "mturk": {"caption": 3}}, "b": {**item, "mturk": {"caption": 1}}})
    (row,) = READERS["valse"](tmp_path / "plurals.json").to_dicts()
    assert (row["image_id"], row["type"], row["concept"], row["negative"]) == ("9", "plurals", "count", "Two cats.")
    with pytest.raises(InputError, match="read, not written"):
        convert(tmp_path, source="valse", target="valse", out=tmp_path, images=None, pattern=COCO_NAME, seed=0)


SUGAR = {"filename": "a.jpg", "caption": "a dog", "negative_caption": "a cat"}
VALSE = {"image_file": "a.jpg", "caption": "a dog", "foil": "a cat", "mturk": {"caption": 3}}
HNC = {"0": {"caption": "a", "label": 1, "type": "t"}, "1": {"caption": "b", "label": 0, "type": "t", "cpt_p_id": 0}}


def write(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document))
    return path


def hnc(**changes: object) -> dict[str, object]:
    return {"5": {"captions": {**HNC, "1": {**HNC["1"], **changes}}}}


@pytest.mark.parametrize(
    ("name", "document", "message", "record"),
    [
        ("sugarcrepe", {"3": {**SUGAR, "caption": " "}}, "'caption' of a record is not a string", "id 3"),
        ("sugarcrepe", {"3": {"filename": "a.jpg", "caption": "a"}}, "'negative_caption'", "id 3"),
        ("sugarcrepe", {"3": "text"}, "not an object", "id 3"),
        ("sugarcrepe", [SUGAR], "not a JSON object of records", None),
        ("sugarcrepe", {}, "has no pairs", None),
        ("valse", {"x": {**VALSE, "mturk": {}}}, "lacks 'caption'", "id x"),
        ("valse", {"x": {**VALSE, "foil": None}}, "'foil' of a record is not a string", "id x"),
        ("hnc", hnc(cpt_p_id=9), "caption 9, is missing", "image 5, caption 1"),
        ("hnc", hnc(cpt_p_id=None), "'cpt_p_id'", "image 5, caption 1"),
        ("hnc", hnc(label=2), "a label is 2", "image 5, caption 1"),
        ("hnc", hnc(label=1), "has no pairs", None),
        ("hnc", {"5": {}}, "lacks 'captions'", "image 5"),
    ],
)
def test_a_malformed_record_is_named(tmp_path, name, document, message, record):
    path = write(tmp_path / "file.json", document)
    with pytest.raises(InputError, match=message) as caught:
        READERS[name](path)
    assert (caught.value.file, caught.value.record) == (path, record)


HEADER = "\ttitle\tfilepath\tneg_caption\tneg_image\n"


@pytest.mark.parametrize(
    ("content", "message", "record"),
    [
        ("\ttitle\tfilepath\n0\ta\tb\n", r"lacks the columns \['neg_caption'\]", "the header"),
        ("", "lacks the columns", "the header"),
        (HEADER, "has no pairs", None),
        (HEADER + "0\ta dog\ta.jpg\tnonsense\t[1]\n", "not a list", "row 0"),
        (HEADER + "0\ta dog\ta.jpg\t['a']\t[1]\n1\t\ta.jpg\t['a']\t[1]\n", "'title'", "row 1"),
        (HEADER + "0\ta dog\n", "'filepath'", "row 0"),
        (HEADER + "0\ta dog\ta.jpg\t__import__('os').getpid()\t[1]\n", "not a list", "row 0"),
    ],
)
def test_a_malformed_row_is_named(tmp_path, content, message, record):
    path = tmp_path / "x.tsv"
    path.write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        READERS["negclip"](path)
    assert (caught.value.file, caught.value.record) == (path, record)


def objects(path: Path, records: list[object]) -> Path:
    array = np.empty(len(records), dtype=object)
    array[:] = records
    np.save(path, array, allow_pickle=True)
    return path


CE = {"image_id": 1, "caption": "a dog", "noun_aug_caption": "a cat", "valid_caption": [1, 0, 0, 1, 0]}


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([CE, {**CE, "valid_caption": [1, 0]}], "not five values 0 or 1"),
        ([CE, {**CE, "noun_aug_caption": None}], "'noun_aug_caption'"),
        ([CE, {"caption": "a", "valid_caption": [1, 0, 0, 0, 0]}], "lacks 'image_id'"),
        ([CE, "text"], "not a dictionary"),
    ],
)
def test_a_malformed_npy_record_is_named(tmp_path, records, message):
    with pytest.raises(InputError, match=message) as caught:
        READERS["ce_clip"](objects(tmp_path / "x.npy", records))
    assert caught.value.record == "record 1"


class Planted:
    """Runs a program when a pickle that holds it is opened."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return exec, (f"open({str(self.mark)!r}, 'w')",)


def test_an_npy_file_with_code_is_refused_and_not_executed(tmp_path):
    mark = tmp_path / "ran"
    path = objects(tmp_path / "x.npy", [{**CE, "caption": Planted(mark)}])
    with pytest.raises(InputError, match="exec"):
        READERS["ce_clip"](path)
    assert not mark.exists()
    np.load(path, allow_pickle=True)  # the plant works where pickles are trusted
    assert mark.exists()


@pytest.mark.parametrize("content", [b"", b"nonsense", pickle.dumps([CE])])
def test_a_file_that_is_not_an_array_is_refused(tmp_path, content):
    path = tmp_path / "x.npy"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not an array of records"):
        READERS["ce_clip"](path)


def test_an_unknown_suffix_requires_the_format_option(tmp_path):
    with pytest.raises(InputError, match="cannot be determined"):
        guessed(tmp_path / "pairs.json")


def test_image_ids_map_to_file_names():
    assert image_id("coco/val2014/COCO_val2014_000000184613.jpg") == "184613"
    assert image_id("nXXX.jpg") == "nXXX.jpg"
    names = FileNames({"7": "val2017/7.png"})
    assert (names("7"), names("8"), names("nXXX.jpg")) == ("val2017/7.png", "000000000008.jpg", "nXXX.jpg")
    with pytest.raises(InputError, match="not a pattern"):
        FileNames({}, "{} {}.jpg")


def test_the_command_converts(tmp_path, python):
    write_table(toy(), tmp_path / "x.parquet", "negatives")
    arguments = ["--pairs", tmp_path / "x.parquet", "--to", "hnc", "--out", tmp_path / "y.json"]
    command = [python, "-m", "nearmiss", "negatives", "convert", *map(str, arguments)]
    completed = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "5 negatives written" in completed.stdout
    assert read_negatives(tmp_path / "y.json", "hnc").height == 5


@pytest.mark.parametrize(
    ("name", "path", "count"),
    [("sugarcrepe", "sugarcrepe/data", 7511), ("negclip", "negclip_coco_valid/valid_neg_clip.tsv", 7370)],
)
@pytest.mark.realdata
@pytest.mark.skipif(not REAL.is_dir(), reason="no real data beside the checkout")
def test_the_real_files_survive_a_round_trip(tmp_path, name, path, count):
    frame = READERS[name](REAL / path)
    assert frame.height == count
    out = tmp_path / OUT[name]
    WRITERS[name](frame, out, FileNames({}), 0)
    again = READERS[name](out)
    assert again.select(*TEXTS, "type").sort(pl.all()).equals(frame.select(*TEXTS, "type").sort(pl.all()))
