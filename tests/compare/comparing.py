"""Comparisons made for tests, and a reader of their pages."""

from collections import Counter
from html.parser import HTMLParser
from unittest.mock import patch

from nearmiss.stages.compare import figures, stage
from nearmiss.stages.compare.config import CompareConfig
from nearmiss.stages.finetune.config import TITLES

CONFIG = CompareConfig(resamples=100)


def compare(folder, arguments, out="compare", config=CONFIG, **changed):
    stage.run(
        **{
            **arguments,
            "config": config,
            "negatives": [folder / "negatives" / "toy"],
            "task_titles": TITLES,
            "out": folder / out,
            **changed,
        }
    )
    return folder / out


def compare_without_figures(folder, arguments, out="compare", **changed):
    """A comparison for tests of tables and text: most of the time of a comparison is spent in figures."""
    names = ("answer", "gains", "matrix", "curves", "terms", "cost", "finetune", "robustness", "agreement")

    def write_none(report, target):
        target.mkdir()
        return dict.fromkeys((*names, "interpolation"), "")

    with patch.object(figures, "write_figures", write_none):
        return compare(folder, arguments, out, **changed)


class Page(HTMLParser):
    """Collects what a page asks for, whether its tags close, ids of its scripts, its anchors and heads of tables."""

    VOID = ("meta", "img", "br", "link", "input")

    def __init__(self):
        super().__init__()
        self.requested, self.open, self.images, self.scripts = [], [], 0, set()
        self.ids, self.links, self.heads, self.starts = [], [], [], Counter()

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.starts[tag] += 1
        if tag == "script":
            self.scripts.add(named.get("id"))
        if tag == "th":
            self.heads.append(named.get("scope"))
        self.ids += [named["id"]] if "id" in named else []
        self.links += [named["href"][1:]] if tag == "a" and named.get("href", "").startswith("#") else []
        self.images += tag == "img"
        for name, value in attributes:
            if name in ("src", "href", "xlink:href", "srcset", "data") and not (value or "").startswith(("data:", "#")):
                self.requested.append(value)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
