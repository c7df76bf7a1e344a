"""A comparison of toy runs with planted skills: tables, terminal, figures and the page."""

import base64
import hashlib
import json
import re
import shutil

import polars as pl
import pytest
import toy_chain
import toy_runs
from comparing import Page, compare, compare_without_figures

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, write_json
from nearmiss.base.tables import read_table, write_table
from nearmiss.stages.compare.config import CompareConfig
from nearmiss.stages.compare.exports import NAMES


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """One seed, 30 items of each concept and form."""
    folder = tmp_path_factory.mktemp("one")
    arguments = toy_runs.write(folder, questions=30)
    compare(folder, arguments)
    return folder, arguments


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """Three seeds, later stages included."""
    folder = tmp_path_factory.mktemp("three")
    arguments = toy_chain.write(folder, seeds=(0, 1, 2), questions=12, arms=("base", "clip", "hnc"))
    compare(folder, arguments)
    return folder, arguments


def headline(differences, **where):
    rows = differences.filter(
        pl.col("subset") == "1x2+2x2", pl.col("condition") == "iid", *[pl.col(k) == v for k, v in where.items()]
    )
    assert rows.height == 1
    return rows.row(0, named=True)


def test_a_planted_gain_is_detected_and_its_absence_too(one):
    differences = read_table(one[0] / "compare" / "tables" / "differences.parquet", "differences")
    for control in ("clip", "random"):
        gain = headline(differences, arm="hnc", control=control, concept="relation")
        assert gain["value"] > 0.15
        assert gain["low"] > 0
        nothing = headline(differences, arm="hnc", control=control, concept="location")
        assert nothing["low"] < 0 < nothing["high"]
        assert nothing["p"] > 0.2


def test_a_difference_is_the_difference_of_the_metrics(one):
    tables = one[0] / "compare" / "tables"
    metrics = read_table(tables / "metrics.parquet", "metrics").filter(pl.col("model") != "blind")
    key = ["benchmark", "subset", "concept", "operator", "condition", "task", "metric"]
    differences = read_table(tables / "differences.parquet", "differences")
    both = (
        differences.join(metrics.select(*key, "arm", mine="value"), on=[*key, "arm"], nulls_equal=True)
        .join(
            metrics.select(*key, control=pl.col("arm"), other="value"),
            on=[*key, "control"],
            nulls_equal=True,
        )
        .with_columns(gap=pl.col("mine") - pl.col("other"))
    )
    assert both.height == differences.height
    assert both["gap"].to_list() == pytest.approx(both["value"].to_list(), abs=1e-9)


def test_every_arm_is_compared_with_every_other_control(one):
    differences = read_table(one[0] / "compare" / "tables" / "differences.parquet", "differences")
    pairs = set(differences.select("arm", "control").iter_rows())
    assert pairs == {(arm, control) for arm in toy_runs.SKILLS for control in ("clip", "random") if arm != control}
    tested = differences.filter(pl.col("p").is_not_null())
    assert set(tested.filter(pl.col("benchmark") == "world")["metric"]) == {"accuracy"}
    assert tested["p"].to_numpy().max() <= 1


def test_the_terminal_shows_chance_blind_every_arm_and_the_gain(one):
    text = (one[0] / "compare" / "summary.txt").read_text()
    assert max(len(line) for line in text.splitlines()) <= 80
    for word in ("chance", "blind", *toy_runs.SKILLS):
        assert re.search(rf"^{word} ", text, re.MULTILINE), word
    assert re.search(r"hnc +gained: on relation, \+\d+\.\d points over clip", text)
    assert "is not evidence for an effect" in text
    assert re.search(r"clip (and random )?already solves? binding", squeezed(text))


