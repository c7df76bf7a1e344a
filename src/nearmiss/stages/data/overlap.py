"""Training images that benchmarks show: found by number and by content, and moved out of the training split."""

from functools import partial
from pathlib import Path

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.progress import progress
from nearmiss.base.tables import table
from nearmiss.base.workers import map_in_order
from nearmiss.engine.images.decode import open_image
from nearmiss.engine.images.identity import hash_of, photograph_key, similar

EXCLUDED = "excluded"
"""The split of images that are in no other one."""
BY_NUMBER, BY_CONTENT = "number", "content"


def without_overlap(
    images: pl.DataFrame, shown: pl.DataFrame, root: Path, workers: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Table `images` with the training images that benchmarks show in split `EXCLUDED`, and table `overlap`.

    `shown` is table `benchmark_images`; `root` is the folder that the files of `images` are relative to. Every training
    image is decoded, by `workers` processes.
    """
    training = images.filter(pl.col("split") == "train").select("image_id", "file", "source")
    keys = [photograph_key(source, file) for _, file, source in training.iter_rows()]
    training = training.with_columns(key=pl.Series(keys, dtype=pl.String))
    by_number = training.filter(pl.col("key").is_not_null()).join(shown, on="key", how="inner")
    by_content = _alike(training, shown.filter(pl.col("hash").is_not_null()), root, workers)
    found = pl.concat(
        [
            by_number.select("image_id", "benchmark", "image", found_by=pl.lit(BY_NUMBER)),
            by_content.select("image_id", "benchmark", "image", found_by=pl.lit(BY_CONTENT)),
        ]
    ).unique(["image_id", "benchmark", "image"], keep="first", maintain_order=True)
    overlap = table("overlap", found.sort("image_id", "benchmark", "image").to_dicts())
    excluded = pl.col("image_id").is_in(overlap["image_id"].unique().to_list()) & (pl.col("split") == "train")
    if overlap["image_id"].n_unique() == training.height:
        raise InputError(
            "every training image is an image of a benchmark",
            record="data.held_out",
            remedy="give more training images, or set the key to the benchmarks that matter",
        )
    return images.with_columns(split=pl.when(excluded).then(pl.lit(EXCLUDED)).otherwise("split")), overlap


def counts(overlap: pl.DataFrame) -> dict[str, dict[str, int]]:
    """benchmark -> how it was found -> number of training images."""
    rows = overlap.group_by("benchmark", "found_by").agg(pl.col("image_id").n_unique()).sort("benchmark", "found_by")
    found: dict[str, dict[str, int]] = {}
    for benchmark, by, number in rows.iter_rows():
        found.setdefault(benchmark, {})[by] = number
    return found


def _alike(training: pl.DataFrame, shown: pl.DataFrame, root: Path, workers: int) -> pl.DataFrame:
    """image_id, benchmark and image of each training image that looks like an image of a benchmark."""
    files = training["file"].to_list()
    hashes = progress(map_in_order(_hash, root, files, workers), what="hash images", total=len(files))
    training = training.with_columns(own=pl.Series(list(hashes), dtype=pl.UInt64)).filter(pl.col("own").is_not_null())
    unique = shown["hash"].unique().sort()
    pairs = similar(training["own"].to_numpy(), unique.to_numpy())
    alike = pl.DataFrame(
        {"image_id": training["image_id"].gather(pairs[:, 0]), "hash": unique.gather(pairs[:, 1])},
        schema={"image_id": pl.String, "hash": pl.UInt64},
    )
    return alike.join(shown, on="hash", how="inner")


def _hash(root: Path, file: str) -> int | None:
    return hash_of(partial(open_image, root / file))
