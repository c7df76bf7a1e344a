"""README.md: the quickstart prints what the page shows, and its table of negatives is that of the present code."""

import re
import subprocess
from pathlib import Path

import polars as pl
import pytest

from documented import consoles, matches

SHOWN = ("7", "9")
"""The captions of the table."""
METHODS = {
    "random": "--captions captions.json",
    "keyword": "--captions captions.json",
    "replace": "--captions captions.json --tagger lexicon",
    "swap": "--captions captions.json --tagger lexicon",
    "scene_graph": "--graphs graphs.json",
}


def nearmiss(python: str, words: list[str], folder: Path) -> str:
    """The output of a command that succeeds."""
    command = [python, "-m", "nearmiss", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder).stdout


def test_the_quickstart_prints_what_the_page_shows(root, python, tmp_path):
    shown = consoles(root / "README.md")
    assert len(shown) == 2
    for each in shown:
        program, *words = each.command.split()
        assert program == "nearmiss"
        assert matches(nearmiss(python, words, tmp_path), each.output)


def test_another_output_is_told_from_the_shown_one():
    assert matches("one\ntwo\nthree\n", "one\n...\nthree")
    assert not matches("one\ntwo\n", "one\n...\nthree")
    assert not matches("78 negatives\n", "77 negatives")
    assert not matches("one\ntwo\n", "one")


@pytest.fixture(scope="module")
def first_negatives(python, tmp_path_factory) -> dict[str, dict[str, tuple[str, str]]]:
    """Method -> image -> its first caption and negative."""
    folder = tmp_path_factory.mktemp("example")
    nearmiss(python, ["negatives", "example", "--out", "example"], folder)
    found = {}
    for method, words in METHODS.items():
        given = [word if word.startswith("-") or ".json" not in word else f"example/{word}" for word in words.split()]
        nearmiss(python, ["negatives", "make", *given, "--method", method, "--out", method], folder)
        table = pl.read_parquet(folder / method / "negatives.parquet", columns=["image_id", "positive", "negative"])
        found[method] = {image: (true, false) for image, true, false in reversed(table.rows())}
    return found


def test_the_table_of_negatives_is_that_of_the_present_code(root, first_negatives):
    captions = [first_negatives["random"][image][0] for image in SHOWN]
    rows = [f"| method | {' | '.join(captions)} |", "|---|---|---|"]
    for method, found in first_negatives.items():
        pairs = [found[image] for image in SHOWN]
        cells = [false if true in captions else f'"{true}": "{false}"' for true, false in pairs]
        rows.append(f"| `{method}` | {' | '.join(cells)} |")
    assert "\n".join(rows) in (root / "README.md").read_text(encoding="utf-8")


def test_every_page_that_is_linked_exists(root):
    for page in (root / "README.md", *sorted((root / "docs").glob("*.md"))):
        for link in re.findall(r"\]\((?!https?://|#)([^)#\s]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
