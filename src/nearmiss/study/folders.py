"""The runs of an experiment in its results folder, as the workflow lays them out."""

from collections.abc import Iterator
from pathlib import Path

from nearmiss.config import Experiment


def expected(experiment: Experiment) -> list[tuple[str, int]]:
    """Every arm and seed of an experiment, in the order of the configuration."""
    return [(arm, seed) for arm in experiment.arms for seed in experiment.seeds]


def folder(results: Path, experiment: Experiment, stage: str, arm: str, seed: int) -> Path:
    """Folder of one run: RESULTS/<experiment>/<stage>/<arm>/<seed>."""
    return results / experiment.experiment / stage / arm / str(seed)


def finished(results: Path, experiment: Experiment, stage: str) -> Iterator[tuple[str, int, Path]]:
    """Runs of a stage that are complete, expected or not: arm, seed, folder; sorted by name and number."""
    found = []
    for manifest in (results / experiment.experiment / stage).glob("*/*/manifest.json"):
        arm, seed = manifest.parts[-3:-1]
        if seed.isdecimal():
            found.append((arm, int(seed), manifest.parent))
    yield from sorted(found)
