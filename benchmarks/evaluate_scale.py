"""From cached embeddings to figures: a million questions over 10,000 images and 200,000 texts, on one core.

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
from nearmiss.engine.benchmarks.published import Rule, Source
from nearmiss.engine.scoring.encoded import Encoded
from nearmiss.engine.scoring.figures import figures

from nearmiss.engine.scoring import published

IMAGES, TEXTS, WIDTH, PARTS = 10_000, 200_000, 512, 7
RULE = Rule()
SOURCE = Source("scale", "", "", "", (), (), RULE, RULE)


def main() -> None:
    """Make the questions in a process of their own, then time and print what reading and scoring them takes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1_000_000)
    count = parser.parse_args().items
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        making = get_context("spawn").Process(target=make, args=(count, Path(folder)))
        making.start()
        making.join()
        items, groups = (pl.read_parquet(Path(folder) / f"{name}.parquet") for name in ("items", "groups"))
        images, texts = (np.load(Path(folder) / f"{name}.npy") for name in ("images", "texts"))
    encoded = Encoded(images, texts, rows("image", IMAGES), rows("text", TEXTS))
    before = peak()
    started = time.perf_counter()
    answered = published.answers(items, encoded, RULE)
    found = figures(groups, answered, items, RULE, SOURCE)
    took = time.perf_counter() - started
    assert sum(figure.n_scored for figure in found if figure.part != "mean") == count
    print(f"{count:,} questions, {IMAGES:,} images, {TEXTS:,} texts, width {WIDTH}, one core")
    print(f"{took:.1f} s to similarities, decisions and figures with intervals (bar 10 s)")
    print(f"{peak():.0f} MB at its peak, of which {before:.0f} MB with embeddings and questions read (bar 1,000 MB)")


def make(count: int, folder: Path) -> None:
    """Write table items with 1x2 questions, their groups, and random embeddings."""
    items, groups = questions(count)
    items.write_parquet(folder / "items.parquet")
    groups.write_parquet(folder / "groups.parquet")
    rng = np.random.default_rng(1)
    np.save(folder / "images.npy", unit(rng, IMAGES))
    np.save(folder / "texts.npy", unit(rng, TEXTS))


def questions(count: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Table items with 1x2 questions, and their groups."""
    rng = np.random.default_rng(0)
    number = np.arange(count)
    image = pl.format("image{}", pl.Series("i", rng.integers(0, IMAGES, count)))
    one, other = (pl.format("text{}", pl.Series("t", rng.integers(0, TEXTS, count))) for _ in range(2))
    names = pl.select(item_id=pl.format("{}", pl.Series("n", number)), image=image, one=one, other=other)
    items = names.select(
        "item_id",
        pl.concat_list("image").alias("images"),
        pl.concat_list("one", "other").alias("captions"),
        truth=pl.lit(pl.Series([[[True, False]]])).first(),
        crop=pl.lit(None, pl.List(pl.Float64)),
    )
    parts = pl.Series([f"part{each}" for each in range(PARTS)]).gather(number % PARTS)
    groups = pl.DataFrame({"item_id": items["item_id"], "part": parts, "stratum": parts, "place": number})
    return items, groups.with_row_index("item")


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