def test_relation_in_new_wording_is_shown_by_order_of_mention_and_by_template(one, three):
    text, page = ((one[0] / "compare" / name).read_text() for name in ("summary.txt", "index.html"))
    found = re.search(
        r"wording: relation in new wording, ([\d.]+) % fronted \(n = 10\), ([\d.]+) % subject first", squeezed(text)
    )
    assert found and "chance 50.0 %" in text
    tables = read_table(one[0] / "compare" / "tables" / "metrics.parquet", "metrics")
    row = tables.filter(arm="hnc", condition="new_wording, order: fronted", metric="accuracy", subset="1x2+2x2")
    assert [f"{100 * value:.1f}" for value in row["value"]] == [found[1]]
    for word in ("by order", "by wording", ">fronted</th>", ">{predicate} {b} is {a}</th>"):
        assert word in page, word
    again = (three[0] / "compare" / "index.html").read_text().partition("by order")[2].partition("</table>")[0]
    assert re.search(r"[\d.]+, [\d.]+, [\d.]+</span>", again)  # every seed


def test_the_report_states_the_negatives_per_caption(one):
    arms = pl.read_parquet(one[0] / "compare" / "tables" / "arms.parquet")
    assert dict(arms.select("arm", "negatives_per_caption").iter_rows()) == {
        "base": None,
        "clip": None,
        "random": None,
        "hnc": 0.5,
    }
    page = (one[0] / "compare" / "index.html").read_text()
    assert re.search(r">hnc</th><td class=\"text\">hard negatives</td><td class=\"text\">toy</td><td>0.50</td>", page)


def squeezed(text: str) -> str:
    return " ".join(text.split())


def test_a_long_arm_name_wraps_without_truncating_columns(tmp_path, monkeypatch):
    name = "ce_clip_on_the_released_negatives"
    monkeypatch.setitem(toy_runs.SKILLS, name, toy_runs.SKILLS["hnc"])
    compare_without_figures(tmp_path, toy_runs.write(tmp_path, arms=tuple(toy_runs.SKILLS)))
    text = (tmp_path / "compare" / "summary.txt").read_text()
    assert max(len(line) for line in text.splitlines()) <= 80
    assert re.search(r"^ce_clip_on_the_ ", text, re.MULTILINE)
    assert f"{name} gained: " in text
    header = next(line for line in text.splitlines() if line.startswith("arm "))
    assert {"relation", "bind", "T>I", "I>T", "0-shot"} <= set(header.split())


def test_several_seeds_show_every_value_without_the_one_seed_notice(three):
    text = (three[0] / "compare" / "summary.txt").read_text()
    page = (three[0] / "compare" / "index.html").read_text()
    assert "is not evidence" not in text + page
    assert re.search(r"\[seeds: [+-][\d.]+, [+-][\d.]+, [+-][\d.]+\]", page)
    assert "Every seed" in page
    for chapter in ("<h2>Fine-tuning on downstream tasks", "<h2>Robustness"):
        assert "lowest and highest seed" in page.partition(chapter)[2].partition("</section>")[0]
    assert max(len(line) for line in text.splitlines()) <= 80


def test_the_report_is_self_contained(one):
    text = (one[0] / "compare" / "index.html").read_text()
    page = Page()
    page.feed(text)
    assert page.open == []
    assert page.requested == []
    assert page.scripts == {"page-script", "gallery-data"}
    assert page.images >= 8
    assert set(page.heads) <= {"col", "row"}
    assert set(page.links) <= set(page.ids) and {"findings", "trained-on", "provenance"} <= set(page.links)
    assert page.starts["main"] == 1
    assert "url(http" not in text
    assert "@import" not in text


