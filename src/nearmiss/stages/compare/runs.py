"""The runs that are compared: what each training, fine-tuning, evaluation and noisy evaluation left in its folder."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.base.tables import read_table

REMEDY = "finish the runs (snakemake evaluate), or leave this folder out"


@dataclass(frozen=True)
class Evaluation:
    """What stage evaluate wrote for one run."""

    arm: str
    seed: int
    folder: Path
    metrics: pl.DataFrame
    scores: pl.DataFrame
    cost: dict[str, Any]
    measurement: dict[str, Any]
    manifest: dict[str, Any]


@dataclass(frozen=True)
class Training:
    """What stage pretrain wrote for one run."""

    arm: str
    seed: int
    folder: Path
    curve: list[dict[str, Any]]
    cost: dict[str, Any]
    manifest: dict[str, Any]

    @property
    def options(self) -> dict[str, Any]:
        """The arm's own configuration, as far as the manifest has it: method, objective, rates."""
        fingerprint = self.manifest.get("fingerprint") or {}
        return dict(fingerprint.get("config", {}).get("arm") or {})

    @property
    def shared(self) -> dict[str, Any]:
        """The configuration that all arms share, as far as the manifest has it."""
        fingerprint = self.manifest.get("fingerprint") or {}
        return dict(fingerprint.get("config", {}).get("shared") or {})


@dataclass(frozen=True)
class Finetuning:
    """What stage finetune wrote for one initialisation and seed; `arm` may be `scratch`."""

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
    """What stage robustness wrote for one run."""

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

    def evaluation(self, arm: str, seed: int) -> Evaluation | None:
        """The evaluation of one run, if it was given."""
        return next((one for one in self.evaluations if (one.arm, one.seed) == (arm, seed)), None)

    @property
    def split(self) -> str:
        """The split that all runs were scored on."""
        return str(self.evaluations[0].metrics["split"][0])

    @property
    def initialisations(self) -> list[str]:
        """What was fine-tuned, in the order in which the folders were given."""
        return list(dict.fromkeys(one.arm for one in self.finetunings))

    def metrics(self) -> pl.DataFrame:
        """Table `metrics` of all evaluations; each blind baseline once."""
        blind = self.evaluations[0].metrics.filter(pl.col("model") == "blind")
        models = [one.metrics.filter(pl.col("model") != "blind") for one in self.evaluations]
        return pl.concat([*models, blind])

    def all_metrics(self) -> pl.DataFrame:
        """Table `metrics` of all evaluations, fine-tunings and noisy evaluations."""
        tuned, noisy = [one.metrics for one in self.finetunings], [one.metrics for one in self.robustnesses]
        return pl.concat([self.metrics(), *tuned, *noisy])


def read(
    evaluations: Sequence[Path],
    trainings: Sequence[Path],
    finetunings: Sequence[Path] = (),
    robustnesses: Sequence[Path] = (),
) -> Runs:
    """Read the folders.

    Raises InputError where one is incomplete, two are the same run, or runs answered different questions.
    """
    if not evaluations:
        raise InputError("there is nothing to compare", remedy="give at least one folder of stage evaluate")
    scored = [_evaluation(Path(folder)) for folder in evaluations]
    trained = [_training(Path(folder)) for folder in trainings]
    tuned = [_finetuning(Path(folder)) for folder in finetunings]
    noisy = [_robustness(Path(folder)) for folder in robustnesses]
    for kind in (scored, trained, tuned, noisy):
        seen: dict[tuple[str, int], Path] = {}
        for one in kind:
            if (one.arm, one.seed) in seen:
                raise InputError(
                    f"arm {one.arm}, seed {one.seed} is given twice",
                    file=one.folder,
                    record=seen[one.arm, one.seed],
                    remedy="give each run once",
                )
            seen[one.arm, one.seed] = one.folder
    splits = {(one.metrics["split"][0], tuple(sorted(set(one.scores["item_id"])))) for one in scored}
    if len(splits) > 1:
        raise InputError(
            "the runs answered different questions", file=scored[0].folder, remedy="evaluate all of them on one split"
        )
    _alike([(one.folder, one.predictions.select(_EXAMPLE)) for one in tuned], "fine-tune all of them on one data set")
    asked = [(one.folder, one.metrics.filter(metric="accuracy").select(_CELL)) for one in noisy]
    _alike(asked, "ask all of them the same items under the same noise")
    return Runs(
        evaluations=scored,
        trainings=trained,
        arms=list(dict.fromkeys(one.arm for one in scored)),
        seeds=sorted({one.seed for one in scored}),
        finetunings=tuned,
        robustnesses=noisy,
    )


