"""The compared runs: outputs of trainings, fine-tunings, evaluations and robustness tests."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.base.manifest import read_cost
from nearmiss.base.tables import read_table
from nearmiss.engine.scoring.endpoints import ENDPOINT

REMEDY = "finish the run, or omit this folder"


@dataclass(frozen=True)
class Evaluation:
    """The output of stage evaluate for one run."""

    arm: str
    seed: int
    folder: Path
    metrics: pl.DataFrame
    outcomes: pl.DataFrame
    scores: pl.DataFrame
    cost: dict[str, Any]
    measurement: dict[str, Any]
    manifest: dict[str, Any]

    @property
    def model(self) -> str:
        """The model's name."""
        return str(self.metrics.filter(pl.col("model") != "blind")["model"][0])

    @property
    def benchmarks(self) -> dict[str, dict[str, Any]]:
        """The measurement of each benchmark, by its name."""
        return dict(self.measurement.get("benchmarks") or {})


@dataclass(frozen=True)
class Training:
    """The output of stage pretrain for one run."""

    arm: str
    seed: int
    folder: Path
    curve: list[dict[str, Any]]
    cost: dict[str, Any]
    manifest: dict[str, Any]

    @property
    def options(self) -> dict[str, Any]:
        """The configuration of the arm in the manifest: method, objective, rates."""
        fingerprint = self.manifest.get("fingerprint") or {}
        return dict(fingerprint.get("config", {}).get("arm") or {})

    @property
    def shared(self) -> dict[str, Any]:
        """The configuration that all arms share, in the manifest."""
        fingerprint = self.manifest.get("fingerprint") or {}
        return dict(fingerprint.get("config", {}).get("shared") or {})


@dataclass(frozen=True)
class Finetuning:
    """The output of stage finetune for one initialization and seed; `arm` may be `scratch`."""

    arm: str
    seed: int
    folder: Path
    metrics: pl.DataFrame
    predictions: pl.DataFrame
    curve: list[dict[str, Any]]
    cost: dict[str, Any]
    manifest: dict[str, Any]


@dataclass(frozen=True)
class Robustness:
    """The output of stage robustness for one run."""

    arm: str
    seed: int
    folder: Path
    metrics: pl.DataFrame
    cost: dict[str, Any]
    measurement: dict[str, Any]
    manifest: dict[str, Any]


@dataclass(frozen=True)
class Runs:
    """All runs of an experiment; arms in the order in which their folders were given."""

    evaluations: list[Evaluation]
    trainings: list[Training]
    arms: list[str] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)
    finetunings: list[Finetuning] = field(default_factory=list)
    robustnesses: list[Robustness] = field(default_factory=list)

    def training(self, arm: str, seed: int) -> Training | None:
        """The training of one run, if it was given."""
        return next((one for one in self.trainings if (one.arm, one.seed) == (arm, seed)), None)

    def options(self, arm: str) -> dict[str, Any]:
        """The configuration of an arm; empty if it was not trained or is not in the manifest."""
        return next((one.options for one in self.trainings if one.arm == arm), {})

    def evaluation(self, arm: str, seed: int) -> Evaluation | None:
        """The evaluation of one run, if it was given."""
        return next((one for one in self.evaluations if (one.arm, one.seed) == (arm, seed)), None)

    @property
    def splits(self) -> dict[str, str | None]:
        """The split of each benchmark; None for published ones."""
        pairs = self.metrics().select("benchmark", "split").unique(maintain_order=True)
        return {str(name): split for name, split in pairs.iter_rows()}

    @property
    def split(self) -> str | None:
        """The split of the experiment's own benchmarks, None if only published ones were scored."""
        return next((split for split in self.splits.values() if split is not None), None)

    def incomplete(self) -> list[str]:
        """Benchmarks that are absent in a run, or for which a run lacks images, files or records."""
        found = [
            name for one in self.evaluations for name, of in one.benchmarks.items() if not of.get("complete", True)
        ]
        found += [name for one in self.evaluations for name in one.measurement.get("absent") or []]
        return list(dict.fromkeys(found))

    @property
    def initializations(self) -> list[str]:
        """Fine-tuned initializations, in the order of their folders."""
        return list(dict.fromkeys(one.arm for one in self.finetunings))

    def metrics(self) -> pl.DataFrame:
        """Table `metrics` of all evaluations; the blind baselines of each benchmark once."""
        blind: list[pl.DataFrame] = []
        for one in self.evaluations:
            known = {name for frame in blind for name in frame["benchmark"].unique()}
            mine = one.metrics.filter(pl.col("model") == "blind")
            blind.append(mine.filter(~pl.col("benchmark").is_in(sorted(known))))
        return pl.concat([*(one.metrics.filter(pl.col("model") != "blind") for one in self.evaluations), *blind])

    def all_metrics(self) -> pl.DataFrame:
        """Table `metrics` of all evaluations, fine-tunings and robustness tests."""
        tuned, corrupted = [one.metrics for one in self.finetunings], [one.metrics for one in self.robustnesses]
        return pl.concat([self.metrics(), *tuned, *corrupted])


