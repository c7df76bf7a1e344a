"""The captions of one set of a table, whole and in parts."""

import polars as pl
import pytest

from nearmiss.base.caption_sets import read_caption_parts, read_caption_set

ROWS = {
    "caption_id": ["a", "b"],
    "image_id": ["x", "x"],
    "text": ["a cat", "two cats"],
    "template_id": ["", ""],
    "source": ["", ""],
}


@pytest.mark.parametrize("name", ["captions", "a[1]*?{b}"])
@pytest.mark.parametrize("sets", [None, ["broad", "narrow"]])
def test_both_ways_of_reading_give_the_rows_of_the_set(name, sets, tmp_path):
    """A path is no pattern: letters that patterns have stand for themselves."""
    file = tmp_path / name / "captions.parquet"
    file.parent.mkdir()
    rows = ROWS if sets is None else ROWS | {"set": sets}
    pl.DataFrame(rows).write_parquet(file)
    wanted = ["a", "b"] if sets is None else ["a"]
    given = None if sets is None else "broad"
    assert read_caption_set(file, given)["caption_id"].to_list() == wanted
    parts = read_caption_parts(file, given, ("caption_id",))
    assert pl.concat(list(parts))["caption_id"].to_list() == wanted
