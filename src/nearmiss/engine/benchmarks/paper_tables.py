"""Tables of the papers of config/papers (data/paper_tables.yaml): what each column is among the metrics here."""

from functools import cache
from importlib.resources import files

import yaml
from pydantic import Field, model_validator

from nearmiss.base.typed import Typed


class PaperColumn(Typed):
    """A column of a paper's table: one metric of a benchmark, over one subset or as the mean of several."""

    benchmark: str
    subsets: list[str] = Field(min_length=1)
    """Subsets, or patterns of subsets."""
    metric: str = "score"
    concept: str | None = None


class PaperRow(Typed):
    """A model of a paper and the arms that stand for it."""

    model: str
    """`none` where arms have no counterpart in the paper."""
    arms: list[str]
    values: list[float | None]
    """In percent, in the order of the columns; empty where the paper's values are not known."""


class PaperTable(Typed):
    """One table of a paper."""

    title: str
    source: str
    verified: bool = True
    """Whether the values were read in the paper itself or in its authors' files."""
    columns: dict[str, PaperColumn]
    rows: list[PaperRow]

    @model_validator(mode="after")
    def _complete(self) -> "PaperTable":
        for row in self.rows:
            if row.values and len(row.values) != len(self.columns):
                raise ValueError(
                    f"{self.title}: {row.model} has {len(row.values)} values for {len(self.columns)} columns"
                )
        return self


class Paper(Typed):
    """What a paper reports, and known reasons why an experiment here may differ."""

    title: str
    differences: list[str]
    tables: list[PaperTable]


@cache
def papers() -> dict[str, Paper]:
    """The papers by name."""
    text = files(__package__).joinpath("data/paper_tables.yaml").read_text(encoding="utf-8")
    return {name: Paper.model_validate(values) for name, values in yaml.safe_load(text).items()}
