"""The page: one self-contained HTML file with a responsive layout, light and dark themes, and one inlined script.

The script (page.js) is allowed by its hash; no other script runs. Without it every table is static.
"""

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from nearmiss.base.display import without_controls
from nearmiss.stages.compare import agreement, findings, inpaint, interpolation, provenance, published, sections
from nearmiss.stages.compare.answer import Answer, answer
from nearmiss.stages.compare.answer_figure import ARMS
from nearmiss.stages.compare.cells import metric_rows
from nearmiss.stages.compare.exposure import exposure_text
from nearmiss.stages.compare.finetune import finetune_rows, panels
from nearmiss.stages.compare.gallery import gallery
from nearmiss.stages.compare.groups import group_rows
from nearmiss.stages.compare.overview import BASE, Column, compared_arms
from nearmiss.stages.compare.report import Report
from nearmiss.stages.compare.robustness import Robustness, excluded, retained_text, robustness_rows
from nearmiss.stages.compare.robustness_summary import correlation_text, reference_of, summary_rows
from nearmiss.stages.compare.samples import samples
from nearmiss.stages.compare.shown_items import shown_items
from nearmiss.stages.compare.trained_on import trained_on

TEMPLATES = Path(__file__).parent
_SECTION = re.compile(r'<section id="([a-z-]+)">\s*<h2>(.*?)</h2>')


def render(report: Report, shown: Robustness, figures: dict[str, str]) -> str:
    """The page as HTML. `figures` are SVG texts by name; all other strings are escaped, without control characters."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    found = answer(report)
    values = {
        "experiment": report.experiment,
        "trained": bool(report.runs.trainings),
        "split": report.runs.split,
        "seeds": report.runs.seeds,
        "seeds_text": findings.seeds_text(report),
        "level": f"{100 * report.level:g}",
        "controls": report.controls,
        "answer": found,
        "answer_note": _answer_note(report, found),
        "best": findings.best_text(report),
        "labels": list(findings.LABELS),
        "findings": findings.findings(report, shown, findings.FULL),
        "solved": findings.solved_by_controls(report.overview, report.controls),
        "incomplete": findings.incomplete_text(report),
        "exposure": exposure_text(report.runs),
        "figures": {name: Markup(text) for name, text in figures.items()},
        **_arms(report),
        **_checks(report),
        **_items(report, found),
        "trained_on": trained_on(report.runs, report.negatives),
        "without_negatives": [arm for arm in report.runs.arms if not report.runs.options(arm).get("method")],
        "finetuned": _finetuned(report),
        "robustness": _robustness(report, shown),
        "interpolated": interpolation.section(report),
        "inpainted": _inpainted(report),
        "agreement": _agreement(report),
        "published": published.section(report.paper, report.runs),
        "provenance": provenance.terms(report),
        "stage_costs": provenance.stage_costs(report.costs),
        "citation": provenance.CITATION,
        "commit": provenance.commit(),
    }
    body = environment.get_template("sections.html.j2").render(values)
    contents = [(name, Markup(title)) for name, title in _SECTION.findall(body)]
    style, script = ((TEMPLATES / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    script_hash = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    own = {"contents": contents, "body": Markup(body), "style": Markup(style), "script": Markup(script)}
    return environment.get_template("page.html.j2").render({**values, **own, "script_hash": script_hash})


def _answer_note(report: Report, found: Answer) -> str:
    """What the figure of the first screen shows."""
    compared = compared_arms(report.overview, report.controls)
    fewer = f" The {ARMS} arms with the highest values of {len(compared)}." if len(compared) > ARMS else ""
    if found.control is None:
        return f"Percent; with one seed the {100 * report.level:g} % interval over items, with several every seed."
    spread = f"{100 * report.level:g} % interval" if len(report.runs.seeds) == 1 else "every seed"
    return (
        f"Left: paired differences to {found.control}, {spread}. Right, if there are columns of costs: the main column "
        f"against their mean (horizontal line: lowest to highest); dashed: Pareto front.{fewer}"
    )


def _items(report: Report, found: Answer) -> dict[str, Any]:
    """Sample items, and the gallery, which compares the control and the arm of the answer."""
    shown = shown_items(report)
    made = gallery(report, shown)
    return {
        "samples": samples(report, shown),
        "gallery": made,
        "gallery_text": "" if made is None else Markup(made.text),
        "gallery_control": found.control,
        "gallery_arm": found.arm,
    }


def _shown(value: Any) -> Any:
    """The value of a template expression before escaping, without control characters."""
    return without_controls(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _arms(report: Report) -> dict[str, Any]:
    """The arms, their values, gains and costs."""
    arms = compared_arms(report.overview, report.controls)
    shown = report.overview
    gained, gained_rows = sections.gain_rows(report, [column for column in shown.columns if not column.cost])
    paid, paid_rows = sections.gain_rows(report, [column for column in shown.columns if column.cost])
    return {
        "columns": [{"title": _marked(report, column), "description": column.description} for column in shown.columns],
        "arms": sections.arm_rows(report),
        "rows": sections.main_rows(report),
        "metrics": metric_rows(report.runs),
        "seed_rows": sections.seed_rows(report),
        "groups": [
            {"title": each.title, "by": each.by, "columns": each.values.columns, "rows": group_rows(each)}
            for each in report.groups
        ],
        "gained": gained,
        "gained_rows": [row for row in gained_rows if row["arm"] != BASE],
        "paid": paid,
        "paid_rows": [row for row in paid_rows if row["arm"] != BASE],
        "unseen": sections.unseen_gains(report, arms) if report.runs.trainings else [],
        "costs": sections.cost_rows(report),
        "main": "" if shown.main is None else shown.main.title,
    }


def _marked(report: Report, column: Column) -> str:
    """A column's title, with a star if the benchmark is incomplete."""
    return f"{column.title} *" if column.name in report.overview.incomplete else column.title


