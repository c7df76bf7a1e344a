"""Counts over the tables of the stage: yield, and number of negatives by kind, verdict and reason."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.display import single_line
from nearmiss.base.errors import InputError
from nearmiss.engine.text.verdict import UNDECIDED
from nearmiss.stages.negatives.candidates import Meter
from nearmiss.stages.negatives.rewording import caption_before

_KINDS = ("type", "concept", "operator", "verdict")
_REASONS = 5
_SHOWN = 6
RECORD = "; record: "  # separates reason and name of a record that was set aside


@dataclass
class TableCounts:
    """Counts over all parts of the tables."""

    negatives: int = 0
    rejected: int = 0
    set_aside: int = 0
    processed: int = 0
    with_negative: int = 0
    in_scene: int = 0
    own_positives: bool = False
    kinds: dict[str, Counter[str]] = field(default_factory=lambda: {kind: Counter() for kind in _KINDS})
    verdicts: dict[str, Counter[str]] = field(default_factory=dict)  # type -> verdict
    reasons: dict[str, Counter[str]] = field(default_factory=dict)  # type -> reason
    meter: Meter = field(default_factory=Meter)
    examples: dict[str, dict[str, str]] = field(default_factory=dict)  # type -> its first negative

    def add(self, frames: dict[str, pl.DataFrame], processed: int, own_positives: bool, meter: Meter) -> None:
        """Add a part: whole captions, since parts are whole images."""
        negatives = frames["negatives"]
        self.negatives += negatives.height
        self.processed += processed
        self.with_negative += len({caption_before(caption_id) for caption_id in negatives["caption_id"].unique()})
        self.in_scene += int(negatives["foil_in_scene"].sum() or 0)
        self.own_positives = self.own_positives or own_positives
        for kind, counts in self.kinds.items():
            for value, number in negatives.group_by(kind, maintain_order=True).len().iter_rows():
                counts[str(value)] += number
        _add(self.verdicts, negatives, "verdict")
        self.add_rejected(frames["rejected"])
        self.meter.add(meter)
        for row in negatives.select("type", "positive", "negative").unique("type", keep="first").iter_rows(named=True):
            self.examples.setdefault(row["type"], row)

    def add_rejected(self, rejected: pl.DataFrame) -> None:
        """Add rows of table `rejected`."""
        self.rejected += rejected.height
        _add(
            self.reasons,
            rejected.with_columns(pl.col("reason").str.splitn(RECORD, 2).struct[0].alias("reason")),
            "reason",
        )

    def all_reasons(self) -> Counter[str]:
        """Count of each reason."""
        return sum(self.reasons.values(), Counter())

    def no_negatives_error(self, name: str, file: Path | None) -> InputError:
        """The error of an input that gives no negative."""
        reasons = ", ".join(f"{reason} ({count})" for reason, count in self.all_reasons().most_common(5))
        return InputError(
            f"method '{name}' made no negative; reasons: {reasons or 'none'}",
            file=file,
            remedy="give it captions or annotations with words of its concepts, or another method",
        )


def _add(into: dict[str, Counter[str]], frame: pl.DataFrame, column: str) -> None:
    """Count the values of a column for each type."""
    for kind, value, number in frame.group_by("type", column, maintain_order=True).len().iter_rows():
        into.setdefault(str(kind), Counter())[str(value)] += number


def as_summary(counts: TableCounts, name: str, *, captions: int) -> dict[str, Any]:
    """The content of summary.json.

    `processed`: captions processed; for a method that writes positives, only those, else all `captions`. `checks`: for
    each type, candidates by verdict and rejections by reason. `undecided`, if there are any: sentences for which the
    check stopped its search for a reading.
    """
    undecided = counts.meter.checks[UNDECIDED.why]
    total = counts.processed if counts.own_positives else captions
    kinds = sorted({*counts.verdicts, *counts.reasons})
    return {
        "method": name,
        "captions": {
            "processed": total,
            "with_negative": counts.with_negative,
            "yield": counts.with_negative / total if total else 0.0,
        },
        "negatives": counts.negatives,
        "rejected": counts.rejected,
        "foil_in_scene": counts.in_scene,
        **{f"by_{kind}": dict(sorted(counts.items())) for kind, counts in counts.kinds.items()},
        "by_reason": dict(sorted(counts.all_reasons().items())),
        "checks": {
            kind: {
                "verdicts": dict(sorted(counts.verdicts.get(kind, Counter()).items())),
                "reasons": dict(sorted(counts.reasons.get(kind, Counter()).items())),
            }
            for kind in kinds
        },
        **({"undecided": undecided} if undecided else {}),
    }


_WIDTH = 80


def format_summary(summary: dict[str, Any], examples: dict[str, dict[str, str]], out: Path) -> str:
    """The summary as text of at most 80 columns."""
    captions = summary["captions"]
    lines = [
        f"{summary['negatives']} negatives, {summary['rejected']} candidates and records rejected",
        f"{captions['with_negative']} of {captions['processed']} captions have a negative ({captions['yield']:.1%})",
        "",
        f"{'type':<28}{'verified':>10}{'plausible':>10}{'rejected':>10}",
    ]
    for kind, counts in summary["checks"].items():
        verdicts = [counts["verdicts"].get(name, 0) for name in ("verified", "plausible")]
        lines.append(f"{kind[:27]:<28}{verdicts[0]:>10}{verdicts[1]:>10}{sum(counts['reasons'].values()):>10}")
    usual = sorted(summary["by_reason"].items(), key=lambda item: (-item[1], item[0]))[:_REASONS]
    if usual:
        lines += ["", "most frequent reasons for rejection", *(f"{number:>8}  {reason}" for reason, number in usual)]
    if "undecided" in summary:
        lines += ["", f"{summary['undecided']} sentences were not decided by the annotations: {UNDECIDED.why}"]
    lines += ["", "examples"]
    for _, each in sorted(examples.items())[:_SHOWN]:
        lines += [f"  {each['type']}", f"    + {each['positive']}", f"    - {each['negative']}"]
    lines += ["", f"written: {out}"]
    shown = map(single_line, lines)  # line breaks and escape sequences of captions are removed
    return "\n".join(line if len(line) <= _WIDTH else line[: _WIDTH - 3] + "..." for line in shown)