_EXAMPLE = ["task", "share", "condition", "example_id", "label"]
_CELL = ["concept", "operator", "subset", "condition", "corruption", "severity", "n_expected"]


def _alike(asked: list[tuple[Path, pl.DataFrame]], remedy: str) -> None:
    """Raises InputError where one folder's questions are not those of the first."""
    for folder, frame in asked[1:]:
        first = asked[0][1]
        if not frame.sort(frame.columns, nulls_last=False).equals(first.sort(first.columns, nulls_last=False)):
            raise InputError(
                "the runs answered different questions", file=folder, record=f"unlike {asked[0][0]}", remedy=remedy
            )


def _evaluation(folder: Path) -> Evaluation:
    metrics = read_table(folder / "metrics.parquet", "metrics")
    scores = read_table(folder / "scores.parquet", "scores")
    if metrics.is_empty() or scores.is_empty():
        raise InputError("an evaluation has no rows", file=folder, remedy=REMEDY)
    return Evaluation(
        arm=scores["arm"][0],
        seed=scores["seed"][0],
        folder=folder,
        metrics=metrics,
        scores=scores,
        cost=read_json(folder / "cost.json"),
        measurement=read_json(folder / "measurement.json"),
        manifest=read_json(folder / "manifest.json"),
    )


def _finetuning(folder: Path) -> Finetuning:
    metrics = read_table(folder / "metrics.parquet", "metrics")
    predictions = read_table(folder / "predictions.parquet", "predictions")
    if metrics.is_empty() or predictions.is_empty():
        raise InputError("a fine-tuning has no rows", file=folder, remedy="finish the runs (snakemake finetune)")
    return Finetuning(
        arm=predictions["arm"][0],
        seed=predictions["seed"][0],
        folder=folder,
        metrics=metrics,
        predictions=predictions,
        curve=list(_lines(folder / "curve.jsonl")),
        cost=read_json(folder / "cost.json"),
        manifest=read_json(folder / "manifest.json"),
    )


def _robustness(folder: Path) -> Robustness:
    metrics = read_table(folder / "metrics.parquet", "metrics")
    if metrics.is_empty():
        raise InputError("a noisy evaluation has no rows", file=folder, remedy="finish the runs (snakemake robustness)")
    return Robustness(
        arm=metrics["arm"][0],
        seed=metrics["seed"][0],
        folder=folder,
        metrics=metrics,
        cost=read_json(folder / "cost.json"),
        measurement=read_json(folder / "measurement.json"),
        manifest=read_json(folder / "manifest.json"),
    )


def _training(folder: Path) -> Training:
    try:
        arm, seed = folder.parts[-2], int(folder.parts[-1])
    except (IndexError, ValueError):
        raise InputError(
            "a training's folder is not named <arm>/<seed>", file=folder, remedy="give pretrain/<arm>/<seed>"
        ) from None
    return Training(
        arm=arm,
        seed=seed,
        folder=folder,
        curve=list(_lines(folder / "curve.jsonl")),
        cost=read_json(folder / "cost.json"),
        manifest=read_json(folder / "manifest.json"),
    )


def _lines(path: Path) -> Iterable[dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError("a training has no curve", file=path, remedy=REMEDY) from None
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            yield json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(
                f"malformed JSON: {error.msg}", file=path, record=f"line {number}", remedy="train the run again"
            ) from None