def read(
    evaluations: Sequence[Path],
    trainings: Sequence[Path] = (),
    finetunings: Sequence[Path] = (),
    robustnesses: Sequence[Path] = (),
) -> Runs:
    """Read the folders.

    Raises InputError if one is incomplete, two are the same run, or runs were scored on different versions of a
    benchmark, on different examples or under different corruptions.
    """
    if not evaluations:
        raise InputError("there is nothing to compare", remedy="give at least one folder of stage evaluate")
    scored = [_evaluation(Path(folder)) for folder in evaluations]
    trained = [_training(Path(folder)) for folder in trainings]
    tuned = [_finetuning(Path(folder)) for folder in finetunings]
    corrupted = [_robustness(Path(folder)) for folder in robustnesses]
    for kind in (scored, trained, tuned, corrupted):
        seen: dict[tuple[str, int], Path] = {}
        for one in kind:
            if (one.arm, one.seed) in seen:
                raise InputError(
                    f"arm {one.arm}, seed {one.seed} is given twice",
                    file=one.folder,
                    record=seen[one.arm, one.seed],
                    remedy="give each run once; set other labels with --arm and --seed of `nearmiss evaluate`",
                )
            seen[one.arm, one.seed] = one.folder
    for one in scored[1:]:
        _refuse_other_items(scored[0], one)
    _alike(
        [(one.folder, one.predictions.select(_EXAMPLE)) for one in tuned],
        "different examples",
        "fine-tune all of them on one data source",
    )
    _alike(
        [(one.folder, _cells(one.metrics)) for one in corrupted],
        "different items or corruptions",
        "test the robustness of all of them with one configuration",
    )
    return Runs(
        evaluations=scored,
        trainings=trained,
        arms=list(dict.fromkeys(one.arm for one in scored)),
        seeds=sorted({one.seed for one in scored}),
        finetunings=tuned,
        robustnesses=corrupted,
    )


_EXAMPLE = ["task", "share", "condition", "example_id", "label"]
_CELL = [*ENDPOINT, "corruption", "severity", "n_expected"]


def _refuse_other_items(one: Evaluation, other: Evaluation) -> None:
    """Raise InputError unless both have the same split, files and rules, so that items of one id are equal."""
    splits = [dict(each.metrics.select("benchmark", "split").unique().iter_rows()) for each in (one, other)]
    for name in sorted(splits[0].keys() & splits[1].keys()):
        files, others = (each.benchmarks.get(name, {}).get("files") or {} for each in (one, other))
        changed = sorted(file for file in files.keys() & others.keys() if files[file] != others[file])
        if splits[0][name] != splits[1][name] or changed:
            raise InputError(
                f"the runs were scored on different versions of benchmark {name}",
                file=other.folder,
                record=", ".join(changed[:3]) or f"splits {splits[0][name]} and {splits[1][name]}",
                remedy="evaluate all of them on one split of the same files",
            )
    if one.measurement.get("released", False) != other.measurement.get("released", False):
        raise InputError(
            "the runs have different rules for ties and subsets",
            file=other.folder,
            record="released",
            remedy="evaluate all or none of them with --released true",
        )


