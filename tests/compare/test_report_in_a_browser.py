"""The report in a real browser, opened from disk: requests, console, tables, gallery, accessibility and paper."""

import base64
import re

import polars as pl
import pytest
import toy_chain
from comparing import compare
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from browser import Browser
from nearmiss.base.tables import read_table, write_table

SCRIPT = "<script>document.title = 'run'</script><img src=x onerror=\"document.title = 'run'\">"
WIDTHS = (1280, 390)
SCHEMES = ("light", "dark")
PAPER = 1032  # A4 landscape without its margins of 12 mm, in CSS pixels

LOW_CONTRAST = """
const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
const luminance = (color) => {
  const [r, g, b] = numbers(color).map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (element) => {
  for (let each = element; each; each = each.parentElement) {
    const color = getComputedStyle(each).backgroundColor;
    if (numbers(color)[3] !== 0) return color;
  }
};
const ownText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
const low = [...document.querySelectorAll("main *:not(svg *, script, noscript)")].filter((element) => {
  if (!ownText(element) || !element.checkVisibility()) return false;
  const [one, other] = [getComputedStyle(element).color, behind(element)].map(luminance).sort((a, b) => b - a);
  return (one + 0.05) / (other + 0.05) < 4.5;
});
return low.slice(0, 5).map((element) => element.outerHTML.slice(0, 120));
"""
"""Texts below a contrast of 4.5 to 1 (WCAG 2.2, success criterion 1.4.3, level AA)."""

NOT_REACHED = """
const scrolls = (each) => each.scrollWidth > each.clientWidth && getComputedStyle(each).overflowX === "auto";
return [...document.querySelectorAll("main *")].filter((each) => scrolls(each) && each.tabIndex < 0)
  .map((each) => each.outerHTML.slice(0, 120));
"""
"""Regions that scroll and that the keyboard does not reach."""

OPEN_ALL = "for (const each of document.querySelectorAll('details')) each.open = true;"
COUNT = "return document.querySelector('.gallery [role=status]').textContent"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A report of all stages whose captions of items contain markup."""
    folder = tmp_path_factory.mktemp("report")
    arguments = toy_chain.write(folder, questions=12)
    items = folder / "data" / "tables" / "items_test.parquet"
    spoiled = read_table(items, "items").with_columns(pl.col("captions").list.eval(pl.element() + SCRIPT))
    write_table(spoiled, items, "items")
    return (compare(folder, arguments) / "index.html").as_uri()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    opened = Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.driver.quit()


@pytest.fixture
def page(chromium, report):
    """The report, just opened at 1280 pixels in light colors."""
    chromium.open("about:blank")
    chromium.complaints()
    chromium.addresses()
    chromium.show_as()
    chromium.open(report)
    return chromium


def click_sort(page, column: int) -> list[str]:
    """Sort the first table by a column; the texts of that column without intervals, reference rows left out."""
    page.evaluate(f"[...document.querySelector('table.data thead').rows].at(-1).cells[{column}].firstChild.click()")
    return page.evaluate(
        "return [...document.querySelector('table.data').tBodies[0].querySelectorAll('tr:not(.reference)')]"
        f".map((row) => row.cells[{column}].firstChild.textContent)"
    )


def test_the_report_requests_nothing_and_writes_nothing_to_the_console(page, report):
    page.evaluate(OPEN_ALL)
    assert page.complaints() == []
    assert page.addresses() == {report}


def test_markup_in_captions_is_shown_as_text(page):
    page.evaluate(OPEN_ALL)
    assert page.evaluate("return document.title") == "nearmiss: toy"
    assert page.evaluate("return document.querySelectorAll('main [onerror], main [src=x]').length") == 0
    page.driver.find_element(By.CSS_SELECTOR, ".gallery input[type=search]").send_keys("<img src=x")
    assert SCRIPT in page.evaluate("return document.querySelector('.gallery .card').textContent")


def test_a_table_is_sorted_by_a_column_and_back(page):
    first = click_sort(page, 1)
    values = [float(text.replace(",", "")) for text in first if re.match(r"[+-]?\d", text)]
    assert len(set(values)) > 2
    assert values in (sorted(values), sorted(values, reverse=True))
    again = click_sort(page, 1)
    assert [float(text) for text in again if re.match(r"[+-]?\d", text)] == values[::-1]


def test_rows_are_filtered_by_words(page):
    page.evaluate(OPEN_ALL)
    field = page.driver.find_element(By.CSS_SELECTOR, "input[aria-label='filter rows']")
    rows = (
        "return [...arguments[0].closest('.tools').nextElementSibling.querySelectorAll('tbody tr:not(.reference)')]"
        ".filter((row) => !row.hidden).map((row) => row.textContent.toLowerCase())"
    )
    every = page.driver.execute_script(rows, field)
    word = every[-1].split()[0]
    field.send_keys(word.upper())
    shown = page.driver.execute_script(rows, field)
    assert shown == [text for text in every if word in text]
    assert 0 < len(shown) < len(every)


def test_the_gallery_is_filtered_and_read_with_the_keyboard(page):
    every = int(page.evaluate(COUNT).split()[0])
    page.driver.find_element(By.CSS_SELECTOR, ".gallery select[aria-label=concept]").send_keys("color")
    colors = int(page.evaluate(COUNT).split()[0])
    assert 0 < colors < every
    cards = page.driver.find_elements(By.CSS_SELECTOR, ".gallery .card")
    assert all(card.text.startswith("color") for card in cards)
    cards[0].send_keys(Keys.ARROW_RIGHT)
    assert page.driver.switch_to.active_element == cards[1]
    page.press(Keys.ENTER)
    dialog = page.driver.find_element(By.CSS_SELECTOR, ".gallery dialog")
    assert dialog.is_displayed()
    assert {row.text for row in dialog.find_elements(By.CSS_SELECTOR, "tbody th")} == {"base", "clip", "random", "hnc"}
    page.press(Keys.ESCAPE)
    assert not dialog.is_displayed()
    page.driver.find_element(By.CSS_SELECTOR, ".gallery input[type=search]").send_keys("no such caption")
    assert page.evaluate(COUNT) == f"0 of {every} items"


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_fits_its_window_and_its_text_has_contrast(page, width, scheme):
    page.show_as(width=width, scheme=scheme)
    page.evaluate(OPEN_ALL)
    assert page.evaluate("return document.documentElement.scrollWidth") <= width
    assert page.evaluate(LOW_CONTRAST) == []
    assert page.evaluate(NOT_REACHED) == []


def test_the_check_of_contrast_finds_gray_text(page):
    page.evaluate("document.documentElement.style.setProperty('--soft', '#9a9a9a')")
    assert page.evaluate(LOW_CONTRAST)


def test_every_control_has_a_name_and_every_head_a_scope(page):
    page.evaluate(OPEN_ALL)
    controls = page.driver.find_elements(By.CSS_SELECTOR, "input, select, button")
    assert len(controls) > 20
    assert not [each.get_attribute("outerHTML") for each in controls if not each.accessible_name]
    assert page.evaluate("return document.querySelectorAll('th:not([scope])').length") == 0
    assert page.evaluate("return document.querySelectorAll('main').length") == 1


def test_tables_fit_on_paper(page):
    page.show_as(width=PAPER, medium="print")
    wide = ".filter((each) => each.getBoundingClientRect().right > innerWidth).map((each) => each.textContent)"
    assert page.evaluate(f"return [...document.querySelectorAll('table')]{wide}") == []
    printed = page.driver.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    assert base64.b64decode(printed["data"]).startswith(b"%PDF")
