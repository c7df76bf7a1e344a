"""Names, captions and reasons of strangers in the report: text everywhere, markup, formulas and commands nowhere."""

import re
import xml.etree.ElementTree as ElementTree

import polars as pl
import pytest
import toy_chain
import toy_runs
from comparing import Page, compare

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, write_json
from nearmiss.base.tables import read_table, write_table
from nearmiss.stages.compare.shown_items import file_uri

MARKUP = '"><img src=x onerror=alert(1)><script>alert(2)'
FORMULA = "_](javascript:alert(1)) {{7x7}} $\\frac$ ${1+1}"
COMMAND = "\x9b31m\x1b]0;owned\x07\u202e"
PLANTED = {name: toy_runs.SKILLS["hnc"] for name in (MARKUP, FORMULA + COMMAND)}
CAPTION = " </figcaption></script><script>alert(3)</script>\x1b[2J{{7*7}}]]>--><svg onload=alert(4)>"


class Attributes(Page):
    """Collects the names of attributes as well."""

    def __init__(self):
        super().__init__()
        self.attributes = set()

    def handle_starttag(self, tag, attributes):
        super().handle_starttag(tag, attributes)
        self.attributes |= {name for name, _ in attributes}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A comparison of all stages whose arms, tasks, corruptions, captions, reasons and measurements are hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    with pytest.MonkeyPatch.context() as patch:
        for name, skill in PLANTED.items():
            patch.setitem(toy_runs.SKILLS, name, skill)
            patch.setitem(toy_chain.RIGHT, name, 0.9)
        arguments = toy_chain.write(folder, questions=6, arms=("base", "clip", *PLANTED))
    items = folder / "data" / "tables" / "items_test.parquet"
    spoiled = read_table(items, "items").with_columns(pl.col("captions").list.eval(pl.element() + CAPTION))
    write_table(spoiled, items, "items")
    for evaluation in arguments["evaluations"]:
        measured = read_json(evaluation / "measurement.json")
        measured["model"]["name"] = CAPTION
        write_json(evaluation / "measurement.json", measured)
    summary = read_json(folder / "inpaint" / "summary.json")
    for counts in summary["by_operation"].values():
        counts["reasons"] = {CAPTION: 3}
    write_json(folder / "inpaint" / "summary.json", summary)
    for table in [*folder.rglob("robustness/*/0/metrics.parquet")]:
        corrupted = read_table(table, "metrics").with_columns(pl.col("corruption").replace("typos", "[/]\x1b[31mtypos"))
        write_table(corrupted, table, "metrics")
    return compare(folder, {**arguments, "experiment": MARKUP})


def test_names_and_captions_are_escaped_in_the_report(hostile):
    text = (hostile / "index.html").read_text()
    page = Attributes()
    page.feed(text)
    assert page.open == []
    assert page.scripts == {"page-script", "gallery-data"}
    assert page.requested == []
    assert not [name for name in page.attributes if name.startswith("on") or name == "srcdoc"]
    for shown in (
        "&lt;script&gt;alert(2)",
        FORMULA,
        "](javascript:alert(1))",
        "&lt;/script&gt;&lt;script&gt;",
        "{{7*7}}",
    ):
        assert shown in text, shown


def test_the_report_has_no_control_characters(hostile):
    for file in (hostile / "index.html", hostile / "summary.txt", *(hostile / "figures").glob("*.svg")):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text), file.name


def test_figures_are_valid_svg_with_literal_names(hostile):
    files = sorted((hostile / "figures").glob("*.svg"))
    assert {"gains.svg", "curves.svg", "finetune.svg", "robustness.svg"} <= {file.name for file in files}
    for file in files:
        tree = ElementTree.parse(file)
        tags = {element.tag.rpartition("}")[2] for element in tree.iter()}
        assert not tags & {"script", "img", "foreignObject", "image", "a"}
        assert not any(name.lower().startswith("on") for element in tree.iter() for name in element.attrib)
    texts = {element.text for element in ElementTree.parse(hostile / "figures" / "curves.svg").iter()}
    assert MARKUP in texts
    assert any(text and text.startswith(FORMULA) for text in texts)


def test_the_terminal_shows_names_without_control_sequences(hostile):
    text = (hostile / "summary.txt").read_text()
    assert "\x1b" not in text
    assert text.replace("\n", "").isprintable()
    assert "_](javascript:" in text
    assert max(len(line) for line in text.splitlines()) <= 80


@pytest.mark.parametrize("content", [b"<script>alert(1)</script>", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b""])
def test_a_sample_that_is_not_an_image_is_refused(tmp_path, content):
    (tmp_path / "a.html").write_bytes(content)
    with pytest.raises(InputError, match="does not decode"):
        file_uri(tmp_path / "a.html", 320)
