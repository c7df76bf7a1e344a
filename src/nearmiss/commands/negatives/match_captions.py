"""Command `negatives match-captions`: sets of several methods with equally many negatives of every caption."""

from pathlib import Path
from typing import Any

from nearmiss.base.errors import InputError
from nearmiss.base.progress import job
from nearmiss.commands.app import Fingerprint, Many, Seed
from nearmiss.commands.app import negatives as group
from nearmiss.commands.inputs import check_inputs
from nearmiss.fields import source
from nearmiss.stages.negatives.config import NegativesConfig


@group.command
def match_captions(
    *,
    negatives: Many,
    tables: Path,
    out: Path,
    caption_set: str | None = None,
    in_scene: bool | None = None,
    seed: Seed | None = None,
    fingerprint: Fingerprint = None,
) -> None:
    """Draw equally many negatives of every caption from several methods.

    nearmiss negatives match-captions --negatives keyword replace --tables data/tables --out matched

    Training on the drawn sets compares kinds of negatives at an equal number. Pairs of a method that writes captions of
    its own are dealt out to the captions of their image.

    Parameters
    ----------
    negatives
        Folders of `nearmiss negatives make`, two or more.
    tables
        Folder of tables as stage data writes them: captions.parquet and images.parquet.
    out
        Output folder: a folder for each method, from which `nearmiss pretrain` reads its negatives.
    caption_set
        Set of captions, where the table has several.
    in_scene
        Whether the share of negatives whose new word is in the scene is also equal; yes if not given.
    seed
        Seed of the draw.
    """
    given = source("negatives", fingerprint=fingerprint)
    over: dict[str, Any] = {"seed": seed, "captions": caption_set}
    section = given.section(NegativesConfig, {name: value for name, value in over.items() if value is not None})
    if in_scene is not None and fingerprint is not None:
        raise InputError("the fingerprint file fixes in_scene", file=fingerprint, remedy="leave the flag out")
    matches_scene = in_scene is not False if section.match is None else section.match.in_scene
    check_inputs(tables=tables)
    with job("negatives match-captions"):
        from nearmiss.stages.negatives.matched_captions import run

        print(
            run(
                negatives=negatives,
                tables=tables,
                out=out,
                caption_set=section.captions,
                in_scene=matches_scene,
                seed=section.seed,
                fingerprint=fingerprint,
            )
        )
