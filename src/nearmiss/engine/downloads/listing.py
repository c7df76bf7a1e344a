"""Texts of `nearmiss download`, 80 columns wide: the table of entries, a plan, and checksums for the catalog."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from textwrap import fill

from nearmiss.base.display import single_line
from nearmiss.engine.downloads.catalog import Entry
from nearmiss.engine.downloads.plan import Plan, by_hand_text, license_text, size_text, state_of
from nearmiss.engine.downloads.receipts import Checksum
from nearmiss.engine.downloads.spec import EVERY

_WIDTH = 80
_COLUMNS = (("name", 25), ("size", 9), ("license", 32), ("state", 10))


def table(entries: Iterable[Entry], root: Path | None) -> str:
    """One line for each entry: name, size, license, and its state below the root."""
    lines = [_line([title for title, _ in _COLUMNS])]
    for entry in entries:
        state = "" if root is None else state_of(entry, root)
        lines.append(_line([entry.name, _size(entry), entry.license.name, state]))
    lines.append("")
    lines.append("* at least: the sizes of some files are not known")
    return "\n".join(lines)


def plan_text(plan: Plan, accept: Collection[str]) -> str:
    """What a download would do: files, bytes, disk space, minutes, licenses, and what is fetched by hand."""
    lines: list[str] = []
    if plan.done:
        lines += ["exists:", *(f"  {entry.name}" for entry in plan.done)]
    if plan.todo:
        lines.append("to download:")
        for entry in plan.todo:
            accepted = "accepted" if {EVERY, entry.name} & set(accept) else f"accept it with --accept {entry.name}"
            lines.append(_filled(f"{entry.name}: {entry.title}. License: {license_text(entry)} ({accepted})", "  "))
            lines += [f"    {_filesize(file.size):>9}  {file.path}" for file in entry.files]
    if plan.by_hand:
        lines.append(by_hand_lines(plan.by_hand))
    more = f", and {len(plan.unsized)} files of unknown size" if plan.unsized else ""
    lines.append(_filled(f"to fetch: {size_text(plan.fetch)}{more}; {plan.minutes:.0f} minutes at 10 MB/s", ""))
    lines.append(f"disk: {size_text(plan.disk)} needed at most, {size_text(plan.free)} free in {plan.root}")
    return "\n".join(lines)


def by_hand_lines(entries: Iterable[Entry]) -> str:
    """Instructions for entries that are fetched by hand."""
    return "\n".join(["to fetch by hand:", *(_filled(by_hand_text(entry), "  ") for entry in entries)])


def checksum_lines(recorded: Mapping[str, Checksum]) -> str:
    """Lines that complete the catalog's entries of files that it has no hash of."""
    lines = ["recorded on first use; lines for the catalog:"] if recorded else []
    for path, each in sorted(recorded.items()):
        lines += [f"  {path}", f"    bytes: {each.bytes}", f"    sha256: {each.sha256}"]
    return "\n".join(lines)


def _line(cells: list[str]) -> str:
    texts = [
        (cell if len(cell) <= width else f"{cell[: width - 3]}...").ljust(width)
        for cell, (_, width) in zip(map(single_line, cells), _COLUMNS, strict=True)
    ]
    return " ".join(texts).rstrip()


def _size(entry: Entry) -> str:
    if entry.by_hand is not None:
        return "by hand"
    sizes = [file.size for file in entry.files]
    known = sum(size for size in sizes if size is not None)
    return size_text(known) + ("*" if None in sizes else "") if known else "*"


def _filesize(size: int | None) -> str:
    return "unknown" if size is None else size_text(size)


def _filled(text: str, indent: str) -> str:
    return fill(
        single_line(text), _WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  ", break_long_words=False
    )
