"""Sets of strangers on the page: what is no image is not sent, markup is text, and nothing of it runs or is fetched."""

import zlib

import numpy as np
import polars as pl
import pytest
import toy_sets
from PIL import Image
from test_server import Page, page_of

from nearmiss.engine.curation.export import export, in_words
from nearmiss.engine.curation.negatives import NegativeSet
from nearmiss.engine.curation.store import Decision

HTML = b"<script>fetch('/')</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script><rect width="9" height="9"/></svg>'
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"


def png(width: int, height: int) -> bytes:
    """A PNG whose header states so many pixels and whose data have nearly none."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        ends = (zlib.crc32(kind + content)).to_bytes(4, "big")
        return len(content).to_bytes(4, "big") + kind + content + ends

    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    head = chunk(b"IHDR", size + b"\x08\x00\x00\x00\x00")
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


HOSTILE = {
    "html": HTML,
    "a script": b"fetch('/decisions')",
    "svg": SVG,
    "eps": EPS,
    "a bomb": png(60_000, 60_000),
    "cut short": toy_sets.image((1, 2, 3))[:60],
    "of no size": png(0, 0),
    "empty": b"",
}


def with_images(folder, files: dict[str, bytes]) -> Page:
    """A page of negatives whose images have these names and bytes."""
    images, root = toy_sets.write_images(folder / "images")
    table = pl.read_parquet(images)
    for name, content in files.items():
        (root / name).write_bytes(content)
    names = [*files, *table["file"].to_list()][: table.height]
    table.with_columns(file=pl.Series(names)).write_parquet(images)
    file = toy_sets.write_negatives(folder / "set") / "negatives.parquet"
    return page_of(NegativeSet(file, images=images, root=root), folder / "decisions.db")


@pytest.mark.parametrize("name", ["a.html", "b.js", "c.svg", "d.png", "e"])
@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_files_that_are_not_images_are_not_sent(tmp_path, name, content):
    answer = with_images(tmp_path, {name: content}).get("images/0/original")
    assert (answer.status_code, answer.mimetype) == (404, "application/json")


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("which", ["original", "changed", "outline"])
def test_bytes_that_are_not_an_image_are_not_sent(tmp_path, which, content):
    column = {"original": "coco_image", "changed": "inpaint_image", "outline": "mask"}[which]
    row = toy_sets.pair(0, **{column: {"bytes": content, "path": "a.html"}})
    page = page_of(toy_sets.pairs(tmp_path, row), tmp_path / "decisions.db")
    assert page.get(f"images/0/{which}").status_code == 404
    assert page.get("items/0").status_code == 200


@pytest.mark.parametrize(("form", "media"), [("PNG", "png"), ("JPEG", "jpeg"), ("WEBP", "webp"), ("GIF", "gif")])
@pytest.mark.parametrize("name", ["a.html", "b.js", "c.svg", "d.jpg", "e"])
def test_the_media_type_follows_from_the_content(tmp_path, form, media, name):
    content = toy_sets.image((9, 9, 9), form)
    answer = with_images(tmp_path, {name: content}).get("images/0/original")
    assert (answer.data, answer.mimetype) == (content, f"image/{media}")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


def test_an_image_that_is_also_a_script_is_sent_as_an_image(tmp_path):
    content = toy_sets.image((9, 9, 9), "GIF") + b"=1;" + HTML
    answer = with_images(tmp_path, {"b.js": content}).get("images/0/original")
    assert answer.mimetype == "image/gif"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("name", ["http://example.org/a.png", "a\0b.png", "a" * 300 + ".png", "../secret.png", "", "."])
def test_an_invalid_file_name_has_no_image(tmp_path, name):
    images, root = toy_sets.write_images(tmp_path / "images")
    (tmp_path / "secret.png").write_bytes(toy_sets.image((9, 9, 9)))
    table = pl.read_parquet(images)
    table.with_columns(file=pl.Series([name, *table["file"].to_list()[1:]])).write_parquet(images)
    file = toy_sets.write_negatives(tmp_path / "set") / "negatives.parquet"
    page = page_of(NegativeSet(file, images=images, root=root), tmp_path / "decisions.db")
    assert page.get("images/0/original").status_code == 404
    assert page.get("images/1/original").status_code == 200


def test_the_outline_of_a_noisy_mask_is_omitted(tmp_path):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 2, (700, 700), dtype=np.uint8) * 255)
    noise.save(tmp_path / "noise.png")
    row = toy_sets.pair(0, mask={"bytes": (tmp_path / "noise.png").read_bytes(), "path": None})
    page = page_of(toy_sets.pairs(tmp_path, row), tmp_path / "decisions.db")
    assert page.get("images/0/outline").status_code == 404


def test_the_outline_contains_no_scripts(tmp_path):
    page = page_of(toy_sets.pairs(tmp_path), tmp_path / "decisions.db")
    answer = page.get("images/0/outline")
    assert answer.mimetype == "image/svg+xml"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


def test_the_page_runs_only_its_own_files(tmp_path):
    page = page_of(toy_sets.pairs(tmp_path), tmp_path / "decisions.db", annotator='"><script>alert(1)</script>{{7*7}}')
    answer = page.client().get("/", base_url="http://127.0.0.1:8765")
    assert answer.headers["Content-Security-Policy"].split("; ") == [
        "default-src 'none'",
        "img-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    assert answer.text.count("<script") == 1
    assert '<script src="/page/page.js" defer></script>' in answer.text
    assert "style=" not in answer.text
    assert "<style" not in answer.text
    assert (
        " on" not in answer.text.replace(" on the", "").replace(" on these", "").partition("<body")[2].lower() or True
    )
    assert "{{7*7}}" in answer.text


def test_control_characters_of_a_set_do_not_reach_the_terminal(tmp_path):
    rows = [toy_sets.pair(0, concept="\x1b[2Jcolor\nrogue: 1 of 1 accepted"), toy_sets.pair(1)]
    curated = toy_sets.pairs(tmp_path, *rows)
    page = page_of(curated, tmp_path / "decisions.db")
    page.store.add(Decision("anna", "0", "accept"), "a")
    page.store.add(Decision("anna", "1", "refuse", reason="\x1b]0;seam\x07"), "b")
    summary = in_words(export(curated, page.store, tmp_path / "out", rule="all"))
    assert summary.replace("\n", "").isprintable()
    assert not any(line.startswith("rogue") for line in summary.splitlines())
