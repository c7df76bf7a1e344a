"""Stage `compare`: every run of an experiment set side by side, in tables, figures and one page."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.files import replacing, replacing_folder, write_text
from nearmiss.base.manifest import Cost, write_manifest
from nearmiss.base.tables import conform, write_table
from nearmiss.engine.scoring import exam
from nearmiss.engine.scoring.exam import Exam
from nearmiss.stages.compare import arms, costs, figures, overview, page, runs, terminal
from nearmiss.stages.compare.config import CompareConfig
from nearmiss.stages.compare.differences import differences
from nearmiss.stages.compare.report import Report
from nearmiss.stages.compare.runs import Runs


def run(
    *,
    config: CompareConfig,
    experiment: str,
    evaluations: list[Path],
    trainings: list[Path],
    negatives: list[Path],
    data: Path,
    identity: Path | None,
    out: Path,
) -> None:
    """Compare the runs whose folders are given and write the folder `out`.

    evaluations: folders E/evaluate/<arm>/<seed>; trainings: E/pretrain/<arm>/<seed>, base included; negatives:
    E/negatives/<method> with summary.json and truth.json; data: E/data.
    Writes index.html, summary.txt, tables/, figures/, manifest.json, cost.json.
    """
    cost = Cost()
    found = runs.read(evaluations, trainings)
    missing = [control for control in config.controls if control not in found.arms]
    if len(missing) == len(config.controls) and config.controls:
        raise InputError(
            f"none of the controls {', '.join(config.controls)} was evaluated",
            record=f"arms: {', '.join(found.arms)}",
            remedy="evaluate a control, or name another one under compare.controls",
        )
    controls = [control for control in config.controls if control in found.arms]
    asked = _exam(found, Path(data) / "tables")
    gaps = differences(found, asked, controls, resamples=config.resamples, level=config.level)
    spent = costs.costs(found, data, negatives)
    report = Report(
        experiment=experiment,
        runs=found,
        exam=asked,
        controls=controls,
        level=config.level,
        overview=overview.overview(found),
        differences=gaps,
        gains=overview.gains(gaps, overview.COLUMNS),
        costs=spent,
        negatives=[Path(folder) for folder in negatives],
        data=Path(data),
    )
    seconds = costs.training_seconds(spent)
    summary = terminal.summary(report.overview, report.gains, seconds, controls, found.seeds)
    with replacing_folder(out) as folder:
        for name, frame in (("metrics", found.metrics()), ("differences", gaps), ("costs", spent)):
            write_table(frame, folder / "tables" / f"{name}.parquet", name)
            _write_csv(conform(frame, name), folder / "tables" / f"{name}.csv")
        about = arms.arms(found)
        with replacing(folder / "tables" / "arms.parquet") as partial:
            about.write_parquet(partial, statistics=False)
        _write_csv(about, folder / "tables" / "arms.csv")
        drawn = figures.write_figures(report, folder / "figures")
        write_text(folder / "summary.txt", summary)
        write_text(folder / "index.html", page.render(report, drawn))
        cost.write(folder)
        inputs = {f"evaluate/{one.arm}/{one.seed}": one.folder / "scores.parquet" for one in found.evaluations}
        inputs |= {f"pretrain/{one.arm}/{one.seed}": one.folder / "curve.jsonl" for one in found.trainings}
        judged = [path / "truth.json" for path in report.negatives]
        inputs |= {f"negatives/{path.parent.name}": path for path in judged if path.is_file()}
        outputs = ["figures", "index.html", "summary.txt", "tables"]
        write_manifest(folder, stage="compare", identity=identity, inputs=inputs, outputs=outputs)


def _exam(found: Runs, tables: Path) -> Exam:
    """The exam that the runs sat: their split, benchmarks and ranks stand in their metrics."""
    metrics = found.evaluations[0].metrics
    benchmarks: Sequence[str] = sorted(set(metrics["benchmark"]))
    ranks = sorted({int(name.split("@")[1]) for name in metrics["metric"] if name.startswith("recall@")})
    return exam.read(tables, found.split, benchmarks, ranks)


def _write_csv(frame: pl.DataFrame, path: Path) -> None:
    with replacing(path) as partial:
        frame.write_csv(partial)
