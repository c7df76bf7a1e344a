"""Results of a paper beside those of an experiment."""

from pathlib import Path
from typing import get_args

import pytest

from nearmiss.base.tables import table
from nearmiss.engine.benchmarks.paper_tables import papers
from nearmiss.engine.benchmarks.spec import BENCHMARKS
from nearmiss.engine.scoring.metrics import NO_REFERENCES, Run, empty_row
from nearmiss.stages.compare.config import CompareConfig
from nearmiss.stages.compare.published import section, sentence
from nearmiss.stages.compare.runs import Evaluation, Runs

SUGARCREPE = ("replace_obj", "replace_att", "replace_rel", "swap_obj", "swap_att", "add_obj", "add_att")


def evaluation(arm: str, seed: int, value: float, *, scored: int = 10, parts=SUGARCREPE) -> Evaluation:
    rows = []
    for part in parts:
        key = ("sugarcrepe", part, None, None, "iid", None, "score")
        row = empty_row(key, Run("model", arm, seed, "evaluate", None), NO_REFERENCES)
        rows.append(row | {"value": value, "n_scored": scored, "n_expected": 10})
    benchmarks = {"sugarcrepe": {"complete": scored == 10}}
    measurement = {"benchmarks": benchmarks, "absent": ["valse"]}
    nothing = table("metrics", [])
    return Evaluation(arm, seed, Path(), table("metrics", rows), nothing, nothing, {}, measurement, {})


def runs(*evaluations: Evaluation) -> Runs:
    arms = list(dict.fromkeys(one.arm for one in evaluations))
    return Runs(list(evaluations), [], arms, sorted({one.seed for one in evaluations}))


def shown(found: Runs, title: str) -> dict:
    whole = section("ce_clip", found)
    assert whole is not None
    return next(each for each in whole["tables"] if each["title"] == title)


def row(of: dict, name: str, *, published: bool = False) -> dict[str, str]:
    found = next(each for each in of["rows"] if each["name"] == name and each["published"] is published)
    return dict(zip(of["columns"], found["cells"], strict=True))


def test_published_values_are_shown_above_the_median_over_seeds():
    found = shown(
        runs(*(evaluation("ce_clip", seed, value) for seed, value in enumerate((0.5, 0.7, 0.6)))), "SugarCrepe"
    )
    assert row(found, "CE-CLIP", published=True)["replace relation"] == "79.0"
    assert row(found, "ce_clip")["replace relation"] == "60.0"
    assert row(found, "ce_clip")["replace mean"] == "60.0"
    assert found["coverage"][found["columns"].index("replace mean")] == "30 of 30"


def test_a_value_over_fewer_items_has_a_star_and_the_reason():
    found = shown(runs(evaluation("base", 0, 0.5, scored=8)), "SugarCrepe")
    assert row(found, "base")["swap object"] == "50.0 *"
    assert any("scored in part" in line for line in found["needs"])


def test_an_empty_cell_states_what_it_needs():
    found = runs(evaluation("base", 0, 0.5, parts=SUGARCREPE[:1]))
    of_part = shown(found, "SugarCrepe")
    assert row(of_part, "base")["replace object"] == "50.0" and row(of_part, "base")["replace mean"] == "-"
    assert any("negclip" in line and "arms" in line for line in of_part["needs"])
    valse = shown(found, "ARO and VALSE")
    assert any(line.startswith("valse: no files") for line in valse["needs"])
    assert any(line.startswith("aro: not evaluated") for line in valse["needs"])


def test_unknown_values_of_a_paper_are_named():
    whole = section("hnc", runs(evaluation("base", 0, 0.5)))
    assert whole is not None
    needed = "Values of the paper are missing: add them to engine/benchmarks/data/paper_tables.yaml."
    assert needed in whole["tables"][0]["needs"]


def test_without_a_paper_there_is_no_section():
    assert section(None, runs(evaluation("base", 0, 0.5))) is None
    assert sentence(None, runs(evaluation("base", 0, 0.5))) == ""


@pytest.mark.parametrize("name", sorted(papers()))
def test_the_tables_of_a_paper_are_about_known_benchmarks(name):
    assert name in get_args(get_args(CompareConfig.model_fields["paper"].annotation)[0])
    for each in papers()[name].tables:
        assert {column.benchmark for column in each.columns.values()} <= BENCHMARKS.keys()
        assert all(0 <= value <= 100 for line in each.rows for value in line.values if value is not None)
