"""The picture of the report in README.md: the top of index.html in a headless browser.

    python benchmarks/report_image.py results/world

Writes docs/page.png, and prints the commit and the arms of the report, which belong into the caption of the picture.
Needs Chromium or Chrome (Debian: apt install chromium).
"""

import argparse
import csv
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SIZE = (1100, 1215)
"""Width and height in pixels."""


def main() -> None:
    """Draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="folder of a finished experiment")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "page.png")
    given = parser.parse_args()
    page = (given.results / "compare" / "index.html").resolve()
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(f"no browser: install one of {', '.join(BROWSERS)}")
    if not page.is_file():
        sys.exit(f"no report: {page}; run `nearmiss run` first")
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-color-profile=srgb"]
    options += [f"--window-size={SIZE[0]},{SIZE[1]}", f"--screenshot={given.out.resolve()}"]
    subprocess.run([browser, *options, page.as_uri()], check=True, capture_output=True)
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    with (given.results / "compare" / "tables" / "arms.csv").open(encoding="utf-8", newline="") as file:
        arms = [row["arm"] for row in csv.DictReader(file)]
    print(f"{given.out}: commit {commit.stdout.strip()}, arms {', '.join(arms)}")


if __name__ == "__main__":
    main()
