"""The base of every stage: files are complete or absent, tables keep their schema, seeds depend on names."""

import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearmiss.base.errors import InputError
from nearmiss.base.files import folder_sha256, read_json, replacing, write_json
from nearmiss.base.manifest import Cost, write_manifest
from nearmiss.base.seeding import derive, rng
from nearmiss.base.tables import SCHEMAS, read_table, table, write_table

RELATION = {"image_id": "1", "subject_id": "a", "predicate": "above", "object_id": "b"}


def test_a_failed_write_keeps_the_earlier_file(tmp_path: Path):
    target = tmp_path / "notes.json"
    write_json(target, {"kept": True})
    with pytest.raises(RuntimeError), replacing(target) as partial:
        partial.write_text("half of")
        raise RuntimeError("the disk is full")
    assert read_json(target) == {"kept": True}
    assert [path.name for path in tmp_path.iterdir()] == ["notes.json"]


def test_malformed_json_is_named_with_its_line(tmp_path: Path):
    broken = tmp_path / "broken.json"
    broken.write_text('{\n "a": 1,\n "b": \n}')
    with pytest.raises(InputError, match=r"line 4") as raised:
        read_json(broken)
    assert str(broken) in str(raised.value)


def test_nan_is_not_written(tmp_path: Path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x.json", {"loss": float("nan")})
    assert not list(tmp_path.iterdir())


def test_tables_round_trip_with_the_same_bytes(tmp_path: Path):
    frame = table("relations", [RELATION])
    write_table(frame, tmp_path / "a.parquet", "relations")
    write_table(frame, tmp_path / "b.parquet", "relations")
    assert read_table(tmp_path / "a.parquet", "relations").equals(frame)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_a_table_with_another_schema_is_refused_with_its_columns(tmp_path: Path):
    pl.DataFrame({"image_id": ["1"], "colour": ["red"]}).write_parquet(tmp_path / "x.parquet")
    with pytest.raises(InputError, match=r"missing \['subject_id'.*unknown \['colour'\]"):
        read_table(tmp_path / "x.parquet", "relations")


def test_a_file_that_is_not_parquet_is_refused(tmp_path: Path):
    (tmp_path / "x.parquet").write_text("<html>quota exceeded</html>")
    with pytest.raises(InputError, match="not readable Parquet"):
        read_table(tmp_path / "x.parquet", "relations")


def test_every_schema_makes_an_empty_table(tmp_path: Path):
    for name in SCHEMAS:
        write_table(table(name, []), tmp_path / f"{name}.parquet", name)
        assert read_table(tmp_path / f"{name}.parquet", name).is_empty()


@given(st.lists(st.text(), min_size=1, max_size=3))
def test_seeds_depend_only_on_names(names: list[str]):
    assert derive(0, *names) == derive(0, *names)
    assert 0 <= derive(0, *names) < 2**63
    assert derive(0, *names) != derive(1, *names)
    assert rng(0, *names).random() == rng(0, *names).random()


def test_manifests_contain_no_paths_and_times(tmp_path: Path):
    for name in ("here", "there"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "table.csv").write_text("a,b\n")
        (folder / "more").mkdir()
        (folder / "more" / "x").write_text("x")
        (folder / "more" / ".snakemake_timestamp").write_text(name)
        write_manifest(folder, stage="data", fingerprint=None, inputs={}, outputs=["table.csv", "more"])
    here, there = ((tmp_path / name / "manifest.json").read_bytes() for name in ("here", "there"))
    assert here == there
    assert str(tmp_path).encode() not in here
    assert folder_sha256(tmp_path / "here" / "more") in here.decode()


def test_costs_are_measured(tmp_path: Path):
    cost = Cost()
    cost.counts["images"] = 3
    cost.write(tmp_path)
    written = json.loads((tmp_path / "cost.json").read_text())
    assert written["images"] == 3
    assert written["seconds"] >= 0
    assert written["peak_memory"] > 10**6
