"""False negatives by completeness, over every negative; and samples that differ only in the method."""

import polars as pl
import pytest

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.base.tables import read_table, table, write_table
from nearmiss.engine.world.spec import WorldConfig
from nearmiss.stages.negatives.config import NegativesConfig
from nearmiss.stages.negatives.matched import draw
from nearmiss.stages.negatives.truth_table import format_rows, measure

SCENES = 60


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    methods = {name: NegativesConfig().methods[name] for name in ("keyword", "replace", "scene_graph")}
    out = tmp_path_factory.mktemp("truth") / "table.json"
    found = measure(world=WorldConfig(), methods=methods, scenes=SCENES, completeness=(1.0, 0.75, 0.5), out=out)
    assert found == read_json(out)
    return found


def test_false_negatives_grow_as_annotations_are_dropped(rows, capsys):
    with capsys.disabled():
        print("\n" + format_rows(rows))
    assert all(len(line) <= 80 for line in format_rows(rows).splitlines())
    for method in ("keyword", "replace", "scene_graph"):
        shares = [row["false_negatives"] / row["negatives"] for row in rows if row["method"] == method]
        assert shares[0] == 0 < shares[1] <= shares[2]  # complete, .75, .5
    for row in rows:
        assert row["negatives"] > SCENES and 0.9 < row["yield"] <= 1
        if row["completeness"] == 1:
            assert row["false_positives"] == row["undefined"] == 0


def rows_of(method: str, concept: str, seen: bool | None, number: int) -> list[dict]:
    row = dict.fromkeys(["image_id", "mode", "type", "operator", "positive", "negative", "verdict"], "x")
    row |= {"caption_id": "c", "template_id": None, "edits": [], "seed": 0, "concept": concept, "foil_in_scene": seen}
    return [{**row, "method": method, "negative_id": f"{method}-{concept}-{seen}-{n}"} for n in range(number)]


@pytest.fixture
def sets(tmp_path):
    def written(**contents: list[dict]):
        for name, content in contents.items():
            write_table(table("negatives", content), tmp_path / name / "negatives.parquet", "negatives")
        return [tmp_path / name for name in contents]

    return written


ONE = [*rows_of("one", "color", True, 20), *rows_of("one", "color", False, 5), *rows_of("one", "size", None, 4)]
TWO = [*rows_of("two", "color", True, 6), *rows_of("two", "color", False, 30), *rows_of("two", "object", False, 9)]


def test_matched_samples_are_equal_in_number_and_in_scene_share(sets, tmp_path):
    drawn = draw(negatives=sets(one=ONE, two=TWO), out=tmp_path / "out", seed=3)
    cells = []
    for name, whole in (("one", ONE), ("two", TWO)):
        frame = read_table(tmp_path / "out" / name / "negatives.parquet", "negatives")
        assert set(frame["negative_id"]) <= {row["negative_id"] for row in whole}
        cells.append(frame.group_by("concept", "foil_in_scene").len().sort("foil_in_scene"))
        assert frame.height == 11
    assert cells[0].equals(cells[1])
    assert cells[0]["len"].to_list() == [5, 6] and set(cells[0]["concept"]) == {"color"}
    assert "one 11 of 29, two 11 of 45" in drawn


def test_the_draw_depends_on_the_seed_and_not_on_the_order_of_rows(sets, tmp_path):
    def drawn(out, seed, one):
        draw(negatives=sets(one=one, two=TWO), out=tmp_path / out, seed=seed)
        return set(pl.read_parquet(tmp_path / out / "one" / "negatives.parquet")["negative_id"])

    assert drawn("a", 1, ONE) == drawn("b", 1, ONE[::-1]) != drawn("c", 2, ONE)


def test_sets_that_cannot_be_matched_are_named(sets, tmp_path):
    with pytest.raises(InputError, match="at least two sets"):
        draw(negatives=sets(one=ONE), out=tmp_path / "out")
    with pytest.raises(InputError, match="two sets are of method 'one'"):
        draw(negatives=sets(one=ONE, two=ONE), out=tmp_path / "out")
    with pytest.raises(InputError, match="no concept in common"):
        draw(negatives=sets(one=ONE, two=rows_of("two", "object", False, 9)), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
