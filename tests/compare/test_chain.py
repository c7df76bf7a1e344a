"""Fine-tuning, robustness and inpainted pairs in a comparison: planted values come out in tables and words."""

import json
import re
import shutil
from types import SimpleNamespace

import polars as pl
import pytest
import toy_chain
import toy_runs
from comparing import Page, compare, compare_without_figures
from scipy.stats import spearmanr

from nearmiss.base.errors import InputError
from nearmiss.base.files import folder_sha256, read_json, sha256, write_json
from nearmiss.base.tables import read_table, write_table
from nearmiss.engine.scoring.statistics import spearman
from nearmiss.stages.compare import findings
from nearmiss.stages.compare import gallery as gallery_of_items
from nearmiss.stages.compare.inpaint import shown_pairs
from nearmiss.stages.compare.overview import Column, Gain, Overview
from nearmiss.stages.compare.terminal import BRIEF


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """Every stage, one seed, 30 items of each concept and form."""
    folder = tmp_path_factory.mktemp("chain")
    arguments = toy_chain.write(folder, questions=30)
    compare(folder, arguments)
    return folder, arguments


@pytest.fixture(scope="module")
def part(chain, tmp_path_factory):
    """No fine-tuning, noise on one arm, and synthesised pairs that changed pixels where they should not."""
    folder, arguments = chain
    inpaint = tmp_path_factory.mktemp("part") / "inpaint"
    shutil.copytree(folder / "inpaint", inpaint)
    write_json(inpaint / "summary.json", {**read_json(inpaint / "summary.json"), "changed_outside_masks": 17})
    changed = {"finetunings": [], "robustnesses": arguments["robustnesses"][-1:], "inpainted": inpaint}
    return compare(folder, {**arguments, **changed}, "part")


def table(chain, name):
    return read_table(chain[0] / "compare" / "tables" / f"{name}.parquet", name)


def text_of(chain, name):
    return (chain[0] / "compare" / name).read_text()


def test_a_planted_transfer_is_detected_and_its_absence_too(chain):
    rows = table(chain, "differences").filter(stage="finetune", task="vsr", share=1.0, condition="iid", control="clip")
    gain, nothing = (rows.row(by_predicate=pl.col("arm") == arm, named=True) for arm in ("hnc", "base"))
    assert gain["value"] > 0.15
    assert gain["low"] > 0
    assert gain["p"] < 0.05
    assert nothing["low"] < 0 < nothing["high"]
    assert nothing["p"] > 0.2


def test_a_transfer_difference_is_the_difference_of_the_metrics(chain):
    keys = ["task", "share", "condition", "concept"]
    metrics = table(chain, "metrics").filter(stage="finetune")
    rows = table(chain, "differences").filter(stage="finetune")
    both = rows.join(metrics.select(*keys, "arm", mine="value"), on=[*keys, "arm"]).join(
        metrics.select(*keys, control="arm", other="value"), on=[*keys, "control"]
    )
    assert both.height == rows.height > 0
    assert (both["mine"] - both["other"]).to_list() == pytest.approx(both["value"].to_list(), abs=1e-9)


def test_every_initialization_is_compared_and_p_is_given_only_at_most_labels(chain):
    rows = table(chain, "differences").filter(stage="finetune")
    pairs = {(arm, control) for arm in toy_chain.STARTS for control in ("clip", "random") if arm != control}
    assert set(rows.select("arm", "control").iter_rows()) == pairs
    assert set(rows.filter(pl.col("p").is_not_null())["share"]) == {1.0}
    assert rows.filter(share=0.1)["p"].null_count() == rows.filter(share=0.1).height > 0


def test_all_rows_reach_the_tables(chain):
    assert set(table(chain, "metrics")["stage"]) == {"evaluate", "finetune", "robustness"}
    assert {"world", "inpaintcoco", "vsr", "shapes"} <= set(table(chain, "metrics")["benchmark"])
    costs = table(chain, "costs")
    assert costs.filter(stage="inpaint")["seconds"].to_list() == [21.0]
    assert costs.filter(stage="robustness", arm="corrupted")["seconds"].to_list() == [3.5]
    assert costs.filter(stage="robustness").height == 1 + len(toy_runs.SKILLS)
    assert costs.filter(stage="finetune")["arm"].to_list() == list(toy_chain.STARTS)


