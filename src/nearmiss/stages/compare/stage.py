"""Stage `compare`: compares runs in tables, figures and an HTML report.

The runs are those of an experiment, or standalone evaluations by `nearmiss evaluate`. The benchmarks declare columns
and concepts.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, replacing, write_json, write_text
from nearmiss.base.manifest import Cost, verify_inputs, write_manifest
from nearmiss.base.outputs import OutputFolder
from nearmiss.base.tables import conform, write_table
from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.stages.compare import (
    agreement,
    exports,
    figures,
    finetune,
    groups,
    inpaint,
    interpolation,
    overview,
    page,
    runs,
    tables,
    terminal,
    trained_on,
)
from nearmiss.stages.compare.config import CompareConfig
from nearmiss.stages.compare.differences import differences
from nearmiss.stages.compare.report import Report
from nearmiss.stages.compare.robustness import robustness
from nearmiss.stages.compare.runs import Runs


class _How(TypedDict):
    resamples: int
    level: float


def run(
    *,
    config: CompareConfig,
    experiment: str,
    evaluations: Sequence[Path],
    out: Path,
    trainings: Sequence[Path] = (),
    negatives: Sequence[Path] = (),
    data: Path | None = None,
    finetunings: Sequence[Path] = (),
    robustnesses: Sequence[Path] = (),
    interpolations: Sequence[Path] = (),
    inpainted: Path | None = None,
    root: DataRoot | None = None,
    task_titles: Mapping[str, str] | None = None,
    fingerprint: Path | None = None,
) -> None:
    """Compare the runs in the given folders and write the folder `out`.

    evaluations: folders of stage evaluate; trainings: E/pretrain/<arm>/<seed>, base included; negatives:
    E/negatives/<method> with summary.json and, if the source has a truth, truth.json; data: E/data; finetunings:
    E/finetune/<arm>/<seed>, where arm may be `scratch`; robustnesses: E/robustness/<arm>/<seed>; interpolations:
    E/evaluate/interpolation/<arm>-<seed>; inpainted: E/inpaint;
    root: data root of the benchmarks, for sample items; task_titles: names of downstream tasks. Sections
    without input are omitted from the report.
    Writes index.html, summary.txt, metrics.json, tables/, figures/, manifest.json, cost.json.
    """
    cost = Cost()
    folders = [*evaluations, *trainings, *negatives, data, *finetunings, *robustnesses, *interpolations, inpainted]
    target = OutputFolder(out, inputs=folders)
    inpainted = None if inpainted is None else Path(inpainted)
    found = runs.read(evaluations, trainings, finetunings, robustnesses)
    inputs = verify_inputs(_inputs(found, negatives, inpainted) | interpolation.inputs(interpolations))
    controls = _controls(config, found)
    titles, how = task_titles or {}, _How(resamples=config.resamples, level=config.level)
    shown, tuned = overview.overview(found), finetune.finetuned(found, titles)
    examples = None if data is None else Path(data) / "tables"
    gaps = pl.concat(
        [
            differences(found, shown.columns, controls, **how),
            finetune.finetune_differences(found, examples, controls, **how),
        ]
    )
    report = Report(
        experiment=experiment,
        runs=found,
        root=DataRoot(None) if root is None else root,
        controls=controls,
        level=config.level,
        overview=shown,
        finetuned=tuned,
        groups=groups.groups(found),
        differences=gaps,
        gains=overview.gains(gaps, [*shown.columns, *tuned.columns]),
        correlations=agreement.correlations(found),
        costs=tables.costs(found, data, negatives, inpainted),
        negatives=[Path(folder) for folder in negatives],
        summary=_summary(None if data is None else Path(data) / "summary.json"),
        inpaint=inpainted,
        inpainted={} if inpainted is None else dict(read_json(inpainted / inpaint.SUMMARY)),
        interpolated=interpolation.read(interpolations, found),
        paper=config.paper,
    )
    noisy = robustness(found, shown)
    with target as folder:
        _write_tables(report, folder / "tables")
        exports.write_exports(report, noisy, folder / "tables")
        drawn = figures.write_figures(report, folder / "figures")
        write_text(folder / "summary.txt", terminal.summary(report))
        write_json(folder / "metrics.json", tables.headline(report.overview))
        write_text(folder / "index.html", page.render(report, noisy, drawn))
        cost.write(folder)
        outputs = ["figures", "index.html", "metrics.json", "summary.txt", "tables"]
        write_manifest(folder, stage="compare", fingerprint=fingerprint, inputs=inputs, outputs=outputs)


def _controls(config: CompareConfig, found: Runs) -> list[str]:
    """The configured controls that were evaluated. Without configured and default controls, the first run is used.

    Raises InputError if controls are configured and none was evaluated.
    """
    known = [control for control in config.controls if control in found.arms]
    if known or not config.controls:
        return known
    if "controls" in config.model_fields_set:
        raise InputError(
            f"none of the controls {', '.join(config.controls)} was evaluated",
            record=f"arms: {', '.join(found.arms)}",
            remedy="evaluate a control, or set another one in compare.controls",
        )
    return found.arms[:1] if len(found.arms) > 1 else []


def _summary(file: Path | None) -> dict[str, object]:
    return dict(read_json(file)) if file is not None and file.is_file() else {}


def _write_tables(report: Report, folder: Path) -> None:
    """Every table with its full values, as Parquet and as CSV."""
    shared = {"metrics": report.runs.all_metrics(), "differences": report.differences, "costs": report.costs}
    for name, frame in shared.items():
        write_table(frame, folder / f"{name}.parquet", name)
        _write_csv(conform(frame, name), folder / f"{name}.csv")
    if not report.interpolated.is_empty():
        write_table(report.interpolated, folder / "interpolation.parquet", "interpolation")
        _write_csv(report.interpolated, folder / "interpolation.csv")
    own = {
        "arms": tables.arms(report.runs, report.negatives),
        "correlations": report.correlations,
        "curves": tables.curves(report.runs.trainings),
    }
    for name, frame in own.items():
        with replacing(folder / f"{name}.parquet") as partial:
            frame.write_parquet(partial, statistics=False)
        _write_csv(frame, folder / f"{name}.csv")


def _inputs(found: Runs, negatives: Sequence[Path], inpainted: Path | None) -> dict[str, Path]:
    """The inputs by name."""
    inputs = {
        f"evaluate/{one.arm}/{one.seed}/{name}": one.folder / f"{name}.parquet"
        for one in found.evaluations
        for name in ("metrics", "outcomes", "scores")
    }
    inputs |= {f"pretrain/{one.arm}/{one.seed}": one.folder / "curve.jsonl" for one in found.trainings}
    inputs |= {f"finetune/{one.arm}/{one.seed}": one.folder / "predictions.parquet" for one in found.finetunings}
    inputs |= {f"robustness/{one.arm}/{one.seed}": one.folder / "metrics.parquet" for one in found.robustnesses}
    truth_reports = [Path(path) / "truth.json" for path in negatives]
    inputs |= {f"negatives/{path.parent.name}": path for path in truth_reports if path.is_file()}
    inputs |= {f"negative_tables/{name}": file for name, file in trained_on.tables(negatives).items()}
    if inpainted is not None:
        inputs |= {"inpaint/pairs": inpainted / inpaint.PAIRS, "inpaint/summary": inpainted / inpaint.SUMMARY}
    return inputs


def _write_csv(frame: pl.DataFrame, path: Path) -> None:
    with replacing(path) as partial:
        frame.write_csv(partial)
