"""Everything that the page and its figures are made from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    transfer: Overview
    """Figures of the fine-tuned initialisations; without columns where nothing was fine-tuned."""
    differences: pl.DataFrame
    gains: list[Gain]
    """Paired differences in the columns of `overview`, then of `transfer`."""
    correlations: pl.DataFrame
    """Rank correlations of the arms on synthesised and on re-drawn pairs."""
    costs: pl.DataFrame
    negatives: list[Path]
    """Folders of the methods."""
    data: Path
    inpaint: Path | None
    """Folder of stage inpaint."""
    synthesised: dict[str, Any]
    """Its summary; empty where it made nothing."""
