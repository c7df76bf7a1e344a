"""Licenses, addresses, captions and reasons of strangers in the card and on contact sheets: text, and nothing else."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from nearmiss.base.display import markdown, single_line, without_controls
from nearmiss.engine.images.contact_sheet import SheetPair, contact_sheet
from nearmiss.stages.inpaint.card import card
from nearmiss.stages.inpaint.config import InpaintConfig

PLANTED = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{7*7}} {% raw %}",
    "[x](javascript:alert(1))",
    "](javascript:alert(1))",
    "![x](http://example.org/x.png)",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "http://example.org/](javascript:alert(1))",
    "http://example.org/a|b\n| c | d |",
    "see http://example.org/<b> and www.example.org or a@example.org",
    "\x1b[31mred\x1b]0;owned\x07",
    "---\npretty_name: another\n---\n# A heading",
    "`code` **bold** _it_ ~~gone~~ $x$ | cell",
    "&lt;b&gt; &#106;avascript",
    "<https://example.org>",
    "# a heading",
    "1. a list",
    "- a list",
]
WEB = "http://farm1.staticflickr.com/2/1_a-b_z.jpg?x=1&y=2#z"


def text_of(place: str) -> str:
    """The text of the card as CommonMark with tables renders it; asserts that none of it is markup."""
    parser = MarkdownIt("commonmark").enable("table")
    tokens = [child for token in parser.parse(place) for child in [token, *(token.children or [])]]
    kinds = {token.type for token in tokens}
    assert not kinds & {"html_block", "html_inline", "link_open", "image", "code_inline", "strong_open", "em_open"}
    return "".join(token.content for token in tokens if token.type == "text")


@pytest.mark.parametrize("planted", PLANTED)
def test_text_in_markdown_is_escaped(planted):
    assert text_of(f"x {markdown(planted)} x") == f"x {single_line(planted)} x"


@settings(max_examples=200)
@given(st.text(alphabet="ab1:/.@<>&;#[]()!|`*_~$\\{}-+= \n\x1b", max_size=30))
def test_any_text_in_markdown_is_escaped(text):
    for before in ("", "x "):
        shown = text_of(f"{before}{markdown(text)} x")
        assert " ".join(shown.split()) == " ".join(f"{before}{single_line(text)} x".split())


@pytest.mark.parametrize("address", [WEB, "https://example.org", "http://localhost:8000/a,b?c=1"])
def test_a_url_is_unchanged(address):
    assert markdown(address) == address


def made(**details: object) -> str:
    """The card of one pair whose source is hostile."""
    source = {"image_license": "CC BY 4.0", "flickr_url": WEB, "coco_url": WEB, **details}
    measured = dict.fromkeys(("changed_inside", "likeness", "seam", "sharpness", "noise"), 0.5)
    pairs = pl.DataFrame(
        {
            "concept": [details.get("concept", "color")],
            "coco_details": [{key: source[key] for key in ("image_license", "flickr_url", "coco_url")}],
            "inpaint_details": [{"image_id": details.get("image_id", "7"), **measured}],
        }
    )
    rejected = pl.DataFrame({"reason": [details.get("reason", "too small")]})
    return card(pairs, rejected, InpaintConfig(operations=[]), "pairs.parquet")


@pytest.mark.parametrize("planted", PLANTED)
@pytest.mark.parametrize("field", ["image_license", "flickr_url", "coco_url", "image_id", "concept", "reason"])
def test_a_card_escapes_its_sources(field, planted):
    plain, hostile = made(), made(**{field: planted})
    assert hostile.partition("\n# ")[0] == plain.partition("\n# ")[0]  # the front matter
    body = hostile.partition("\n# ")[2]
    for token in MarkdownIt("commonmark").enable("table").parse(body):
        assert token.type != "html_block"
        for child in token.children or []:
            assert child.type not in ("html_inline", "link_open", "image")
    assert body.count("\n") == plain.partition("\n# ")[2].count("\n")
    assert without_controls(hostile) == hostile


def test_a_card_of_ordinary_sources_is_unchanged():
    text = made()
    assert f"| 7 | CC BY 4.0 | {WEB} | {WEB} |" in text
    assert "Licenses: CC BY 4.0. An" in text
    assert "too small (1)." in text


@pytest.mark.parametrize("caption", [*PLANTED, "x" * 100_000, "\ud800", "\x00", "", "a\nb\tc"])
def test_any_caption_can_be_drawn_on_a_sheet(caption):
    picture = np.zeros((8, 8, 3), np.uint8)
    shown = SheetPair(picture, picture, np.zeros((8, 8), bool), (caption, "a dog"), caption)
    drawn = np.asarray(contact_sheet([shown]))
    same = SheetPair(picture, picture, np.zeros((8, 8), bool), (single_line(caption), "a dog"), single_line(caption))
    assert np.array_equal(drawn, np.asarray(contact_sheet([same])))
