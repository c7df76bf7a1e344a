"""Commands `negatives truth` and `negatives truth-table`: false negatives by the truth of the synthetic world."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from nearmiss.base.errors import InputError
from nearmiss.base.progress import job
from nearmiss.commands.app import Config, Overrides
from nearmiss.commands.app import negatives as group
from nearmiss.commands.inputs import check_inputs
from nearmiss.engine.world.spec import WorldConfig
from nearmiss.fields import build, source
from nearmiss.stages.data.config import DataConfig
from nearmiss.stages.negatives.config import NegativesConfig


@group.command
def truth(*, negatives: Path, truth: Path, out: Path) -> None:
    """Count the false negatives of a method by the truth of the synthetic world.

    nearmiss negatives truth --negatives negatives/keyword --truth data/truth --out truth.json

    Parameters
    ----------
    negatives
        Folder of `nearmiss negatives make`.
    truth
        Folder of the synthetic world's truth.
    out
        Output: the report, a JSON file.
    """
    check_inputs(negatives=negatives, truth=truth)
    with job(f"negatives truth {negatives.name}"):
        from nearmiss.stages.negatives.truth_report import report

        report(negatives=negatives, truth=truth, out=out)


@group.command(name="truth-table")
def truth_table(
    *,
    out: Path,
    scenes: int = 200,
    completeness: Annotated[list[float] | None, Parameter(negative="")] = None,
    config: Config = None,
    set_: Overrides = None,
) -> None:
    """Count every method's false negatives and yield as annotations are dropped.

    nearmiss negatives truth-table --scenes 200 --out table.json

    Parameters
    ----------
    out
        Output: the counts, a JSON file.
    scenes
        Training scenes of the synthetic world. No image is drawn.
    completeness
        Shares of the annotations that are kept; 1.0, 0.75 and 0.5 if not given. Repeat it for several.
    """
    given = source("negatives", config=config, overrides=set_, reads=("data.source", "negatives.methods"))
    data = given.experiment.data if given.experiment else build(DataConfig, given.config.get("data", {}), {})
    with job("negatives truth-table"):
        from nearmiss.stages.negatives.truth_table import format_rows, measure

        rows = measure(
            world=_world(data, given.file),
            methods=build(NegativesConfig, given.values, {}, file=given.file).methods,
            scenes=scenes,
            completeness=tuple(completeness or (1.0, 0.75, 0.5)),
            out=out,
        )
        print(format_rows(rows))


def _world(data: DataConfig, file: Path | None) -> WorldConfig:
    """The experiment's synthetic world. Raises `InputError` for another data source."""
    if not isinstance(data.source, WorldConfig):
        raise InputError(
            f"the data source is '{data.source.name}', of which the truth is not known",
            file=file,
            record="data.source.name",
            remedy="give an experiment on the synthetic world",
        )
    return data.source