def test_ranks_of_the_arms_are_those_of_both_kinds_of_pairs(chain):
    found = pl.read_parquet(chain[0] / "compare" / "tables" / "correlations.parquet")
    assert pl.read_csv(chain[0] / "compare" / "tables" / "correlations.csv").height == found.height
    concepts = {(concept, operator) for concept, operator in found.select("concept", "operator").iter_rows()}
    assert concepts == {("color", "replace"), ("location", "replace"), (None, None)}
    metrics = table(chain, "metrics").filter(concept="color", operator="replace", subset="2x2", metric="accuracy")
    metrics = metrics.filter(stage="evaluate", condition="iid").filter(pl.col("model") != "blind")
    ranks = [metrics.filter(benchmark=name).sort("arm")["value"].round(12).rank() for name in ("inpaintcoco", "world")]
    row = found.row(by_predicate=(pl.col("concept") == "color") & (pl.col("metric") == "accuracy"), named=True)
    assert (row["benchmark"], row["reference"]) == ("inpaintcoco", "world")
    assert row["n_arms"] == len(toy_runs.SKILLS)
    assert row["n_benchmark"] == 6
    if row["spearman"] is None:
        assert 1 in (ranks[0].n_unique(), ranks[1].n_unique())
    else:
        frame = pl.DataFrame({"inpainted": ranks[0], "redrawn": ranks[1]})
        assert row["spearman"] == pytest.approx(frame.select(pl.corr("inpainted", "redrawn")).item())
    assert "With 4 arms a rank correlation is not reliable" in text_of(chain, "index.html")


def test_rows_of_other_benchmarks_do_not_change_the_headline(chain):
    rows = table(chain, "metrics").filter(stage="evaluate", benchmark="world", subset="1x2+2x2", condition="iid")
    rows = rows.filter(concept="color", operator="replace", metric="accuracy").filter(pl.col("model") != "blind")
    shown = read_json(chain[0] / "compare" / "metrics.json")
    assert {arm: shown[arm]["color"] for arm in toy_runs.SKILLS} == {
        arm: round(100 * value, 2) for arm, value in rows.select("arm", "value").iter_rows()
    }


def test_the_report_has_every_section(chain):
    page = text_of(chain, "index.html")
    for words in (
        "Findings",
        "Fine-tuning on downstream tasks",
        "Robustness",
        "Inpainted pairs",
        "Agreement between benchmarks",
    ):
        assert words in page, words
    assert "gaussian noise" in page
    assert ">scratch</th>" in page
    assert "grayscale does not preserve color" in page
    assert "Pixels changed outside of the masks of the edits, over all pairs: 0." in page
    assert "no caption mentions it (7); touches the &lt;border&gt; (2)" in page
    gallery = json.loads(re.search(r'<script id="gallery-data"[^>]*>(.*?)</script>', page, re.DOTALL)[1])
    outside = page.count("data:image/jpeg") - len(gallery["images"])
    assert outside == 2 * (6 + 8)  # of pairs, and of sample items
    assert 0 < len(gallery["images"]) <= gallery_of_items.IMAGES
    assert len(page) < 1_500_000
    parsed = Page()
    parsed.feed(page)
    assert parsed.open == []
    assert parsed.requested == []


def test_every_section_has_its_figures(chain):
    names = {file.stem for file in (chain[0] / "compare" / "figures").iterdir()}
    assert names == {"answer", "gains", "matrix", "curves", "cost", "finetune", "robustness", "agreement"}


def test_robustness_is_summarized_per_arm_against_the_first_control(chain):
    rows = [line.split(",") for line in text_of(chain, "tables/robustness_summary.csv").splitlines()[1:]]
    errors = {arm: float(error) for column, arm, error, _ in rows if column == "relation"}
    assert errors["clip"] == 100
    assert errors["hnc"] < 100
    page = text_of(chain, "index.html")
    assert "Mean corruption error: the errors at all severities over those of clip" in page
    assert "Rank correlation of the arms between clean and severity 3: gaussian noise" in page


