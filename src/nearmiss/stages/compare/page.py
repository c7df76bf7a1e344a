"""The page: one HTML file that needs nothing else, readable on a phone, in light and in dark."""

from pathlib import Path

import jinja2
from markupsafe import Markup

from nearmiss.stages.compare import findings, sections
from nearmiss.stages.compare.forms import form_rows
from nearmiss.stages.compare.report import Report
from nearmiss.stages.compare.samples import samples

TEMPLATE = Path(__file__).with_name("template.html.j2")


def render(report: Report, figures: dict[str, str]) -> str:
    """The page as text. `figures` are SVG texts by name; every other string is escaped."""
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    arms = findings.hard_negative_arms(report.overview, report.controls)
    best = findings.headline(report.overview, report.gains, report.controls)
    bought, bought_rows = sections.gain_rows(report, cost=False)
    paid, paid_rows = sections.gain_rows(report, cost=True)
    first = report.runs.evaluations[0]
    return template.render(
        experiment=report.experiment,
        split=report.runs.split,
        seeds=report.runs.seeds,
        seeds_text=findings.seeds_text(report.runs.seeds),
        level=f"{100 * report.level:g}",
        controls=report.controls,
        learned=findings.LEARNED,
        headline=[findings.gain_text(gain) for gain in best.gains] if best is not None else [],
        best=best.arm if best is not None else None,
        by_themselves=findings.learned_by_controls(report.overview, report.controls),
        columns=report.overview.columns,
        arms=sections.arm_rows(report),
        rows=sections.main_rows(report),
        forms=form_rows(report.runs),
        seed_rows=sections.seed_rows(report),
        bought=bought,
        bought_rows=bought_rows,
        paid=paid,
        paid_rows=paid_rows,
        unseen=sections.unseen_gains(report, arms),
        costs=sections.cost_rows(report),
        blind=sections.blind_rows(report),
        negatives=sections.negative_rows(report),
        data=sections.data_sentences(report),
        oracles=sections.oracle_rows(report),
        samples=samples(report),
        measurement=first.measurement,
        versions=first.manifest.get("versions", {}),
        figures={name: Markup(text) for name, text in figures.items()},
    )