def test_only_the_pages_own_script_may_run(one):
    text = (one[0] / "compare" / "index.html").read_text()
    script = re.search(r'<script id="page-script">(.*?)</script>', text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    assert f"script-src 'sha256-{digest}';" in policy
    assert "default-src 'none'" in policy and "unsafe-eval" not in policy


def test_the_gallery_has_the_margins_of_every_arm(one):
    text = (one[0] / "compare" / "index.html").read_text()
    data = json.loads(re.search(r'<script id="gallery-data"[^>]*>(.*?)</script>', text, re.DOTALL)[1])
    assert data["arms"] == list(toy_runs.SKILLS)
    items = read_table(one[0] / "data" / "tables" / "items_test.parquet", "items")
    two = items.filter(pl.col("captions").list.len() == 2)
    assert len(data["items"]) == two.height
    captions = {tuple(sorted(row)) for row in two["captions"].to_list()}
    for item in data["items"]:
        assert tuple(sorted(("".join(item["t"]), "".join(item["f"])))) in captions
        assert {len(margins) for margins in item["m"]} == {len(item["d"])}
        assert all(data["images"][place].startswith("data:image/jpeg") for place in item["i"])
    scores = read_table(one[0] / "evaluate" / "hnc" / "0" / "scores.parquet", "scores")
    right = sum(margin > 0 for item in data["items"] if item["d"] == "A" for margin in item["m"][-1])
    single = two.filter(pl.col("images").list.len() == 1).join(scores, on="item_id")
    expected = sum(
        (row["similarity"][0][0] > row["similarity"][0][1]) == row["truth"][0][0] for row in single.to_dicts()
    )
    assert right == expected


def test_every_table_of_the_page_is_there_for_a_paper(one):
    tables = one[0] / "compare" / "tables"
    for name in NAMES:
        assert all((tables / f"{name}.{kind}").is_file() for kind in ("csv", "md", "tex")), name
    overview = (tables / "overview.md").read_text().splitlines()
    assert overview[0].startswith("| arm | relation |")
    assert len(overview) == 2 + 3 + len(toy_runs.SKILLS)


def test_examples_of_what_the_arms_were_trained_on_are_marked(one):
    page = (one[0] / "compare" / "index.html").read_text().partition("What the arms were trained on</h2>")[2]
    shown = page.partition("</section>")[0]
    assert "<h3>toy: hnc</h3>" in shown
    assert "<mark>" in shown and "Without hard negatives: base, clip, random." in shown


def test_the_report_states_its_limitations(one):
    text = (one[0] / "compare" / "index.html").read_text()
    for word in ("chance", "blind", "of 40", "is not evidence for an effect", "◐", "○", "false negatives"):
        assert word in text, word
    assert re.search(r">relation, reverse</td><td class=\"text\">2x2</td><td class=\"text\">group</td>", text)
    for section in ("Gains from hard negatives", "Costs of hard negatives", "Seen and unseen", "Sample items"):
        assert section in text, section
    for later in ("Fine-tuning on downstream", "<h2>Robustness", "Inpainted pairs", "Agreement between"):
        assert later not in text, later


def test_captions_are_escaped(one, tmp_path):
    folder = tmp_path / "markup"
    shutil.copytree(one[0], folder)
    path = folder / "data" / "tables" / "items_test.parquet"
    items = read_table(path, "items")
    spoiled = pl.col("captions").list.eval(pl.element() + "<script>alert(1)</script>")
    write_table(items.with_columns(spoiled), path, "items")
    arguments = {**one[1], "root": toy_runs.root_of(folder)}
    text = (compare_without_figures(folder, arguments, "spoiled") / "index.html").read_text()
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_figures_are_svg_without_dates(one):
    folder = one[0] / "compare" / "figures"
    names = ("answer", "gains", "matrix", "curves", "cost")
    assert {file.name for file in folder.iterdir()} == {f"{name}.{kind}" for name in names for kind in ("svg", "pdf")}
    for file in folder.glob("*.pdf"):
        content = file.read_bytes()
        assert content.startswith(b"%PDF") and b"CreationDate" not in content
    for file in folder.glob("*.svg"):
        text = file.read_text()
        assert text.startswith("<svg")
        assert "dc:date" not in text
        assert "currentColor" in text


def test_costs_have_a_row_a_job(three):
    costs = read_table(three[0] / "compare" / "tables" / "costs.parquet", "costs")
    assert costs.filter(pl.col("stage") == "pretrain").height == 9
    assert costs.filter(pl.col("stage") == "evaluate").height == 9
    assert costs.filter(pl.col("stage") == "data")["seconds"].to_list() == [12.5]
    csv = pl.read_csv(three[0] / "compare" / "tables" / "costs.csv")
    assert csv.height == costs.height


def test_a_missing_control_is_named(one):
    folder, arguments = one
    with pytest.raises(InputError, match="none of the controls plain"):
        compare(folder, arguments, "never", config=CompareConfig(controls=["plain"]))
    assert not (folder / "never").exists()


def test_one_control_is_enough(one):
    folder, arguments = one
    kept = [path for path in arguments["evaluations"] if path.parts[-2] != "random"]
    out = compare(folder, {**arguments, "evaluations": kept}, "fewer")
    differences = read_table(out / "tables" / "differences.parquet", "differences")
    assert set(differences["control"]) == {"clip"}


def changed_run(one, folder, change):
    """Arguments in which the last evaluation is a changed copy."""
    shutil.copytree(one[0] / "evaluate" / "hnc" / "0", folder)
    change(folder)
    return {**one[1], "evaluations": [*one[1]["evaluations"][:-1], folder]}


def test_runs_on_another_split_or_other_files_are_refused(one, tmp_path):
    def split(folder):
        metrics = read_table(folder / "metrics.parquet", "metrics")
        write_table(metrics.with_columns(split=pl.lit("val")), folder / "metrics.parquet", "metrics")

    def files(folder):
        measurement = read_json(folder / "measurement.json")
        measurement["benchmarks"]["world"]["files"] = {"tables/items_test.parquet": "0" * 64}
        write_json(folder / "measurement.json", measurement)

    for change in (split, files):
        with pytest.raises(InputError, match="different versions of benchmark"):
            compare(one[0], changed_run(one, tmp_path / change.__name__, change), "never")


def test_a_difference_uses_the_items_that_both_runs_scored(one, tmp_path):
    where = {"subset": "1x2+2x2", "concept": "relation", "condition": "iid", "metric": "accuracy"}

    def fewer(folder):
        outcomes = read_table(folder / "outcomes.parquet", "outcomes")
        dropped = outcomes.filter(concept="relation")["item_id"].unique().sort()[:10].to_list()
        write_table(outcomes.filter(~pl.col("item_id").is_in(dropped)), folder / "outcomes.parquet", "outcomes")

    out = compare_without_figures(one[0], changed_run(one, tmp_path / "fewer", fewer), "fewer_items")
    row = read_table(out / "tables" / "differences.parquet", "differences").filter(arm="hnc", control="clip", **where)
    hnc, clip = (
        read_table(folder / "outcomes.parquet", "outcomes").filter(**where)
        for folder in (tmp_path / "fewer", one[0] / "evaluate" / "clip" / "0")
    )
    both = hnc.join(clip, on="item_id", suffix="_clip")
    assert 0 < both.height < clip.height
    expected = (both["value"] - both["value_clip"]).sum() / both["weight"].sum()
    assert row["value"].item() == pytest.approx(expected, abs=1e-12)


def test_the_same_run_twice_is_refused(one):
    arguments = {**one[1], "evaluations": [*one[1]["evaluations"], one[1]["evaluations"][0]]}
    with pytest.raises(InputError, match="given twice"):
        compare(one[0], arguments, "never")


def test_a_malformed_curve_is_named_with_its_line(one, tmp_path):
    folder = tmp_path / "hnc" / "0"
    shutil.copytree(one[0] / "pretrain" / "hnc" / "0", folder)
    with (folder / "curve.jsonl").open("a") as handle:
        handle.write('{"step": 500, "lo')
    with pytest.raises(InputError, match="line 11"):
        compare(one[0], {**one[1], "trainings": [folder]}, "never")
