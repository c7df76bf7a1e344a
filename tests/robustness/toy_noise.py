"""A tiny experiment for stage robustness: a benchmark of 32 pixels, a checkpoint of random weights, negatives."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "evaluate"))
import toy_experiment

from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.stages.robustness import corrupted
from nearmiss.stages.robustness.config import RobustnessConfig

CONFIG = RobustnessConfig(items=3, severities=[1, 5], resamples=100, device="cpu")
"""Four corruptions of images and typos, at two severities; three of the toy's four items of each cell."""


def write(folder: Path, *, checkpoint: bool = True) -> Path:
    """Write published/, tables/, negatives/ and checkpoint/ below `folder`."""
    toy_experiment.write_tables(folder, gallery=4)
    toy_experiment.write_negatives(folder / "negatives", [("relation", "reverse"), ("color", "replace")])
    if checkpoint:
        toy_experiment.write_checkpoint(folder / "checkpoint")
    return folder


def root_of(folder: Path) -> DataRoot:
    """The toy's own benchmarks."""
    return DataRoot(None, {"tables": folder / "tables", "source": folder / "published"})


def corrupt(folder: Path, out: str = "corrupted", config: RobustnessConfig = CONFIG, workers: int = 1) -> Path:
    """Run the first step on what `write` wrote."""
    cache = folder.parent / f"{folder.name}-contents"
    corrupted.run(config=config, root=root_of(folder), out=folder / out, cache=cache, workers=workers)
    return folder / out
