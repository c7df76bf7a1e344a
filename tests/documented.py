"""The command lines of README.md and docs/: what is in blocks, as words and as what a shell would be given."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("dvc", "git", "make", "nearmiss", "pip", "python", "snakemake", ".venv/bin/snakemake", "uv")
CONSOLE = "console"
"""The language of blocks that show commands after `$` and their output: tests run these in order and compare."""


@dataclass(frozen=True)
class Line:
    """A command line of a page."""

    page: str
    number: int
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}:{self.number}: {shlex.join(self.words)}"


@dataclass(frozen=True)
class Shown:
    """A command of a console block and the output that the page shows."""

    command: str
    output: str


def pages(root: Path) -> list[Path]:
    """The pages with commands for users and contributors."""
    return [
        root / "README.md",
        root / "CONTRIBUTING.md",
        root / "config" / "README.md",
        *sorted(root.glob("docs/*.md")),
    ]


def blocks(text: str) -> Iterator[tuple[str, int, str]]:
    """Language, number of the first line, and text of each fenced or indented block."""
    for match in re.finditer(r"^```(\w*)\n((?s:.*?))^```$|(?:^ {4}\S.*\n)(?:^ {4}.*\n)*", text, re.MULTILINE):
        fenced = match[2] is not None
        first = text.count("\n", 0, match.start()) + (2 if fenced else 1)
        yield (match[1] if fenced else ""), first, (match[2] if fenced else match[0])


def lines(root: Path) -> list[Line]:
    """Every command line, continuations joined, comments removed."""
    found = []
    for page in pages(root):
        for language, first, block in blocks(page.read_text(encoding="utf-8")):
            if language not in ("", "bash", "sh", CONSOLE):
                continue
            joined, number = "", first
            for at, text in enumerate(block.splitlines(), first):
                joined, number = (f"{joined}\n{text}", number) if joined else (text, at)
                if not joined.endswith("\\") and not _is_quote_open(joined):
                    found += [Line(str(page.relative_to(root)), number, words) for words in _commands(joined, language)]
                    joined = ""
    return found


def _is_quote_open(text: str) -> bool:
    """Whether a quoted argument of a command goes on in the next line."""
    if not text.strip().startswith(PROGRAMS):
        return False
    try:
        shlex.split(text, comments=True)
    except ValueError:
        return True
    return False


def _commands(text: str, language: str) -> Iterator[tuple[str, ...]]:
    """The commands of one line, which `&&` may join; none where the line is output or a list of files."""
    text = text.strip().replace("\\\n", " ")
    if language == CONSOLE:
        if not text.startswith("$ "):
            return
        text = text[2:]
    if not text.startswith(PROGRAMS):
        return
    for part in re.split(r"\s&&\s", text):
        words = tuple(shlex.split(part, comments=True))
        if words and words[0] in PROGRAMS:
            yield words


def consoles(page: Path) -> list[Shown]:
    """The commands of a page's console blocks, in order, with the output that the page shows."""
    found = []
    for language, _, block in blocks(page.read_text(encoding="utf-8")):
        if language == CONSOLE:
            for each in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, _, output = each.partition("\n")
                found.append(Shown(command, output.strip("\n")))
    return found


def matches(output: str, shown: str) -> bool:
    """Whether a page shows this output. A line `...` of the page stands for any lines."""
    parts = [re.escape(part) for part in re.split(r"^\.\.\.$", shown, flags=re.MULTILINE)]
    return re.fullmatch(".*".join(parts), output.strip("\n"), re.DOTALL) is not None