def _checks(report: Report) -> dict[str, Any]:
    """Evidence for the validity of the numbers: blind baselines, negatives, data, oracles."""
    return {
        "blind": sections.blind_rows(report),
        "negatives": sections.negative_rows(report),
        "data": sections.data_sentences(report),
        "oracles": sections.oracle_rows(report),
        "measurement": sections.measurement_rows(report),
        "models": sections.model_rows(report),
        "versions": report.runs.evaluations[0].manifest.get("versions") or {},
    }


def _finetuned(report: Report) -> dict[str, Any] | None:
    """The section on downstream tasks."""
    shown = report.finetuned
    if not shown.columns:
        return None
    columns, rows = sections.gain_rows(report, shown.columns)
    return {
        "heads": [(title, len(of)) for title, of in panels(shown)],
        "columns": shown.columns,
        "rows": finetune_rows(shown),
        "gain_columns": columns,
        "gain_rows": rows,
    }


def _robustness(report: Report, shown: Robustness) -> dict[str, Any] | None:
    """The section on corruptions."""
    if not shown.corruptions or not shown.columns:
        return None
    reference = reference_of(report.controls, shown)
    return {
        "severities": shown.severities,
        "columns": [
            {
                "title": column.title,
                "rows": robustness_rows(shown, column),
                "summary": summary_rows(shown, column, reference),
                "correlation": correlation_text(shown, column),
            }
            for column in shown.columns
        ],
        "reference": reference,
        "excluded": excluded(report),
        "retained": retained_text(report),
    }


def _inpainted(report: Report) -> dict[str, Any] | None:
    """The section on the pairs of stage inpaint."""
    if report.inpaint is None:
        return None
    return {
        "sentences": inpaint.sentences(report.inpainted),
        "operations": inpaint.operation_rows(report.inpainted),
        "pairs": inpaint.shown_pairs(report.inpaint / inpaint.PAIRS),
    }


def _agreement(report: Report) -> dict[str, Any] | None:
    """The section on two benchmarks of the same concepts."""
    if report.correlations.is_empty() or len(report.runs.arms) < 2:
        return None
    return {
        "metrics": agreement.metrics_of(report.correlations),
        "rows": agreement.correlation_rows(report.correlations),
        "scores": agreement.concept_rows(report),
        "caution": agreement.caution(report.correlations),
    }
