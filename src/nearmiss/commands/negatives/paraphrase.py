"""Command `negatives paraphrase`: hard positives of captions, other words for the same statement."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from nearmiss.base.progress import job
from nearmiss.commands.app import Seed
from nearmiss.commands.app import negatives as group
from nearmiss.commands.inputs import check_inputs
from nearmiss.stages.negatives.spec import EvaluationParaphrase, TrainingParaphrase


@group.command
def paraphrase(
    *,
    captions: Path,
    out: Path,
    operators: Annotated[list[TrainingParaphrase | EvaluationParaphrase] | None, Parameter(negative="")] = None,
    seed: Seed = 0,
) -> None:
    """Write paraphrases of captions, one for each caption and operator that fits.

    nearmiss negatives paraphrase --captions captions.json --operators inverse --out paraphrases.parquet

    A model that never trained on `inverse` shows with it whether it learned what captions mean, or only that an edited
    caption is a wrong one. Of the methods, scene_graph writes it for training (`inverse_positives`).

    Parameters
    ----------
    captions
        Captions in COCO's format (JSON), or a table of captions (Parquet).
    out
        Output: the table of paraphrases, a Parquet file.
    operators
        synonym, conjunction or inverse; inverse if not given. Repeat it for several.
    seed
        Seed of the draw where an operator has several paraphrases.
    """
    check_inputs(captions=captions)
    with job("negatives paraphrase"):
        from nearmiss.stages.negatives.paraphrases import run

        for operator, number in run(captions=captions, operators=operators or ["inverse"], seed=seed, out=out).items():
            print(f"{operator}: {number} paraphrases written to {out}")
