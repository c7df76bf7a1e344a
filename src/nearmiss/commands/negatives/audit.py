"""Command `negatives audit`: how well text without the image separates true captions from negatives."""

from pathlib import Path

from nearmiss.base.progress import job
from nearmiss.commands.app import Seed
from nearmiss.commands.app import negatives as group
from nearmiss.commands.inputs import check_inputs
from nearmiss.engine.formats.names import Read


@group.command
def audit(
    *,
    pairs: Path,
    out: Path,
    format: Read | None = None,
    corpus: Path | None = None,
    balance: bool = False,
    seed: Seed = 0,
) -> None:
    """Measure how well text-only classifiers tell true captions from negatives.

    nearmiss negatives audit --pairs keyword/negatives.parquet --out audit

    Chance is 50 %.

    Parameters
    ----------
    pairs
        Positives and negatives: Parquet with image_id, type, positive and negative, or a published file or folder.
    out
        Output folder: report.json, report.parquet, and balanced.parquet with --balance.
    format
        Format of the pairs; derived from the file's ending or its first record if not given.
    corpus
        Captions from which word counts of usual text are learned: a table or file of captions, or one text a line.
        The positives of other folds if not given.
    balance
        Drop pairs until text does not help, and evaluate the rest with a probe that was not used for dropping.
    seed
        Seed of the folds and of the pairs that are dropped.
    """
    check_inputs(pairs=pairs, corpus=corpus)
    with job("negatives audit"):
        from nearmiss.engine.audit.report import run
        from nearmiss.engine.audit.terminal import text

        print(text(run(pairs=pairs, form=format, corpus=corpus, balance=balance, seed=seed, out=out)))
