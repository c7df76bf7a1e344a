"""The values of a finished experiment, recomputed from its raw scores by a script that imports nothing of nearmiss."""

import ast
import importlib.util
import sys

import polars as pl
import pytest


@pytest.fixture(scope="module")
def recompute(root):
    spec = importlib.util.spec_from_file_location("recompute", root / "benchmarks" / "recompute.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def results(finished, tmp_path):
    """The results of the tiny workflow; a test may replace the files of the comparison."""
    made = finished.path / "results" / "tiny"
    for name in ("data", "evaluate"):
        (tmp_path / name).symlink_to(made / name)
    (tmp_path / "compare").mkdir()
    for name in ("tables", "metrics.json"):
        (tmp_path / "compare" / name).symlink_to(made / "compare" / name)
    return tmp_path


def test_every_table_has_the_values_of_the_raw_scores(recompute, results, capsys):
    assert recompute.main(results) == 0
    lines = capsys.readouterr().out.splitlines()
    counted = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith("differ")}
    assert min(counted.values()) > 10
    assert counted["compare/tables/metrics.parquet"] > 100
    assert len([line for line in lines if not line.endswith("differ")]) == 10


@pytest.mark.parametrize(("name", "concept"), [("metrics", "relation"), ("differences", "binding"), ("metrics", None)])
def test_a_wrong_value_is_found(recompute, results, capsys, name, concept):
    made = (results / "compare" / "tables").resolve()
    (results / "compare" / "tables").unlink()
    (results / "compare" / "tables").mkdir()
    for other in ("metrics", "differences"):
        table = pl.read_parquet(made / f"{other}.parquet").with_row_index()
        if other == name:
            ours = table.filter(pl.col("stage") == "evaluate", pl.col("arm") == "hnc", pl.col("value").is_not_null())
            ours = ours.filter(
                (pl.col("concept") == concept) & (pl.col("metric") == "accuracy")
                if concept
                else pl.col("benchmark") == "retrieval"
            )
            planted = pl.when(pl.col("index") == ours["index"][0]).then(pl.col("value") + 1e-6).otherwise("value")
            table = table.with_columns(value=planted)
        table.drop("index").write_parquet(results / "compare" / "tables" / f"{other}.parquet")
    assert recompute.main(results) == 1
    assert f"compare/tables/{name}.parquet" in capsys.readouterr().out


def test_the_script_imports_nothing_of_the_project(root):
    tree = ast.parse((root / "benchmarks" / "recompute.py").read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} <= {*sys.stdlib_module_names, "polars"}
