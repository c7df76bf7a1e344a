"""Command `audit`: how well text alone tells true captions from negatives, and a set in which it does not."""

from pathlib import Path

from nearmiss.base.progress import job
from nearmiss.commands.app import Seed, app
from nearmiss.engine.formats.names import Read


@app.command
def audit(
    *,
    pairs: Path,
    out: Path,
    format: Read | None = None,
    corpus: Path | None = None,
    balance: bool = False,
    seed: Seed = 0,
) -> None:
    """Measure how well text alone gives away which caption of a pair is true; chance is 50 %.

    Parameters
    ----------
    pairs
        Positives and negatives: Parquet with image_id, type, positive and negative, or a published file or folder.
    out
        Folder that is made: report.json, report.parquet, and balanced.parquet with --balance.
    format
        Whose format the pairs are in; by the file's ending if not given.
    corpus
        Captions that models of usual text are counted on: a table of captions, COCO's JSON, or a text a line. The
        positives of other folds if not given.
    balance
        Drop pairs until text alone does not help, and judge what is left by a probe that had no part in it.
    seed
        Seed of the folds and of what is dropped.
    """
    with job("audit"):
        from nearmiss.engine.audit.report import run
        from nearmiss.engine.audit.terminal import text

        print(text(run(pairs=pairs, form=format, corpus=corpus, balance=balance, seed=seed, out=out)))
