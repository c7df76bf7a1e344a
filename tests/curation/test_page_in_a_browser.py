"""The page in a real browser: curated with the keyboard, reloaded, and with servers that are killed."""

from threading import Thread

import polars as pl
import pytest
import toy_sets
from selenium.webdriver.common.keys import Keys
from test_server import TOKEN, page_of

from browser import Browser, installed
from nearmiss.engine.curation.negatives import NegativeSet
from nearmiss.engine.curation.server import listen
from nearmiss.engine.curation.store import Decision, Store


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    """One browser for all tests: each has a port of its own, and so an address, a storage and cookies of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        opened = Browser(tmp_path_factory.mktemp("profile"))
        yield opened
        opened.driver.quit()


@pytest.fixture
def browser(chromium):
    yield chromium
    chromium.open("about:blank")
    chromium.complaints()
    chromium.hosts()


@pytest.fixture
def curated(tmp_path):
    return toy_sets.pairs(tmp_path)


@pytest.fixture
def db(tmp_path):
    return tmp_path / "decisions.db"


def decided(db, curated) -> list[Decision]:
    """Every row of the database, oldest first."""
    with Store(db, curated.digest, create=False) as store:
        return [each for _, each, _ in store.history()]


def test_a_set_is_curated_with_the_keyboard(browser, serve, curated, db):
    browser.open(serve(curated.files[0], db).url)
    browser.wait_for("number", "Item 1")
    assert browser.text("changed").splitlines() == ["Changed", "a blue ball on a mat"]
    browser.press("a")
    browser.wait_for("number", "Item 2")
    browser.press("r")
    browser.wait_for("reasons", "The change is not visible")
    browser.press("2")
    browser.wait_for("number", "Item 3")
    browser.press("e")
    browser.wait_for("editor", "a cat on a mat")
    browser.rewrite("a cat on a mat")
    browser.press(Keys.ENTER)
    browser.wait_for("unfit", "Both captions would be equal")
    browser.rewrite("a fox on a mat")
    browser.press(Keys.ENTER)
    browser.wait_for("number", "Item 4")

    browser.reload()
    browser.wait_for("count", "3 of 5 decided")
    browser.wait_for("number", "Item 4")
    browser.press("b")
    browser.wait_for("verdict", "You accepted it with a corrected caption.")
    assert "a fox on a mat" in browser.text("changed")
    browser.press("b")
    browser.wait_for("verdict", "You refused it: the change is not visible.")
    browser.press("n")
    browser.wait_for("number", "Item 4")
    browser.press("a")
    browser.wait_for("number", "Item 5")
    browser.press("a")
    browser.wait_for("done", "All items are decided")

    assert decided(db, curated) == [
        Decision("anna", "0", "accept"),
        Decision("anna", "1", "refuse", reason="unseen"),
        Decision("anna", "2", "accept", caption="a fox on a mat"),
        Decision("anna", "3", "accept"),
        Decision("anna", "4", "accept"),
    ]
    assert browser.complaints() == []
    assert browser.hosts() == {"127.0.0.1"}


def test_a_canceled_refusal_is_not_saved(browser, serve, curated, db):
    browser.open(serve(curated.files[0], db).url)
    browser.wait_for("number", "Item 1")
    browser.press("r")
    browser.wait_for("reasons", "Reason for refusing")
    browser.press(Keys.ESCAPE)
    browser.wait_until_gone("reasons")
    browser.press("e")
    browser.wait_for("editor", "a red ball on a mat")
    browser.press(Keys.ESCAPE)
    browser.wait_until_gone("editor")
    browser.press("a")
    browser.wait_for("number", "Item 2")
    assert decided(db, curated) == [Decision("anna", "0", "accept")]


def test_the_mask_and_the_original_are_shown_over_the_changed_image(browser, serve, curated, db):
    browser.open(serve(curated.files[0], db).url)
    browser.wait_for("number", "Item 1")
    shown = (
        "return [...document.querySelectorAll('#changed img')].filter(i => !i.hidden).map(i => i.src.split('/').pop())"
    )
    assert browser.driver.execute_script(shown) == ["changed"]
    browser.press("m")
    assert browser.driver.execute_script(shown) == ["changed", "outline"]
    browser.press("s")
    assert browser.driver.execute_script(shown) == ["original", "outline"]
    browser.press("f")
    browser.wait_for("number", "Item 2")
    assert browser.driver.execute_script(shown) == ["changed", "outline"]


def test_a_decision_is_sent_after_a_restart_of_the_server(browser, serve, curated, db):
    server = serve(curated.files[0], db)
    browser.open(server.url)
    browser.wait_for("number", "Item 1")
    browser.press("a")
    browser.wait_for("number", "Item 2")
    server.kill()
    browser.press("a")
    browser.wait_for("unsent", "1 decision is kept in this browser")
    assert len(decided(db, curated)) == 1

    again = serve(curated.files[0], db, port=server.port)
    browser.wait_for("unsent", "Open the address with the token")
    browser.open_beside(again.url)  # the page goes on trying, and has the new cookie now
    browser.wait_for("number", "Item 3")
    browser.wait_until_gone("unsent")
    assert decided(db, curated) == [Decision("anna", "0", "accept"), Decision("anna", "1", "accept")]
    assert browser.complaints(server_down=True, not_admitted=True) == []

    again.kill()
    browser.press("r")
    browser.wait_for("reasons", "Another reason")
    browser.press("8")
    browser.wait_for("unsent", "1 decision is kept in this browser")
    browser.open("about:blank")
    browser.open(serve(curated.files[0], db, port=server.port).url)
    browser.wait_for("count", "3 of 5 decided")
    assert decided(db, curated)[2:] == [Decision("anna", "2", "refuse", reason="other")]
    assert browser.hosts() == {"127.0.0.1"}


def test_a_kept_decision_is_sent_only_for_its_annotator(browser, serve, curated, db):
    server = serve(curated.files[0], db)
    browser.open(server.url)
    browser.wait_for("number", "Item 1")
    server.kill()
    browser.press("a")
    browser.wait_for("unsent", "1 decision is kept")

    other = serve(curated.files[0], db, annotator="ben", port=server.port)
    browser.wait_for("unsent", "Open the address with the token")
    browser.open_beside(other.url)
    browser.wait_for("unsent", "another annotator")
    assert decided(db, curated) == []
    other.kill()

    browser.open_beside(serve(curated.files[0], db, port=server.port).url)
    browser.wait_for("number", "Item 2")
    assert decided(db, curated) == [Decision("anna", "0", "accept")]


@pytest.fixture
def served(tmp_path):
    """A page's server in this process: its database can be made to fail."""
    running = []

    def start(curated):
        page = page_of(curated, tmp_path / "decisions.db")
        server = listen(page.app, 0)
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        running.append((page, server))
        return page, f"http://127.0.0.1:{server.server_port}/?token={TOKEN}"

    yield start
    for page, server in running:
        server.shutdown()
        server.server_close()
        page.store.close()