def test_the_terminal_summary_has_the_gain_of_each_arm_and_is_narrow(chain):
    text = text_of(chain, "summary.txt")
    lines = text.splitlines()
    assert max(len(line) for line in lines) <= 80
    assert len(lines) <= 45
    assert text.isascii()
    text_lines = " ".join(text.split())
    assert "hnc gained: on relation, +" in text_lines
    assert "transfer: VSR with all labels, +" in text_lines
    assert "robustness: at severity 3," in text_lines
    assert "0 pixels changed outside of their masks" in text_lines
    assert "is not evidence for an effect" in text_lines


MAIN = Column("relation", "relation", "which object is left", {"benchmark": "world"}, "relation")
COLUMNS = [
    MAIN,
    Column("binding", "binding", "which value belongs to which object", {}, "bind"),
    Column("count", "count", "how many objects there are", {}, "count"),
    Column("t2i", "R@1 text→image", "a caption finds an image", {}, "T>I", cost=True),
    Column("zero_shot", "zero-shot", "zero-shot classification", {}, "0-shot", cost=True),
]


def gain(*seeds):
    return Gain("hnc", "clip", MAIN, seeds[0][0], dict(enumerate((*seed, None) for seed in seeds)))


def test_an_interval_that_holds_0_is_no_measurable_difference():
    unsure, sure, worse = gain((0.2, -0.01, 0.4)), gain((0.2, 0.01, 0.4)), gain((-0.2, -0.4, -0.01))
    assert BRIEF.over(unsure) == "no measurable difference to clip"
    assert findings.FULL.over(unsure) == "no measurable difference to clip (+20.0 [-1.0, +40.0])"
    assert BRIEF.over(sure) == "+20.0 points over clip"
    assert findings.FULL.over(worse) == "20.0 points under clip [-40.0, -1.0]"


def test_a_difference_is_stated_only_if_its_adjusted_test_is_significant():
    tested = Gain("hnc", "clip", MAIN, 0.2, {0: (0.2, 0.01, 0.4, 0.04), 1: (0.2, 0.1, 0.3, 0.001)})
    assert findings.measured(tested)
    other = Gain("hnc", "clip", MAIN, 0.2, {0: (0.2, 0.01, 0.4, 1.0)})
    assert BRIEF.over(other) == "no measurable difference to clip"
    assert not findings.measured(Gain("hnc", "clip", MAIN, 0.2, {**tested.by_seed, 2: (0.2, 0.01, 0.4, 0.06)}))


def test_several_seeds_must_agree():
    assert findings.measured(gain((0.2, 0.1, 0.3), (0.3, 0.2, 0.4)))
    assert not findings.measured(gain((0.2, 0.1, 0.3), (0.3, -0.2, 0.4)))
    assert not findings.measured(gain((0.2, 0.1, 0.3), (-0.3, -0.4, -0.2)))


def sentence_about(label, **values):
    """The line about an arm with these differences to `clip` in points, each with an interval of +-1."""
    columns = {column.name: column for column in COLUMNS}
    gains = [
        Gain("hnc", "clip", columns[name], value, {0: (value, value - 0.01, value + 0.01, None)})
        for name, value in values.items()
    ]
    report = SimpleNamespace(gains=gains, controls=["clip"], overview=Overview(COLUMNS, {}, {}, {}, {}))
    return {"gained": findings._gained, "cost": findings._cost}[label](report, "hnc", BRIEF)


def test_a_concept_that_got_worse_is_a_cost_and_one_that_got_better_a_gain():
    cost_sentence = sentence_about("cost", relation=0.3, count=-0.12, t2i=0.05, zero_shot=0.0)
    assert cost_sentence == "against clip, count -12.0; no measurable difference in 0-shot; better in T>I +5.0."
    assert sentence_about("cost", relation=-0.3, t2i=0.05) == "none against clip, better in T>I +5.0."
    assert sentence_about("gained", relation=0.3, binding=0.05, count=-0.12, t2i=0.05) == (
        "on relation, +30.0 points over clip; over clip also on bind +5.0."
    )


def test_an_arm_near_chance_has_no_retained_share_and_a_reason(chain):
    metrics = table(chain, "metrics").filter(stage="robustness", metric="retained", concept="relation")
    assert "hnc" in set(metrics["arm"])
    assert "base" not in set(metrics["arm"])
    assert "too close to chance for a meaningful ratio" in text_of(chain, "index.html")


