"""The page: one HTML file that needs nothing else, readable on a phone, in light and in dark."""

from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from nearmiss.base.display import without_controls
from nearmiss.stages.compare import findings, plain, sections, synthesis
from nearmiss.stages.compare.findings import BASE
from nearmiss.stages.compare.forms import form_rows
from nearmiss.stages.compare.noise import Noise, floor_text, left_out, noise, noise_rows
from nearmiss.stages.compare.report import Report
from nearmiss.stages.compare.samples import samples
from nearmiss.stages.compare.strip import strip
from nearmiss.stages.compare.transfer import heads, transfer_rows

TEMPLATES = Path(__file__).parent


def render(report: Report, figures: dict[str, str]) -> str:
    """The page as text. `figures` are SVG texts by name; every other string is escaped, without control characters."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    shown = noise(report.runs)
    first = report.runs.evaluations[0]
    return environment.get_template("template.html.j2").render(
        experiment=report.experiment,
        split=report.runs.split,
        seeds=report.runs.seeds,
        seeds_text=findings.seeds_text(report.runs.seeds),
        level=f"{100 * report.level:g}",
        controls=report.controls,
        best=plain.best_text(report),
        words=plain.words(report, shown, plain.FULL),
        by_themselves=findings.learned_by_controls(report.overview, report.controls),
        measurement=first.measurement,
        versions=first.manifest.get("versions", {}),
        figures={name: Markup(text) for name, text in figures.items()},
        **_arms(report),
        **_checks(report),
        transfer=_transfer(report),
        noise=_noise(report, shown),
        synthesis=_synthesis(report),
    )


def _shown(value: Any) -> Any:
    """What an expression of a template gives, before it is escaped. Names may hold what no page can show."""
    return without_controls(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _arms(report: Report) -> dict[str, Any]:
    """What the arms are, what they reach, gain and cost."""
    arms = findings.hard_negative_arms(report.overview, report.controls)
    columns = report.overview.columns
    bought, bought_rows = sections.gain_rows(report, [column for column in columns if not column.cost])
    paid, paid_rows = sections.gain_rows(report, [column for column in columns if column.cost])
    return {
        "columns": columns,
        "arms": sections.arm_rows(report),
        "rows": sections.main_rows(report),
        "forms": form_rows(report.runs),
        "seed_rows": sections.seed_rows(report),
        "bought": bought,
        "bought_rows": [row for row in bought_rows if row["arm"] != BASE],
        "paid": paid,
        "paid_rows": [row for row in paid_rows if row["arm"] != BASE],
        "unseen": sections.unseen_gains(report, arms),
        "costs": sections.cost_rows(report),
    }


def _checks(report: Report) -> dict[str, Any]:
    """What shows that the figures mean what they say: blind baselines, negatives, data, oracles, samples."""
    return {
        "blind": sections.blind_rows(report),
        "negatives": sections.negative_rows(report),
        "data": sections.data_sentences(report),
        "oracles": sections.oracle_rows(report),
        "samples": samples(report),
    }


def _transfer(report: Report) -> dict[str, Any] | None:
    """The chapter "Did it transfer?"."""
    if not report.transfer.columns:
        return None
    columns, rows = sections.gain_rows(report, report.transfer.columns)
    return {
        "heads": heads(report.transfer),
        "columns": report.transfer.columns,
        "rows": transfer_rows(report),
        "gain_columns": columns,
        "gain_rows": rows,
    }


def _noise(report: Report, shown: Noise) -> dict[str, Any] | None:
    """The chapter "What noise left"."""
    if not shown.corruptions:
        return None
    return {
        "severities": shown.severities,
        "concepts": [{"title": concept.title, "rows": noise_rows(shown, concept)} for concept in shown.concepts],
        "left_out": left_out(report),
        "floor": floor_text(report),
    }


def _synthesis(report: Report) -> dict[str, Any] | None:
    """The chapter "Synthesised pairs"."""
    if report.inpaint is None:
        return None
    return {
        "sentences": synthesis.sentences(report.synthesised),
        "operations": synthesis.operation_rows(report.synthesised),
        "scores": synthesis.score_rows(report),
        "correlations": synthesis.correlation_rows(report),
        "caution": synthesis.caution(report.correlations),
        "strip": strip(report.inpaint / synthesis.PAIRS),
        "arms": report.runs.arms,
    }