def test_a_refused_decision_is_displayed_and_does_not_block_later_ones(browser, served, curated):
    page, address = served(curated)
    browser.open(address)
    browser.wait_for("number", "Item 1")
    browser.press("e")
    browser.wait_for("editor", "a red ball on a mat")
    browser.driver.execute_script("document.getElementById('caption').value = 'half \\ud83d of a ball'")
    browser.press(Keys.ENTER)
    browser.wait_for("aside", "Item 1")
    assert "surrogate" in browser.text("aside")
    browser.press("f")
    browser.wait_for("number", "Item 2")
    browser.press("a")
    browser.wait_for("number", "Item 3")
    assert page.store.last() == [Decision("anna", "1", "accept")]
    assert "Item 1" in browser.text("aside")
    browser.reload()
    browser.wait_for("aside", "half")
    assert browser.text("unsent") == ""

    browser.click("#aside-list button")
    browser.wait_for("number", "Item 1")
    browser.press("a")
    browser.wait_until_gone("aside")
    assert page.store.last()[-1] == Decision("anna", "0", "accept")


def test_decisions_are_kept_while_the_database_is_not_writable(browser, served, curated):
    page, address = served(curated)
    browser.open(address)
    browser.wait_for("number", "Item 1")
    page.store._connection.execute("PRAGMA query_only = ON")
    browser.press("a")
    browser.wait_for("unsent", "1 decision is kept in this browser")
    assert "readonly" in browser.text("unsent")
    browser.press("r")
    browser.wait_for("reasons", "Another reason")
    browser.press("8")
    browser.wait_for("unsent", "2 decisions are kept in this browser")
    assert page.store.history() == []
    page.store._connection.execute("PRAGMA query_only = OFF")
    browser.wait_until_gone("unsent")
    kept = [each for _, each, _ in page.store.history()]
    assert kept == [Decision("anna", "0", "accept"), Decision("anna", "0", "refuse", reason="other")]


def test_content_of_a_set_is_not_executed(browser, served, tmp_path):
    script = "document.documentElement.dataset.ran = 'yes'"
    planted = f'<script>{script}</script><img src="http://example.org/x" onerror="{script}">{{{{7*7}}}}'
    table = toy_sets.negatives().with_columns(
        concept=pl.lit(f'"><svg onload="{script}">'),
        positive=pl.lit(f"{planted} a cat"),
        negative=pl.lit(f"{planted} [a dog](javascript:{script})\x1b[31m"),
        image_id=pl.lit("0"),
    )
    table.write_parquet(tmp_path / "negatives.parquet")
    images, root = toy_sets.write_images(tmp_path / "images")
    svg = f'<svg xmlns="http://www.w3.org/2000/svg"><script>{script}</script></svg>'
    (root / "a.svg").write_text(svg)
    pl.read_parquet(images).with_columns(file=pl.lit("a.svg")).write_parquet(images)
    _, address = served(NegativeSet(tmp_path / "negatives.parquet", images=images, root=root))
    browser.open(address)
    browser.wait_for("original", "<script>")
    assert planted in browser.text("original")
    assert "{{7*7}}" in browser.text("changed")
    browser.press("e")
    browser.wait_for("editor", "{{7*7}}")
    browser.press(Keys.ENTER)
    browser.wait_for("number", "Item 2")
    assert "ran" not in browser.driver.execute_script("return {...document.documentElement.dataset}")
    assert browser.hosts() == {"127.0.0.1"}
    assert "token" not in browser.driver.current_url


@pytest.mark.parametrize(("ci", "end"), [("1", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_a_missing_browser_fails_in_ci_and_is_skipped_elsewhere(monkeypatch, tmp_path, ci, end):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CI", ci)
    with pytest.raises(end, match="chromium-driver"):
        installed()
