"""The section on weights between the base and an arm: table, curve, what was chosen, and what is refused."""

import polars as pl
import pytest
import toy_runs
from comparing import compare, compare_without_figures

from nearmiss.base.errors import InputError
from nearmiss.base.files import write_json
from nearmiss.base.tables import SCHEMAS, read_table, write_table

ALPHAS = (0.0, 0.5, 1.0)
CHOSEN = 0.5


def write_interpolation(folder, arm, seed, *, split="test"):
    """An interpolation whose values are those of the evaluated arm at 1, and 0.2 lower at 0."""
    metrics = read_table(folder / "evaluate" / arm / str(seed) / "metrics.parquet", "metrics")
    rows = metrics.filter(pl.col("model") != "blind")
    parts = [
        rows.with_columns(
            alpha=pl.lit(alpha),
            chosen=pl.lit(alpha == CHOSEN),
            split=pl.lit(split),
            value=pl.col("value") - 0.2 * (1 - alpha),
        )
        for alpha in ALPHAS
    ]
    made = pl.concat(parts).select(SCHEMAS["interpolation"].names())
    out = folder / "evaluate" / "interpolation" / f"{arm}-{seed}"
    write_table(made, out / "interpolation.parquet", "interpolation")
    write_json(out / "manifest.json", {"stage": "evaluate", "outputs": {}})
    return out


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("interpolated")
    arguments = toy_runs.write(folder, seeds=(0, 1), questions=4, arms=("base", "clip", "hnc"))
    given = [write_interpolation(folder, arm, seed) for arm in ("clip", "hnc") for seed in (0, 1)]
    return folder, arguments | {"interpolations": given}


@pytest.fixture(scope="module")
def page(made):
    folder, arguments = made
    return compare(folder, arguments, out="with figures")


def test_the_table_has_a_row_for_each_arm_and_share(page):
    text = (page / "index.html").read_text()
    section = text[text.index('<section id="interpolation">') :].partition("</section>")[0]
    rows = section.partition("<tbody>")[2].count("<tr")
    assert rows == 2 * len(ALPHAS)
    assert section.count("2 of 2 seeds") == 2


def test_the_values_of_an_arm_at_share_one_are_those_of_the_evaluation(page):
    found = read_table(page / "tables" / "interpolation.parquet", "interpolation")
    evaluated = pl.read_parquet(page / "tables" / "metrics.parquet").filter(stage="evaluate", arm="hnc")
    assert evaluated["value"].sum() == pytest.approx(found.filter(arm="hnc", alpha=1.0)["value"].sum())


def test_the_curve_has_a_mark_for_each_share_and_is_in_the_page(page):
    drawn = (page / "figures" / "interpolation.svg").read_text()
    for arm in ("clip", "hnc"):
        assert [f"{arm}, alpha {alpha:g}:" in drawn for alpha in ALPHAS] == [True] * 3
    assert "fine-grained accuracy, mean (%)" in (page / "index.html").read_text()


def test_existing_tables_do_not_change(made):
    folder, arguments = made
    without = {key: value for key, value in arguments.items() if key != "interpolations"}
    with_it = compare_without_figures(folder, arguments, out="with")
    plain = compare_without_figures(folder, without, out="without")
    for name in ("metrics", "differences"):
        assert (with_it / "tables" / f"{name}.csv").read_bytes() == (plain / "tables" / f"{name}.csv").read_bytes()
    assert 'id="interpolation"' not in (plain / "index.html").read_text()
    assert not (plain / "tables" / "interpolation.csv").exists()


def test_a_run_that_is_given_twice_is_refused(made):
    folder, arguments = made
    twice = [*arguments["interpolations"], arguments["interpolations"][0]]
    with pytest.raises(InputError, match="arm clip, seed 0 is given twice"):
        compare_without_figures(folder, arguments | {"interpolations": twice}, out="twice")


def test_another_split_than_that_of_the_evaluations_is_refused(made):
    folder, arguments = made
    other = write_interpolation(folder, "base", 0, split="final")
    with pytest.raises(InputError, match="not scored on split test"):
        compare_without_figures(folder, arguments | {"interpolations": [other]}, out="split")
