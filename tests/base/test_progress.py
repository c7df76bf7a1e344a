"""The progress bar, the progress file of `nearmiss run`, and no cost without either."""

import io
import json
import sys

import pytest

from nearmiss.base import progress as shown


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def every_item(monkeypatch):
    """Say something at every item; no test waits."""
    monkeypatch.setattr(shown, "_INTERVAL", 0.0)
    for name in ("CI", shown.FOLDER):
        monkeypatch.delenv(name, raising=False)


def test_the_description_follows_the_bar(monkeypatch):
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    assert list(shown.progress(range(3), what="train", status=lambda: "loss 0.5")) == [0, 1, 2]
    assert "train" in terminal.getvalue() and "3/3" in terminal.getvalue() and "loss 0.5" in terminal.getvalue()


def test_a_status_file_has_the_description_after_the_first_item(monkeypatch, tmp_path):
    monkeypatch.setenv(shown.FOLDER, str(tmp_path))
    seen = []
    with shown.job("pretrain hnc"):
        for _ in shown.progress(range(3), what="train", status=lambda: "loss 0.5"):
            seen.append(json.loads(next(tmp_path.glob("*.json")).read_text()))
    assert [status["what"] for status in seen] == ["train", "loss 0.5", "loss 0.5"]
    assert [(status["done"], status["total"]) for status in seen] == [(0, 3), (1, 3), (2, 3)]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("quiet", [{"CI": "1"}, {}])
def test_without_a_visible_bar_the_description_is_not_computed(monkeypatch, quiet):
    monkeypatch.setattr(sys, "stderr", Terminal() if quiet else io.StringIO())
    for name, value in quiet.items():
        monkeypatch.setenv(name, value)
    assert list(shown.progress(range(3), what="train", status=lambda: 1 / 0)) == [0, 1, 2]
    assert sys.stderr.getvalue() == ""
