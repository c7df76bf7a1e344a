"""Negatives that others made: converted, read into an experiment unchecked, and refused where they do not fit."""

import polars as pl
import pytest

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.base.tables import read_table, table, write_table
from nearmiss.config import resolve
from nearmiss.engine.formats.exchange import convert
from nearmiss.stages.negatives.spec import PublishedConfig
from nearmiss.stages.negatives.stage import run

NEGCLIP = """\ttitle\tfilepath\tneg_caption\tneg_image
0\tA dog near a cat.\tval2014/COCO_val2014_000000000001.jpg\t['A cat near a dog.', 'A cat near a cat.']\t[]
1\tA red bus.\tval2014/COCO_val2014_000000000002.jpg\t['A bus red.', 'A red bus.']\t[]
2\tA kite.\tval2014/COCO_val2014_000000000003.jpg\t['A sky.']\t[]
"""


@pytest.fixture
def given(tmp_path):
    """A released file of three images, and the captions of two of them, one worded as in the file."""
    (tmp_path / "valid_neg_clip.tsv").write_text(NEGCLIP)
    texts = {"1": "A dog near a cat.", "2": "A bus in the street."}
    captions = [
        {"caption_id": f"c{image_id}", "image_id": image_id, "text": text, "template_id": None, "source": "coco"}
        for image_id, text in texts.items()
    ]
    write_table(table("captions", captions), tmp_path / "captions.parquet", "captions")
    return tmp_path


def made(folder, **options):
    config = PublishedConfig(**{"file": str(folder / "valid_neg_clip.tsv"), **options})
    out = folder / "out"
    run(name="negclip", config=config, seed=0, captions=folder / "captions.parquet", out=out)
    return {name: read_table(out / f"{name}.parquet", name) for name in ("negatives", "captions", "rejected")}


def test_pairs_become_unchecked_negatives_of_the_corpus(given):
    tables = made(given)
    assert tables["negatives"].select("caption_id", "image_id", "positive", "negative").rows() == [
        ("c1", "1", "A dog near a cat.", "A cat near a dog."),
        ("c1", "1", "A dog near a cat.", "A cat near a cat."),
        ("2-published-0", "2", "A red bus.", "A bus red."),
    ]
    for column, value in {"verdict": "unchecked", "mode": "released", "method": "negclip", "type": "swap"}.items():
        assert set(tables["negatives"][column]) == {value}


def test_positives_are_written_with_them(given):
    rows = made(given)["captions"].select("caption_id", "image_id", "text", "source").rows()
    assert rows == [("c1", "1", "A dog near a cat.", "coco"), ("2-published-0", "2", "A red bus.", "negclip")]


def test_excluded_pairs_are_reported(given):
    rejected = made(given)["rejected"]
    assert rejected.select("image_id", "negative", "reason").rows() == [
        ("2", "A red bus.", "the two texts are equal"),
        ("3", "A sky.", "the image is none of the corpus"),
    ]


def test_the_file_is_an_input_of_the_manifest(given):
    made(given)
    assert "published" in read_json(given / "out" / "manifest.json")["inputs"]


def test_a_converted_file_gives_the_same_negatives(given):
    convert(
        given / "valid_neg_clip.tsv",
        source=None,
        target="parquet",
        out=given / "converted.parquet",
        images=None,
        pattern="{:012d}.jpg",
        seed=0,
    )
    columns = ["caption_id", "positive", "negative", "verdict"]
    once = made(given)["negatives"].select(columns)
    assert made(given, file=str(given / "converted.parquet"))["negatives"].select(columns).equals(once)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"file": "nothing.tsv"}, "an input is missing: published"),
        ({"format": "hnc"}, "JSON"),
        ({"file": "captions.parquet"}, "column"),
    ],
)
def test_an_unreadable_file_ends_before_any_output(given, options, problem, monkeypatch):
    monkeypatch.chdir(given)
    with pytest.raises(InputError, match=problem):
        made(given, **options)
    assert not (given / "out").exists()


def test_a_file_of_other_images_is_refused(given):
    captions = read_table(given / "captions.parquet", "captions").with_columns(image_id=pl.lit("other"))
    write_table(captions, given / "captions.parquet", "captions")
    with pytest.raises(InputError, match="none of 5 negatives is of an image of the tables") as raised:
        made(given)
    assert "first image: 1" in str(raised.value)
    assert not (given / "out").exists()


def test_an_arm_declares_unchecked_negatives():
    arm = {"method": "x", "objective": [{"term": "hard_negative_columns"}]}
    values = {
        "experiment": "e",
        "negatives": {"methods": {"x": {"method": "published", "file": "negatives.tsv"}}},
        "arms": {"base": {"objective": "clip", "num_negatives": 0}, "arm": arm},
        "compare": {"controls": []},
    }
    with pytest.raises(InputError, match="unchecked") as raised:
        resolve(values)
    assert "arms.arm.verdicts" in str(raised.value)
    arm["verdicts"] = ["unchecked"]
    assert resolve(values).methods() == ["x"]


def test_the_former_name_of_a_mode_is_refused_with_the_new_one():
    values = {"experiment": "e", "negatives": {"methods": {"x": {"method": "replace", "mode": "faithful"}}}}
    with pytest.raises(InputError, match="'faithful' is called 'released'"):
        resolve(values)
