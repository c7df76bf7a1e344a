"""Everything that the page and its figures are made from."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from nearmiss.engine.scoring.exam import Exam
from nearmiss.stages.compare.overview import Gain, Overview
from nearmiss.stages.compare.runs import Runs


@dataclass(frozen=True)
class Report:
    """One comparison: the runs, what follows from them, and where their inputs lie."""

    experiment: str
    runs: Runs
    exam: Exam
    controls: list[str]
    """Controls that were evaluated."""
    level: float
    overview: Overview
    differences: pl.DataFrame
    gains: list[Gain]
    costs: pl.DataFrame
    negatives: list[Path]
    """Folders of the methods."""
    data: Path
