"""The data of the page and its figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.stages.compare.groups import Grouped
from nearmiss.stages.compare.overview import Gain, Overview
from nearmiss.stages.compare.runs import Runs


@dataclass(frozen=True)
class Report:
    """One comparison: the runs, derived tables, and the folders of their inputs."""

    experiment: str
    runs: Runs
    root: DataRoot
    """The data root of the benchmarks, for sample items."""
    controls: list[str]
    """Controls that were evaluated."""
    level: float
    overview: Overview
    finetuned: Overview
    """Metrics of the fine-tuned initializations; without columns if nothing was fine-tuned."""
    groups: list[Grouped]
    """Metrics of the groups that benchmarks count apart."""
    differences: pl.DataFrame
    gains: list[Gain]
    """Paired differences in the columns of `overview`, then of `finetuned`."""
    correlations: pl.DataFrame
    """Rank correlations of the arms on two benchmarks."""
    costs: pl.DataFrame
    negatives: list[Path]
    """Folders of the methods."""
    summary: Mapping[str, Any]
    """The summary of stage data; empty without one."""
    inpaint: Path | None
    """Folder of stage inpaint."""
    inpainted: dict[str, Any]
    """The summary of stage inpaint; empty without one."""
    interpolated: pl.DataFrame
    """Table `interpolation` of all arms; empty without one."""
    paper: str | None = None
    """The paper whose published results are shown."""
