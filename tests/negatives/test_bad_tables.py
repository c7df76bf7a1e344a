"""Tables of a user's own: rows that cannot be used are set aside with a reason, the rest goes through."""

import polars as pl
import pytest
import small_world

from nearmiss.base.errors import InputError
from nearmiss.base.tables import read_table, table
from nearmiss.stages.negatives.reading import read_corpus
from nearmiss.stages.negatives.spec import KeywordConfig
from nearmiss.stages.negatives.stage import run

GOOD = {"caption_id": "1", "image_id": "1", "text": "A red dog on a large table.", "template_id": None, "source": "x"}


def keyword(tmp_path, *rows):
    path = tmp_path / "captions.parquet"
    pl.DataFrame([GOOD, *rows], schema=dict.fromkeys(GOOD, pl.String)).write_parquet(path)
    run(name="keyword", config=KeywordConfig(), captions=path, out=tmp_path / "out")
    rejected = read_table(tmp_path / "out" / "rejected.parquet", "rejected")
    return read_table(tmp_path / "out" / "negatives.parquet", "negatives"), rejected.filter(type="input")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"text": None}, "its 'text' is null; record: caption 2 of captions.parquet"),
        ({"text": "  "}, "the caption is empty; record: caption 2"),
        ({"image_id": None}, "its 'image_id' is null; record: caption 2"),
        ({"caption_id": None}, "its 'caption_id' is null; record: caption without an id, row 1"),
    ],
)
def test_an_empty_cell_excludes_its_row(tmp_path, change, reason):
    negatives, aside = keyword(tmp_path, {**GOOD, "caption_id": "2", "text": "a blue car", **change})
    assert set(negatives["caption_id"]) == {"1"}
    assert aside.height == 1 and reason in aside["reason"][0]


def test_records_with_a_duplicate_id_are_excluded(tmp_path):
    negatives, aside = keyword(
        tmp_path, *({**GOOD, "caption_id": "2", "text": text} for text in ("a blue car", "a bus"))
    )
    assert set(negatives["caption_id"]) == {"1"}
    assert aside["positive"].to_list() == ["a blue car", "a bus"]


def test_a_table_without_usable_rows_reports_the_reasons(tmp_path):
    path = tmp_path / "captions.parquet"
    pl.DataFrame([{**GOOD, "text": None}], schema=dict.fromkeys(GOOD, pl.String)).write_parquet(path)
    with pytest.raises(InputError, match="its 'text' is null") as raised:
        read_corpus(path)
    assert raised.value.file == path and raised.value.record == "caption 1"


BAD = [
    ("name", None, "an object has no name"),
    ("x", None, "a box is not"),
    ("x", float("nan"), "a box is not"),
    ("w", -1.0, "a box is not"),
    ("object_id", None, "its 'object_id' is null"),
]


@pytest.mark.parametrize(("column", "value", "reason"), BAD)
def test_a_faulty_object_excludes_the_annotations_of_its_image(tmp_path, column, value, reason):
    paths = small_world.write(tmp_path, 3)
    objects = pl.read_parquet(paths["objects"]).sort("image_id", "object_id")
    first = objects["image_id"][0]
    changed = pl.when(pl.int_range(pl.len()) == 0).then(pl.lit(value)).otherwise(column).alias(column)
    objects.with_columns(changed).write_parquet(paths["objects"])
    faults = []
    corpus = read_corpus(**paths, faults=faults)
    assert first not in corpus.annotations and len(corpus.annotations) == 2
    assert faults[0][0].problem.startswith(reason)
    assert {path for _, path in faults} == {paths["objects"]}


def test_valid_tables_lose_no_row(tmp_path):
    paths, faults = small_world.write(tmp_path, 20), []
    corpus = read_corpus(**paths, faults=faults)
    objects = read_table(paths["objects"], "objects")
    kept = objects.join(corpus.images, on="image_id", how="semi", maintain_order="left")
    assert corpus.objects.equals(kept) and not faults


def test_the_stage_reports_faults_of_its_tables(tmp_path):
    paths = small_world.write(tmp_path, 4)
    captions = pl.read_parquet(paths["captions"])
    captions = captions.with_columns(text=pl.when(pl.int_range(pl.len()) == 0).then(None).otherwise("text"))
    captions.write_parquet(paths["captions"])
    run(name="keyword", config=KeywordConfig(), seed=0, out=tmp_path / "out", **paths)
    rejected = read_table(tmp_path / "out" / "rejected.parquet", "rejected").filter(type="input")
    assert rejected["reason"].str.contains("its 'text' is null").to_list() == [True]


def test_crowds_and_closed_names_of_tables_are_read(tmp_path):
    image = {"image_id": "1", "file": "", "width": 64, "height": 64, "split": "train", "source": "x"}
    thing = {"object_id": "1", "image_id": "1", "name": "Fire_Truck", "attributes": [], "mask": None}
    box = {"x": 1.0, "y": 1.0, "w": 9.0, "h": 9.0}
    images = table("images", [image]).with_columns(closed=pl.Series([["kite"]]))
    objects = table("objects", [{**thing, **box}]).with_columns(crowd=pl.Series([True]))
    paths = {"captions": table("captions", [GOOD]), "images": images, "objects": objects}
    for name, frame in paths.items():
        frame.write_parquet(tmp_path / f"{name}.parquet")
    corpus = read_corpus(**{name: tmp_path / f"{name}.parquet" for name in paths})
    noted = corpus.annotations["1"]
    assert noted.objects[0].crowd and noted.objects[0].noun == "fire truck" and noted.closed == {"kite"}
    assert corpus.verdict("1", "there is a kite").kind == "verified"
    assert corpus.verdict("1", "there are two fire trucks").kind == "plausible"
