"""Command `negatives match`: sets of several methods that are equal in size and composition."""

from pathlib import Path

from nearmiss.base.progress import job
from nearmiss.commands.app import Many, Seed
from nearmiss.commands.app import negatives as group


@group.command
def match(*, negatives: Many, out: Path, seed: Seed = 0) -> None:
    """Draw equal numbers of each concept from several methods' negatives.

    nearmiss negatives match --negatives keyword scene_graph --out matched

    The share of negatives whose new word is in the scene is equal, too, so that methods are compared like with like.

    Parameters
    ----------
    negatives
        Files or folders of `nearmiss negatives make`, two or more.
    out
        Output folder: a folder for each method, with negatives.parquet.
    seed
        Seed of the draw.
    """
    with job("negatives match"):
        from nearmiss.stages.negatives.matched import draw

        print(draw(negatives=negatives, out=out, seed=seed))
