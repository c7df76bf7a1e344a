"""Comparisons made for tests, and a reader of their pages."""

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
    names = ("gains", "matrix", "curves", "cost", "finetune", "robustness", "agreement")

    def write_none(report, target):
        target.mkdir()
        return dict.fromkeys(names, "")

    with patch.object(figures, "write_figures", write_none):
        return compare(folder, arguments, out, **changed)


class Page(HTMLParser):
    """Collects the resources of a page and whether its tags close."""

    VOID = ("meta", "img", "br", "link", "input")

    def __init__(self):
        super().__init__()
        self.requested, self.open, self.images, self.scripts = [], [], 0, 0

    def handle_starttag(self, tag, attributes):
        self.scripts += tag == "script"
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
