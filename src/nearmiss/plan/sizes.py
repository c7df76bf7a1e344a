"""Images and captions of an experiment's data: counted where stage data has run, else those of the published files."""

from pathlib import Path
from typing import Any

from nearmiss.base.files import read_json
from nearmiss.config import Experiment
from nearmiss.plan.data_files import Count, data_sizes

CAPTIONS = 5
"""Captions of an image where only the number of images is known."""


def splits_of(experiment: Experiment) -> dict[str, Count] | None:
    """Split -> images and captions; None where neither results nor the names of the files tell."""
    summary = Path("results") / experiment.experiment / "data" / "summary.json"
    if summary.is_file():
        counted = read_json(summary).get("images") or {}
        return {split: Count(images=number, captions=CAPTIONS * number) for split, number in counted.items()}
    source = experiment.data.source
    declared = source.declare("")
    own: Any = getattr(source, "images", None)
    if not declared.photographs and hasattr(own, "train"):
        return {split: Count(images=number, captions=CAPTIONS * number) for split, number in own if number}
    names = [Path(name).name for name in declared.inputs]
    known = data_sizes()
    lists = [name for name in names if name in known.splits_of] or names
    found: dict[str, Count] = {}
    for name in lists:
        for split, count in known.files.get(name, {}).items():
            before = found.get(split, Count(images=0, captions=0))
            found[split] = Count(images=before.images + count.images, captions=before.captions + count.captions)
    if not found:
        return None
    shares = getattr(source, "splits", {})
    if len(found) == 1 and isinstance(shares, dict) and set(shares) == set(declared.splits):
        whole = next(iter(found.values()))
        found = {split: _share(whole, share) for split, share in shares.items()}
    limit = getattr(source, "limit", None)
    every = sum(count.images for count in found.values())
    share = 1.0 if limit is None else min(1.0, limit / every)
    return {split: _share(count, share) for split, count in found.items()}


def _share(count: Count, share: float) -> Count:
    return Count(images=round(count.images * share), captions=round(count.captions * share))
