"""Stage `compare`: every run of an experiment set side by side, in tables, figures and one page."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, replacing, write_json, write_text
from nearmiss.base.manifest import Cost, verify_inputs, write_manifest
from nearmiss.base.outputs import OutputFolder
from nearmiss.base.tables import conform, write_table
from nearmiss.engine.scoring import exam
from nearmiss.engine.scoring.exam import Exam
from nearmiss.stages.compare import arms, costs, figures, overview, page, runs, terminal
from nearmiss.stages.compare.config import CompareConfig
from nearmiss.stages.compare.correlations import correlations
from nearmiss.stages.compare.curves import curves
from nearmiss.stages.compare.differences import differences
from nearmiss.stages.compare.headline import headline
from nearmiss.stages.compare.report import Report
from nearmiss.stages.compare.runs import Runs
from nearmiss.stages.compare.synthesis import PAIRS, SUMMARY
from nearmiss.stages.compare.transfer import columns, transfer
from nearmiss.stages.compare.transfer_differences import transfer_differences


class _How(TypedDict):
    resamples: int
    level: float


def run(
    *,
    config: CompareConfig,
    experiment: str,
    evaluations: list[Path],
    trainings: list[Path],
    negatives: list[Path],
    data: Path,
    fingerprint: Path | None,
    out: Path,
    finetunings: Sequence[Path] = (),
    robustnesses: Sequence[Path] = (),
    inpaint: Path | None = None,
) -> None:
    """Compare the runs whose folders are given and write the folder `out`.

    evaluations: folders E/evaluate/<arm>/<seed>; trainings: E/pretrain/<arm>/<seed>, base included; negatives:
    E/negatives/<method> with summary.json and truth.json; data: E/data; finetunings: E/finetune/<arm>/<seed>, where
    arm may be `scratch`; robustnesses: E/robustness/<arm>/<seed>; inpaint: E/inpaint. The last three may be missing:
    then what they would show is left out.
    Writes index.html, summary.txt, metrics.json, tables/, figures/, manifest.json, cost.json.
    """
    cost = Cost()
    folders = [*evaluations, *trainings, *negatives, data, *finetunings, *robustnesses, inpaint]
    target = OutputFolder(out, inputs=folders)
    inpaint = None if inpaint is None else Path(inpaint)
    found = runs.read(evaluations, trainings, finetunings, robustnesses)
    inputs = verify_inputs(_inputs(found, negatives, inpaint))
    missing = [control for control in config.controls if control not in found.arms]
    if len(missing) == len(config.controls) and config.controls:
        raise InputError(
            f"none of the controls {', '.join(config.controls)} was evaluated",
            record=f"arms: {', '.join(found.arms)}",
            remedy="evaluate a control, or name another one under compare.controls",
        )
    controls = [control for control in config.controls if control in found.arms]
    tables, how = Path(data) / "tables", _How(resamples=config.resamples, level=config.level)
    synthesised = {} if inpaint is None else dict(read_json(inpaint / SUMMARY))
    asked = _exam(found, tables, None if inpaint is None else inpaint / PAIRS)
    gaps = pl.concat([differences(found, asked, controls, **how), transfer_differences(found, tables, controls, **how)])
    report = Report(
        experiment=experiment,
        runs=found,
        exam=asked,
        controls=controls,
        level=config.level,
        overview=overview.overview(found),
        transfer=transfer(found),
        differences=gaps,
        gains=overview.gains(gaps, [*overview.COLUMNS, *columns(found)]),
        correlations=correlations(found),
        costs=costs.costs(found, data, negatives, inpaint),
        negatives=[Path(folder) for folder in negatives],
        data=Path(data),
        inpaint=inpaint,
        synthesised=synthesised,
    )
    with target as folder:
        _write_tables(report, folder / "tables")
        drawn = figures.write_figures(report, folder / "figures")
        write_text(folder / "summary.txt", terminal.summary(report))
        write_json(folder / "metrics.json", headline(report.overview))
        write_text(folder / "index.html", page.render(report, drawn))
        cost.write(folder)
        outputs = ["figures", "index.html", "metrics.json", "summary.txt", "tables"]
        write_manifest(folder, stage="compare", fingerprint=fingerprint, inputs=inputs, outputs=outputs)


def _write_tables(report: Report, folder: Path) -> None:
    """Every table as Parquet and as CSV."""
    shared = {"metrics": report.runs.all_metrics(), "differences": report.differences, "costs": report.costs}
    for name, frame in shared.items():
        write_table(frame, folder / f"{name}.parquet", name)
        _write_csv(conform(frame, name), folder / f"{name}.csv")
    own = {
        "arms": arms.arms(report.runs),
        "correlations": report.correlations,
        "curves": curves(report.runs.trainings),
    }
    for name, frame in own.items():
        with replacing(folder / f"{name}.parquet") as partial:
            frame.write_parquet(partial, statistics=False)
        _write_csv(frame, folder / f"{name}.csv")


def _inputs(found: Runs, negatives: Sequence[Path], inpaint: Path | None) -> dict[str, Path]:
    """What is read, by name."""
    inputs = {f"evaluate/{one.arm}/{one.seed}": one.folder / "scores.parquet" for one in found.evaluations}
    inputs |= {f"pretrain/{one.arm}/{one.seed}": one.folder / "curve.jsonl" for one in found.trainings}
    inputs |= {f"finetune/{one.arm}/{one.seed}": one.folder / "predictions.parquet" for one in found.finetunings}
    inputs |= {f"robustness/{one.arm}/{one.seed}": one.folder / "metrics.parquet" for one in found.robustnesses}
    judged = [Path(path) / "truth.json" for path in negatives]
    inputs |= {f"negatives/{path.parent.name}": path for path in judged if path.is_file()}
    if inpaint is not None:
        inputs |= {"inpaint/pairs": inpaint / PAIRS, "inpaint/summary": inpaint / SUMMARY}
    return inputs


def _exam(found: Runs, tables: Path, pairs: Path | None) -> Exam:
    """The exam that the runs sat: their split, benchmarks and ranks stand in their metrics."""
    metrics = found.evaluations[0].metrics
    benchmarks: Sequence[str] = sorted(set(metrics["benchmark"]))
    ranks = sorted({int(name.split("@")[1]) for name in metrics["metric"] if name.startswith("recall@")})
    return exam.read(tables, found.split, benchmarks, ranks, pairs)


def _write_csv(frame: pl.DataFrame, path: Path) -> None:
    with replacing(path) as partial:
        frame.write_csv(partial)
