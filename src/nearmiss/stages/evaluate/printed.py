"""Figures of published benchmarks in a terminal of 80 columns, and what would make them look better than they are."""

from collections import Counter
from io import StringIO
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_WIDTH = 80
_OWN = ("local-dir:", "hf-hub:")  # names of models that are weights, too
_NAMED = 3  # records that a line names; all stand in metrics.json


def printed(told: dict[str, Any]) -> str:
    """metrics.json in words and tables: a table a benchmark, then what is missing. Figures in percent."""
    console = Console(width=_WIDTH, record=True, file=StringIO(), force_terminal=False, color_system=None)

    def say(line: str) -> None:
        console.print(_plain(line), markup=False, highlight=False)

    for name, described in told["benchmarks"].items():
        rows = [row for row in told["metrics"] if row["benchmark"] == name]
        console.print(_table(name, described, rows, paper=any(row["published"] is not None for row in rows)))
        for line in _cautions(described, rows):
            say(line)
        console.print()
    measurement = told["measurement"]
    own = "its own weights" if measurement["model"].startswith(_OWN) else "random weights"
    say(
        f"{measurement['model']}, {measurement['pretrained'] or own}, {measurement['activation']}, "
        f"{measurement['precision']}; intervals of 95 % over images; blind: the better of a probe of text learnt on "
        "other folds and the model's own text prior"
    )
    if told["absent"]:
        say(f"No file is there of: {', '.join(told['absent'])}")
    if not told["complete"]:
        say("INCOMPLETE: images, files or records are missing, so these are not the benchmarks' full figures.")
    return console.export_text()


def _table(name: str, described: dict[str, Any], rows: list[dict[str, Any]], *, paper: bool) -> Table:
    table = Table(title=_text(name), title_justify="left", title_style="bold", box=None, pad_edge=False, width=_WIDTH)
    table.add_column("part", overflow="fold")
    for column in ("metric", "value", "interval", "chance", "blind", *(["paper"] if paper else []), "scored"):
        table.add_column(column, justify="left" if column == "metric" else "right", no_wrap=True)
    for row in rows:
        blind = [row[key] for key in ("blind_probe", "training_probe", "text_prior") if row.get(key) is not None]
        whole = row["n_scored"] == row["n_expected"]
        cells = [
            _text(row["part"]),
            row["metric"],
            _percent(row["value"]) + ("" if whole and not _lacks(described) else "*"),
            f"{_percent(row['low'])}-{_percent(row['high'])}" if row["value"] is not None else "",
            _percent(row["chance"]),
            _percent(max(blind)) if blind else "",
            *([_percent(row["published"])] if paper else []),
            f"{row['n_scored']:,}" if whole else f"{row['n_scored']:,}/{row['n_expected']:,}",
        ]
        table.add_row(*cells)
    return table


def _lacks(described: dict[str, Any]) -> bool:
    """Whether records or files of a benchmark are missing that no figure counts as expected."""
    return bool(described["records_left_out"] or described["files_missing"])


def _cautions(described: dict[str, Any], rows: list[dict[str, Any]]) -> list[str]:
    found = []
    if any(row["n_scored"] < row["n_expected"] for row in rows):
        found.append(f"* not all items: {len(described['images_missing']):,} images are missing or do not decode")
    if described["files_missing"]:
        found.append(f"* files missing: {', '.join(described['files_missing'])}")
    if described["records_left_out"]:
        found += _left_out(described["records_left_out"])
    by_rule = Counter(described["left_out"]) - Counter(each["reason"] for each in described["records_left_out"])
    found += [f"{count:,} not asked: {reason}" for reason, count in by_rule.items()]
    if described["caption_equals_negative"]:
        found.append(f"{len(described['caption_equals_negative']):,} items have a caption that equals its negative")
    if equal := described["equal_after_tokenization"]:
        found.append(f"{len(equal):,} items whose texts are equal after tokenization: they tie")
    if equal := described.get("equal_classes"):
        found.append(f"{len(equal):,} classes whose prompts are equal after tokenization: they tie")
    if described["texts_cut"]:
        found.append(f"{described['texts_cut']:,} texts are cut: they are longer than the model's context")
    if described["boxes_outside"]:
        found.append(f"{described['boxes_outside']:,} items have a box that leaves its image: black there")
    return found


def _left_out(records: list[dict[str, str]]) -> list[str]:
    """A line for each reason, with the first few records that it is true of."""
    by_reason: dict[str, list[str]] = {}
    for each in records:
        by_reason.setdefault(each["reason"], []).append(f"{each['file']}, {each['record']}")
    return [
        f"* {len(names):,} records left out: {reason} ({'; '.join(names[:_NAMED])}{'; ...' if names[_NAMED:] else ''})"
        for reason, names in by_reason.items()
    ]


def _text(value: str) -> Text:
    """A text of a user's file, which is no markup."""
    return Text(_plain(value))


def _plain(value: str) -> str:
    """A text without what would steer a terminal."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in value)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"
