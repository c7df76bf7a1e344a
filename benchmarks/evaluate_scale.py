"""From embeddings to metrics: a million items over 10,000 images and 200,000 texts, on one core.

Bars: under 10 seconds and under 1 GB. Embeddings are random, as wide as ViT-B-32's. Run:

    python benchmarks/evaluate_scale.py [--items 1000000]
"""

import argparse
import os
import resource
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", POLARS_MAX_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import numpy as np
import polars as pl

from nearmiss.engine.benchmarks.benchmark import Card, Coverage, ItemBenchmark, Measurement
from nearmiss.engine.scoring import decisions, metrics
from nearmiss.engine.scoring.embeddings import Embeddings

IMAGES, TEXTS, WIDTH, SUBSETS = 10_000, 200_000, 512, 7
CARD = Card(name="scale", paper="", license="", origin="", files=())
RUN = metrics.Run(model="random", arm="random", seed=0, stage="evaluate", split=None)


def main() -> None:
    """Make the items in another process, then time and print reading and scoring them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1_000_000)
    count = parser.parse_args().items
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        making = get_context("spawn").Process(target=make, args=(count, Path(folder)))
        making.start()
        making.join()
        items = pl.read_parquet(Path(folder) / "items.parquet")
        images, texts = (np.load(Path(folder) / f"{name}.npy") for name in ("images", "texts"))
    embeddings = Embeddings(images, texts, rows("image", IMAGES), rows("text", TEXTS))
    benchmark = ItemBenchmark(CARD, Measurement(), items, Coverage())
    before = peak()
    started = time.perf_counter()
    outcomes = decisions.outcomes(benchmark, decisions.similarities(items, embeddings))
    found = metrics.rows(outcomes, RUN, metrics.Bootstrap(resamples=1_000, level=0.95))
    seconds = time.perf_counter() - started
    scored = found.filter(pl.col("metric") == "score", pl.col("subset") != "mean")["n_scored"].sum()
    assert scored == count, scored
    print(f"{count:,} items, {IMAGES:,} images, {TEXTS:,} texts, width {WIDTH}, one core")
    print(f"{seconds:.1f} s for similarities, decisions and metrics with intervals (bar 10 s)")
    print(f"{peak():.0f} MB peak, of which {before:.0f} MB for embeddings and items (bar 1,000 MB)")


def make(count: int, folder: Path) -> None:
    """Write table `items` with 1x2 items, and random embeddings."""
    items_of(count).write_parquet(folder / "items.parquet")
    rng = np.random.default_rng(1)
    np.save(folder / "images.npy", unit(rng, IMAGES))
    np.save(folder / "texts.npy", unit(rng, TEXTS))


def items_of(count: int) -> pl.DataFrame:
    """Table `items` with 1x2 items, sorted by item_id."""
    rng = np.random.default_rng(0)
    number = np.arange(count)
    image = pl.format("image{}", pl.Series("i", rng.integers(0, IMAGES, count)))
    one, other = (pl.format("text{}", pl.Series("t", rng.integers(0, TEXTS, count))) for _ in range(2))
    subset = pl.Series([f"subset{each}" for each in range(SUBSETS)]).gather(number % SUBSETS)
    item_id = pl.Series([f"{each:08d}" for each in range(count)])
    names = pl.select(item_id=item_id, image=image, one=one, other=other, subset=subset)
    return names.select(
        "item_id",
        pl.lit("scale").alias("benchmark"),
        "subset",
        *(pl.lit(None, pl.String).alias(name) for name in ("concept", "operator", "template_id", "condition")),
        pl.concat_list("image").alias("images"),
        pl.concat_list("one", "other").alias("captions"),
        truth=pl.lit(pl.Series([[[True, False]]])).first(),
        crop=pl.lit(None, pl.List(pl.Float64)),
        stratum="subset",
    )


def unit(rng: np.random.Generator, count: int) -> np.ndarray:
    """Random embeddings (count, WIDTH) of length one."""
    found = rng.standard_normal((count, WIDTH), dtype=np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


def rows(kind: str, count: int) -> dict[str, int]:
    """The row of each name."""
    return {f"{kind}{number}": number for number in range(count)}


def peak() -> float:
    """Most memory that this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


if __name__ == "__main__":
    main()
