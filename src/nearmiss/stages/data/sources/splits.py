"""Splits of images: shares of them in an order that is drawn from a seed, or those that a file gives."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import polars as pl

from nearmiss.base.seeding import derive
from nearmiss.engine.formats.photographs import Aside
from nearmiss.stages.data.sources.photographs import Split

NAMES = {"restval": "train", "validation": "val", "valid": "val", "dev": "val", "training": "train", "testing": "test"}
"""Names of splits in published files, and the names here. Karpathy's restval counts as train."""


class Splits:
    """The images that are used and their splits.

    Args:
        seed: of the order in which images are drawn.
        limit: most images that are used; None for all.
        shares: share of the images in each split, where no file gives the splits.
        given: split by image id or by file name, or None. Images that it lacks are set aside.
        reason: why an image that `given` lacks is set aside.
    """

    def __init__(
        self,
        seed: int,
        limit: int | None,
        *,
        shares: Mapping[Split, float] | None = None,
        given: Mapping[str, str] | None = None,
        reason: str = "the image is in no split",
    ) -> None:
        self._seed, self._limit, self._shares, self._given, self._reason = seed, limit, shares or {}, given, reason
        self.aside: list[Aside] = []

    def choose(self, listed: pl.DataFrame) -> list[str]:
        """The ids of the images that have a split, at most `limit` of them."""
        if self._given is not None:
            rows = listed.select("image_id", "file").iter_rows()
            known = pl.Series([self._of(*row) is not None for row in rows], dtype=pl.Boolean)
            lacking = sorted(listed.filter(~known)["image_id"])
            self.aside = [Aside(image_id, None, self._reason) for image_id in lacking]
            listed = listed.filter(known)
        return self._drawn(listed["image_id"])[: self._limit]

    def assigned(self, images: pl.DataFrame) -> pl.DataFrame:
        """Table `images` with the column `split`."""
        if self._given is not None:
            splits = {row[0]: self._of(*row) for row in images.select("image_id", "file").iter_rows()}
        else:
            drawn = self._drawn(images["image_id"])
            splits = dict(zip(drawn, _of_shares(self._shares, images.height), strict=True))
        return images.with_columns(
            split=pl.Series([splits[image_id] for image_id in images["image_id"]], dtype=pl.String)
        )

    def _drawn(self, image_ids: Iterable[str]) -> list[str]:
        return sorted(image_ids, key=lambda image_id: (derive(self._seed, "data", image_id), image_id))

    def _of(self, image_id: str, file: str) -> str | None:
        given = self._given or {}
        return given.get(image_id) or given.get(Path(file).name)


def _of_shares(shares: Mapping[Split, float], number: int) -> list[str]:
    """The split of each of `number` images, in drawn order: consecutive runs, rounded to whole images."""
    splits: list[str] = []
    total = 0.0
    for split, share in shares.items():
        total += share
        splits += [split] * (round(total * number) - len(splits))
    return splits
