"""The table of a registered study with its completeness, as Markdown, CSV and JSON."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.files import write_json, write_text
from nearmiss.base.outputs import OutputFolder
from nearmiss.base.tables import read_table
from nearmiss.config import Experiment
from nearmiss.experiment_parts import fingerprints
from nearmiss.stages.compare.config import StudyConfig
from nearmiss.stages.compare.study import Row, study_rows
from nearmiss.study.completeness import Gap, gaps
from nearmiss.study.folders import expected, folder

SHOWN = 20  # reasons that are listed in the text; the JSON has all


def study_of(experiment: Experiment, file: Path) -> StudyConfig:
    """The registered study of an experiment; raises InputError if it has none."""
    if experiment.compare.study is None:
        raise InputError(
            "the experiment registers no comparisons", file=file, record="compare.study", remedy="add the section"
        )
    return experiment.compare.study


def report(experiment: Experiment, *, file: Path, results: Path, root: Path, out: Path) -> str:
    """Write study.md, study.csv and study.json into the folder `out`; returns the Markdown.

    Runs that are there are compared even if others are missing; the table then says that it is incomplete.
    """
    study = study_of(experiment, file)
    lacking = gaps(experiment, study, results, fingerprints(experiment, root))
    compared = {*study.comparisons, *(control for controls in study.comparisons.values() for control in controls)}
    tables = {}
    for arm, seed in expected(experiment):
        run = folder(results, experiment, "evaluate", arm, seed) / "outcomes.parquet"
        if arm in compared and run.is_file():
            tables[arm, seed] = read_table(run, "outcomes")
    if not tables:
        raise InputError(
            "no run of the study is finished",
            file=results / experiment.experiment / "evaluate",
            remedy=f"make run CONFIG={file}",
        )
    rows = study_rows(study, tables, level=experiment.compare.level)
    text = _markdown(experiment, rows, lacking)
    values = [_values(row) for row in rows]
    with OutputFolder(out, inputs=[results / experiment.experiment / "evaluate"]) as target:
        write_text(target / "study.md", text)
        write_text(target / "study.csv", pl.DataFrame([_flat(value) for value in values]).write_csv())
        problems = [{"run": gap.run, "problem": gap.problem} for gap in lacking]
        write_json(target / "study.json", {"complete": not lacking, "problems": problems, "rows": values})
    return text


def _markdown(experiment: Experiment, rows: Sequence[Row], lacking: Sequence[Gap]) -> str:
    state = "complete" if not lacking else f"INCOMPLETE ({len(lacking)} problems)"
    lines = [f"# Study {experiment.experiment}: {state}", ""]
    if lacking:
        lines += [f"- {gap}" for gap in lacking[:SHOWN]]
        lines += [f"- and {len(lacking) - SHOWN} more (study.json)"] if len(lacking) > SHOWN else []
        lines += ["", "No claim follows from an incomplete study.", ""]
    lines += [
        "Values and differences in percent and points, by seed. p: hierarchical bootstrap over seeds and clusters of "
        "images, Holm-adjusted.",
        "",
        "| endpoint | arm | control | arm, by seed | control, by seed | difference | interval | p | test | holds |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*lines, *(_line(row) for row in rows), ""])


def _line(row: Row) -> str:
    test = "two-sided" if row.margin is None else f"above -{100 * row.margin:g}"
    found = ["-", "-", "-"]
    if row.found is not None and row.p_adjusted is not None:
        p = "< 0.001" if row.p_adjusted < 0.001 else f"{row.p_adjusted:.3f}"
        found = [f"{100 * row.found.value:+.1f}", f"{100 * row.found.low:+.1f}, {100 * row.found.high:+.1f}", p]
    holds = {None: "not tested", True: "yes", False: "no"}[row.holds]
    values = [", ".join(f"{100 * value:.1f}" for value in of.values()) for of in (row.of_arm, row.of_control)]
    return "| " + " | ".join([row.endpoint, row.arm, row.control, *values, *found, test, holds]) + " |"


def _values(row: Row) -> dict[str, Any]:
    found = row.found
    return {
        "endpoint": row.endpoint,
        "arm": row.arm,
        "control": row.control,
        "margin": row.margin,
        "n_items": row.n_items,
        "seeds": row.seeds,
        "arm_values": {str(seed): value for seed, value in row.of_arm.items()},
        "control_values": {str(seed): value for seed, value in row.of_control.items()},
        "difference": None if found is None else found.value,
        "differences": None if found is None else list(found.by_seed),
        "low": None if found is None else found.low,
        "high": None if found is None else found.high,
        "p": None if found is None else found.p,
        "p_adjusted": row.p_adjusted,
        "holds": row.holds,
    }


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    """Lists and maps as text, for CSV."""

    def text(value: Any) -> Any:
        if isinstance(value, dict):
            return "; ".join(f"{name}: {each!r}" for name, each in value.items())
        return "; ".join(map(repr, value)) if isinstance(value, list) else value

    return {name: text(value) for name, value in values.items()}
