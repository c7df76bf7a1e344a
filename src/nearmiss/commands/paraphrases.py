"""Command `paraphrases`: hard positives of captions, other words for the same statement."""

from pathlib import Path

from nearmiss.base.progress import job
from nearmiss.commands.app import Seed, app
from nearmiss.stages.negatives.spec import EvaluationParaphrase, TrainingParaphrase


@app.command
def paraphrases(
    *,
    captions: Path,
    out: Path,
    operators: list[TrainingParaphrase | EvaluationParaphrase] | None = None,
    seed: Seed = 0,
) -> None:
    """Write paraphrases of captions, one for each caption and operator that fits.

    Training knows synonym and conjunction alone (`negatives.paraphrases`), so that `inverse` can ask whether a model
    has learned what captions mean, or only that an edited caption is a wrong one.

    Parameters
    ----------
    captions
        A captions file in COCO's format (JSON), or a table of captions (Parquet).
    out
        The table of paraphrases, a Parquet file.
    operators
        synonym, conjunction, inverse; inverse if not given.
    seed
        Seed of the draw where an operator has several.
    """
    with job("paraphrases"):
        from nearmiss.stages.negatives.paraphrases import run

        for operator, number in run(captions=captions, operators=operators or ["inverse"], seed=seed, out=out).items():
            print(f"{operator}: {number} paraphrases written to {out}")