def test_a_rerun_gives_the_same_bytes(chain):
    folder, arguments = chain
    again = compare(folder, arguments, "again")
    for part in ("tables", "figures"):
        assert folder_sha256(again / part) == folder_sha256(folder / "compare" / part)
    assert sha256(again / "index.html") == sha256(folder / "compare" / "index.html")


def test_an_unknown_example_is_named(chain, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(chain[0] / "data", data)
    path = data / "tables" / "examples_vsr.parquet"
    write_table(read_table(path, "examples").slice(1), path, "examples")
    with pytest.raises(InputError, match="vsr-iid-000"):
        compare(chain[0], {**chain[1], "data": data}, "never")
    assert not (chain[0] / "never").exists()


def test_finetunings_on_other_examples_are_refused(chain, tmp_path):
    folder = tmp_path / "hnc" / "0"
    shutil.copytree(chain[0] / "finetune" / "hnc" / "0", folder)
    predictions = read_table(folder / "predictions.parquet", "predictions")
    write_table(predictions.slice(1), folder / "predictions.parquet", "predictions")
    arguments = {**chain[1], "finetunings": [chain[1]["finetunings"][0], folder]}
    with pytest.raises(InputError, match="different examples"):
        compare(chain[0], arguments, "never")


def test_other_corruptions_are_refused(chain, tmp_path):
    folder = tmp_path / "hnc" / "0"
    shutil.copytree(chain[0] / "robustness" / "hnc" / "0", folder)
    metrics = read_table(folder / "metrics.parquet", "metrics").filter(pl.col("severity").ne_missing(5))
    write_table(metrics, folder / "metrics.parquet", "metrics")
    arguments = {**chain[1], "robustnesses": [chain[1]["robustnesses"][0], folder]}
    with pytest.raises(InputError, match="different items or corruptions"):
        compare(chain[0], arguments, "never")


def test_a_missing_count_of_pairs_is_named_before_anything_is_written(chain, tmp_path):
    folder = tmp_path / "inpaint"
    shutil.copytree(chain[0] / "inpaint", folder)
    (folder / "summary.json").unlink()
    with pytest.raises(InputError, match=r"summary\.json"):
        compare(chain[0], {**chain[1], "inpainted": folder}, "never")
    assert not (chain[0] / "never").exists()


def test_a_changed_pixel_is_detected(part):
    assert "over all pairs: 17." in (part / "index.html").read_text()
    assert "17 pixels changed outside of their masks" in " ".join((part / "summary.txt").read_text().split())


def test_sample_pairs_cover_concepts_and_are_reproducible(chain):
    file = chain[0] / "inpaint" / "test-00000-of-00001.parquet"
    shown = shown_pairs(file)
    assert [pair.concept for pair in shown] == ["color"] * 3 + ["location"] * 3
    assert shown == shown_pairs(file)


@pytest.mark.parametrize(
    ("first", "second"),
    [([1, 2, 3, 4], [1, 3, 2, 4]), ([1, 1, 2, 5], [4, 3, 3, 0]), ([0.1 + 0.2, 0.3, 1], [2, 2, 1])],
)
def test_the_rank_correlation_is_spearmans(first, second):
    assert spearman(first, second) == pytest.approx(spearmanr([round(value, 12) for value in first], second).statistic)


def test_equal_arms_have_no_rank():
    assert spearman([1, 1, 1], [1, 2, 3]) is None
    assert spearman([1], [2]) is None


def test_comparing_pair_scores_does_not_need_their_folder(chain):
    out = compare_without_figures(chain[0], {**chain[1], "inpainted": None}, "scores")
    page = (out / "index.html").read_text()
    assert "Inpainted pairs" not in page
    assert "inpaintcoco and world" in page


def test_a_stage_that_did_not_run_is_omitted(part):
    page, text = (part / "index.html").read_text(), (part / "summary.txt").read_text()
    assert "<h2>Robustness" in page
    assert "Fine-tuning on downstream tasks" not in page
    assert "Relation (%): clean and at severity 3." in text
    assert "VSR" not in text
