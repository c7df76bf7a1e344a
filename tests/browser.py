"""A headless Chromium, as Debian packages it, and what its page did."""

import json
import os
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

MISSING = "no browser to try the page in: install Debian's chromium and chromium-driver"
_BROWSERS = ("google-chrome", "chromium", "chromium-browser")  # where Chrome is installed, the driver is its own
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # containers offer none, and nothing but our own page is opened
    "--disable-dev-shm-usage",  # containers have little of it
    "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--window-size=1280,800",
)
_SERVER_DOWN = ("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE")  # the last two: while it ends
_NOT_ADMITTED = ("status of 403",)


def installed() -> tuple[str, str]:
    """The browser and its driver. Without them a test is skipped, but in CI, which must try the page, it fails."""
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if browser is None or driver is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(MISSING)
    return browser, driver


class Browser:
    """One window, driven by keys as an annotator does; waits look again until something is there."""

    def __init__(self, profile: Path) -> None:
        browser, driver = installed()
        options = webdriver.ChromeOptions()
        options.binary_location = browser
        for option in (*_OPTIONS, f"--user-data-dir={profile}"):
            options.add_argument(option)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        # With both paths given, selenium looks for no browser and downloads no driver.
        self.driver = webdriver.Chrome(options=options, service=Service(driver))

    def open(self, url: str) -> None:
        self.driver.get(url)

    def open_beside(self, url: str) -> None:
        """Open an address in a second window and close that again; the first one stays as it is."""
        first = self.driver.current_window_handle
        self.driver.switch_to.new_window("tab")
        self.driver.get(url)
        self.driver.close()
        self.driver.switch_to.window(first)

    def reload(self) -> None:
        self.driver.refresh()

    def press(self, keys: str) -> None:
        """Type on whatever has the focus."""
        self.driver.switch_to.active_element.send_keys(keys)

    def click(self, selector: str) -> None:
        """Click on the first element of this CSS selector."""
        self.driver.find_element(By.CSS_SELECTOR, selector).click()

    def rewrite(self, text: str) -> None:
        """Another text in the place of the one in the open field."""
        self.press(Keys.CONTROL + "a")
        self.press(text)

    def text(self, name: str) -> str:
        """What is read in the element of this id; nothing where it is hidden."""
        return self.driver.find_element(By.ID, name).text

    def wait_for(self, name: str, words: str) -> None:
        """Wait until the words are read in the element of this id."""
        WebDriverWait(self.driver, 20, 0.05).until(
            lambda _: words in self.text(name), f"'{words}' was never read in '{name}': {self.text(name)!r}"
        )

    def wait_until_gone(self, name: str) -> None:
        """Wait until the element of this id is hidden."""
        WebDriverWait(self.driver, 20, 0.05).until(lambda _: not self.text(name), f"'{name}' stays: {self.text(name)}")

    def complaints(self, *, server_down: bool = False, not_admitted: bool = False) -> list[str]:
        """The console's messages since the last call.

        `server_down` leaves out that nobody answered, `not_admitted` that a page was not let in.
        """
        messages = [entry["message"] for entry in self.driver.get_log("browser")]
        expected = (*(_SERVER_DOWN if server_down else ()), *(_NOT_ADMITTED if not_admitted else ()))
        return [message for message in messages if not any(words in message for words in expected)]

    def addresses(self) -> set[str]:
        """What the window has requested since the last call, without Chromium's own pages and images in the page."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        urls = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
        return {url for url in urls if not url.startswith(("chrome:", "chrome-", "data:", "about:"))}

    def hosts(self) -> set[str]:
        """The hosts that the window has requested anything from."""
        return {urlsplit(url).hostname for url in self.addresses() if url.startswith(("http", "ws"))}

    def show_as(self, *, width: int = 1280, scheme: str = "light", medium: str = "screen") -> None:
        """Lay the page out for a width in CSS pixels, a color scheme (light or dark) and a medium (screen or print)."""
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": medium, "features": features})

    def evaluate(self, script: str) -> Any:
        """The value of a script's `return`."""
        return self.driver.execute_script(script)
