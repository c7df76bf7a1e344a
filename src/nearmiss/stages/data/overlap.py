"""Training images that benchmarks show: found by number and by content, and moved out of the training split."""

from collections.abc import Mapping

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.tables import table
from nearmiss.engine.images.identity import photograph_keys, similar

EXCLUDED = "excluded"
"""The split of images that are in no other one."""
BY_NUMBER, BY_CONTENT = "number", "content"


class Exclusion:
    """Moves training images that benchmarks show into split `EXCLUDED`; `overlap` lists them afterwards."""

    def __init__(self, shown: pl.DataFrame) -> None:
        """`shown` is table `benchmark_images`."""
        self._shown = shown
        self.overlap: pl.DataFrame = table("overlap", [])

    def applied(
        self, images: pl.DataFrame, hashes: Mapping[str, int], other_numbers: Mapping[str, str] | None = None
    ) -> pl.DataFrame:
        """Table `images` with its new splits. `hashes` are perceptual hashes by file; a file may lack one.

        `other_numbers` has the COLLECTION:NUMBER of images in a further collection, by image.
        Raises InputError where every training image is excluded.
        """
        training = images.filter(pl.col("split") == "train").select("image_id", "file", "source")
        by_number = _numbers(training, other_numbers or {}).join(self._shown, on="key", how="inner")
        by_content = _alike(training, self._shown.filter(pl.col("hash").is_not_null()), hashes)
        found = pl.concat(
            [
                by_number.select("image_id", "benchmark", "image", found_by=pl.lit(BY_NUMBER)),
                by_content.select("image_id", "benchmark", "image", found_by=pl.lit(BY_CONTENT)),
            ]
        ).unique(["image_id", "benchmark", "image"], keep="first", maintain_order=True)
        self.overlap = table("overlap", found.sort("image_id", "benchmark", "image").to_dicts())
        shown = self.overlap["image_id"].unique()
        if len(shown) == training.height:
            raise InputError(
                "every training image is an image of a benchmark",
                record="data.held_out",
                remedy="give more training images, or set the key to the benchmarks that matter",
            )
        excluded = pl.col("image_id").is_in(shown.to_list()) & (pl.col("split") == "train")
        return images.with_columns(split=pl.when(excluded).then(pl.lit(EXCLUDED)).otherwise("split"))


def counts(overlap: pl.DataFrame) -> dict[str, dict[str, int]]:
    """benchmark -> how it was found -> number of training images."""
    rows = overlap.group_by("benchmark", "found_by").agg(pl.col("image_id").n_unique()).sort("benchmark", "found_by")
    found: dict[str, dict[str, int]] = {}
    for benchmark, by, number in rows.iter_rows():
        found.setdefault(benchmark, {})[by] = number
    return found


def _numbers(training: pl.DataFrame, other_numbers: Mapping[str, str]) -> pl.DataFrame:
    """image_id and key of each number that a training image has."""
    rows = [
        (image_id, key)
        for image_id, file, source in training.iter_rows()
        for key in photograph_keys(source, file, other_numbers.get(image_id))
    ]
    return pl.DataFrame(rows, schema={"image_id": pl.String, "key": pl.String}, orient="row")


def _alike(training: pl.DataFrame, shown: pl.DataFrame, hashes: Mapping[str, int]) -> pl.DataFrame:
    """image_id, benchmark and image of each training image that looks like an image of a benchmark."""
    own = pl.Series([hashes.get(file) for file in training["file"]], dtype=pl.UInt64)
    training = training.with_columns(own=own).filter(pl.col("own").is_not_null())
    unique = shown["hash"].unique().sort()
    pairs = similar(training["own"].to_numpy(), unique.to_numpy())
    alike = pl.DataFrame(
        {"image_id": training["image_id"].gather(pairs[:, 0]), "hash": unique.gather(pairs[:, 1])},
        schema={"image_id": pl.String, "hash": pl.UInt64},
    )
    return alike.join(shown, on="hash", how="inner")
