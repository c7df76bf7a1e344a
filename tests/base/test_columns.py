"""Tables that other tools wrote: what holds the same values is accepted, what would change a value is refused."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearmiss.base.errors import InputError
from nearmiss.base.tables import SCHEMAS, conform, read_table, table, write_table

CAPTIONS = {
    "caption_id": ["1", "2"],
    "image_id": ["7", "8"],
    "text": ["a dog", "a cat"],
    "template_id": [None, None],
    "source": ["x", "x"],
}


def captions(**changes) -> pl.DataFrame:
    return pl.DataFrame({**CAPTIONS, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"__index_level_0__": [0, 1]},
        {"Unnamed: 0": [0, 1]},
        {"caption_id": [1, 2], "image_id": pl.Series([7, 8], dtype=pl.UInt8)},
        {"caption_id": [1.0, 2.0], "image_id": [7.0, 8.0]},
        {"text": pl.Series(["a dog", "a cat"], dtype=pl.Categorical)},
        {"source": pl.Series(["x", "x"], dtype=pl.Enum(["x"]))},
        {"template_id": [float("nan"), float("nan")]},
    ],
)
def test_a_table_written_by_pandas_is_equal(changes):
    given_frame, expected = captions(**changes), captions().cast(SCHEMAS["captions"])
    assert conform(given_frame, "captions").equals(expected)


def test_an_empty_cell_among_ids_stays_empty():
    made = conform(captions(image_id=[7.0, float("nan")]), "captions")
    assert made["image_id"].to_list() == ["7", None]


@pytest.mark.parametrize(
    ("name", "changes", "column", "says"),
    [
        ("captions", {"image_id": [1.5, 2.0]}, "image_id", "1.5 is not a whole number"),
        ("captions", {"image_id": [1e300, 2.0]}, "image_id", "not a whole number"),
        ("captions", {"image_id": [True, False]}, "image_id", "Boolean"),
        ("captions", {"text": [1.0, 2.0]}, "text", "not text"),
        ("captions", {"text": [b"a", b"b"]}, "text", "not text"),
        ("objects", {"attributes": ["red", "blue"]}, "attributes", "not lists"),
        ("objects", {"attributes": [[1], [2]]}, "attributes", "not text"),
        ("objects", {"x": ["far", "near"]}, "x", "conversion"),
        ("images", {"width": [64.5, 64.0]}, "width", "64.5 is not a whole number"),
    ],
)
def test_a_column_of_another_type_is_named(name, changes, column, says):
    whole = {each: pl.Series([None, None], dtype=kind) for each, kind in SCHEMAS[name].items()}
    with pytest.raises(InputError, match="column of the wrong type") as raised:
        conform(pl.DataFrame({**whole, **changes}), name, file="mine.parquet")
    assert raised.value.record == f"column '{column}'" and says in raised.value.problem
    assert raised.value.file == "mine.parquet"


def test_missing_and_unknown_columns_are_named_with_those_that_are_due():
    with pytest.raises(InputError) as raised:
        conform(captions().rename({"text": "caption"}), "captions", file="mine.parquet")
    message = str(raised.value)
    assert "table 'captions'" in message and "missing ['text']" in message and "unknown ['caption']" in message
    assert "a table of your own" in message and "text (text)" in message and "mine.parquet" in message


def test_optional_columns_are_kept_and_not_added(tmp_path):
    image = {"image_id": "1", "file": "", "width": 1, "height": 1, "split": "train", "source": "x"}
    plain = table("images", [image])
    assert conform(plain, "images").columns == list(SCHEMAS["images"])
    more = plain.with_columns(closed=pl.Series([["dog"]]))
    write_table(more, tmp_path / "images.parquet", "images")
    assert read_table(tmp_path / "images.parquet", "images")["closed"].to_list() == [["dog"]]


@given(st.lists(st.none() | st.integers(-(2**53), 2**53), max_size=5))
def test_integral_floats_are_read_as_integers(values):
    written = pl.Series("image_id", [None if each is None else float(each) for each in values], dtype=pl.Float64)
    rest = {each: pl.Series([None] * len(values), dtype=kind) for each, kind in SCHEMAS["captions"].items()}
    made = conform(pl.DataFrame({**rest, "image_id": written}), "captions")
    assert made["image_id"].to_list() == [None if each is None else str(each) for each in values]


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "captions.parquet"
    write_table(captions(), path, "captions")
    content = bytearray(path.read_bytes())
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="not readable Parquet") as raised:
        read_table(path, "captions")
    assert raised.value.file == path
