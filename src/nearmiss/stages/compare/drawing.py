"""The common style of figures: SVG in the colors of the page, PDF, one color per arm, reproducible bytes."""

import io
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import matplotlib

matplotlib.use("svg")

import matplotlib.pyplot as plt
from markupsafe import escape
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nearmiss.base.display import single_line, without_controls
from nearmiss.stages.compare.overview import compared_arms
from nearmiss.stages.compare.report import Report

_INK = "#010203"  # placeholder of the page's text color
_STYLE: Any = {
    "font.family": "sans-serif",
    "font.size": 9.5,
    "svg.fonttype": "none",
    "pdf.fonttype": 42,  # text of a PDF can be selected
    "text.parse_math": False,  # a name with two dollar signs is not a formula
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "grid.color": "#808080",
    "grid.alpha": 0.25,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
}

matplotlib.rcParams.update(_STYLE)

PLAIN = ("#8a8f98", "#5f6670", "#a58a63", "#77857a")
VIVID = ("#2f7ed8", "#e0802a", "#1f9d72", "#b05fc4", "#d8494f", "#c2a01c")


def colors(muted: Sequence[str], vivid: Sequence[str]) -> dict[str, str]:
    """A color for each arm: muted ones for base and controls, strong ones for the others."""
    return {
        **{arm: PLAIN[place % len(PLAIN)] for place, arm in enumerate(muted)},
        **{arm: VIVID[place % len(VIVID)] for place, arm in enumerate(vivid)},
    }


def figure(width: float, height: float, **subplots: Any) -> tuple[Figure, Any]:
    """A figure of this size in inches, and its axes, in the common style."""
    return plt.subplots(figsize=(width, height), layout="constrained", **subplots)


def handle(color: str, label: str, *, marker: str = "o", line: Any = "-") -> Line2D:
    """An entry of a legend."""
    return Line2D([], [], color=color, marker=marker, linestyle=line, markersize=4.5, label=single_line(label))


class Drawn(NamedTuple):
    """A figure: SVG text in the colors and the font of the page, and a PDF for print."""

    svg: str
    pdf: bytes


def tip(text: str) -> str:
    """The `gid` of an artist that shows `text` while the pointer is over it."""
    return _TIP + text.encode("utf-8", "replace").hex()


_TIP = "tip-"


def rendered(made: Figure, name: str) -> Drawn:
    """The figure in both formats; `name` is the salt of the ids, so that one page can have several figures."""
    vector, pdf = io.StringIO(), io.BytesIO()
    with plt.rc_context({"svg.hashsalt": f"nearmiss {name}"}):
        made.savefig(vector, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    made.set_layout_engine("none")  # keep the layout, which takes longer than the rest
    made.savefig(pdf, format="pdf", metadata={"CreationDate": None, "Producer": None, "Creator": None})
    plt.close(made)
    text = vector.getvalue().replace(_INK, "currentColor")
    text = re.sub(rf'<g id="{_TIP}([0-9a-f]*)">', _titled, text)
    text = without_controls(text[text.index("<svg") :])
    # The font of the page; those of matplotlib may not be installed.
    return Drawn(text.replace("font-family: 'DejaVu Sans'", "font-family: inherit"), pdf.getvalue())


def _titled(match: re.Match[str]) -> str:
    return f"<g><title>{escape(single_line(bytes.fromhex(match[1]).decode()))}</title>"


def arm_colors(report: Report) -> dict[str, str]:
    """A color for each arm and initialization of the report: muted for base, controls and scratch."""
    vivid = compared_arms(report.overview, report.controls)
    muted = [arm for arm in report.runs.arms if arm not in vivid]
    others = [arm for arm in report.runs.initializations if arm not in report.runs.arms]
    return colors([*muted, *others], vivid)