def _cells(metrics: pl.DataFrame) -> pl.DataFrame:
    """The scored cells, without shares retained, whose existence depends on the results."""
    return metrics.filter(~pl.col("metric").str.ends_with("retained")).select(_CELL)


def _alike(given: list[tuple[Path, pl.DataFrame]], what: str, remedy: str) -> None:
    """Raise InputError if the rows of a folder differ from those of the first."""
    for folder, frame in given[1:]:
        first = given[0][1]
        if not frame.sort(frame.columns, nulls_last=False).equals(first.sort(first.columns, nulls_last=False)):
            raise InputError(f"the runs have {what}", file=folder, record=f"unlike {given[0][0]}", remedy=remedy)


def _evaluation(folder: Path) -> Evaluation:
    metrics = read_table(folder / "metrics.parquet", "metrics")
    models = metrics.filter(pl.col("model") != "blind")
    if models.is_empty():
        raise InputError("an evaluation has no rows", file=folder, remedy=REMEDY)
    return Evaluation(
        arm=models["arm"][0],
        seed=models["seed"][0],
        folder=folder,
        metrics=metrics,
        outcomes=read_table(folder / "outcomes.parquet", "outcomes"),
        scores=read_table(folder / "scores.parquet", "scores"),
        cost=read_cost(folder / "cost.json"),
        measurement=read_json(folder / "measurement.json"),
        manifest=read_json(folder / "manifest.json"),
    )


def _finetuning(folder: Path) -> Finetuning:
    metrics = read_table(folder / "metrics.parquet", "metrics")
    predictions = read_table(folder / "predictions.parquet", "predictions")
    if metrics.is_empty() or predictions.is_empty():
        raise InputError("a fine-tuning has no rows", file=folder, remedy=REMEDY)
    return Finetuning(
        arm=predictions["arm"][0],
        seed=predictions["seed"][0],
        folder=folder,
        metrics=metrics,
        predictions=predictions,
        curve=list(_lines(folder / "curve.jsonl")),
        cost=read_cost(folder / "cost.json"),
        manifest=read_json(folder / "manifest.json"),
    )


def _robustness(folder: Path) -> Robustness:
    metrics = read_table(folder / "metrics.parquet", "metrics")
    if metrics.is_empty():
        raise InputError("a robustness test has no rows", file=folder, remedy=REMEDY)
    return Robustness(
        arm=metrics["arm"][0],
        seed=metrics["seed"][0],
        folder=folder,
        metrics=metrics,
        cost=read_cost(folder / "cost.json"),
        measurement=read_json(folder / "measurement.json"),
        manifest=read_json(folder / "manifest.json"),
    )


def _training(folder: Path) -> Training:
    try:
        arm, seed = folder.parts[-2], int(folder.parts[-1])
    except (IndexError, ValueError):
        raise InputError(
            "the folder of a training run is not named <arm>/<seed>", file=folder, remedy="give pretrain/<arm>/<seed>"
        ) from None
    return Training(
        arm=arm,
        seed=seed,
        folder=folder,
        curve=list(_lines(folder / "curve.jsonl")),
        cost=read_cost(folder / "cost.json"),
        manifest=read_json(folder / "manifest.json"),
    )


def _lines(path: Path) -> Iterable[dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError("a training run has no curve", file=path, remedy=REMEDY) from None
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            yield json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(
                f"malformed JSON: {error.msg}", file=path, record=f"line {number}", remedy="train the run again"
            ) from None
