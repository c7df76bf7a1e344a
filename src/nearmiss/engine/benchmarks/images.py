"""The images that benchmarks show, so that no model is trained on them."""

from collections.abc import Sequence
from functools import partial

import polars as pl

from nearmiss.base.progress import progress
from nearmiss.base.tables import table
from nearmiss.engine.benchmarks.benchmark import Benchmark, views_of
from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.engine.images.decode import open_image
from nearmiss.engine.images.identity import hash_of, perceptual_hash, photograph_key


def images_of(benchmarks: Sequence[Benchmark], root: DataRoot) -> pl.DataFrame:
    """Table `benchmark_images`. An image that does not exist, or does not decode, has no hash."""
    paths = [(each, path) for each in benchmarks for path in sorted({path for path, _ in views_of(each)})]
    known: dict[str, int | None] = {}
    rows = []
    for benchmark, path in progress(paths, what="hash images", total=len(paths)):
        if path not in known:
            embedded = benchmark.embedded.get(path)
            file = partial(open_image, root.path(path))
            known[path] = hash_of(file) if embedded is None else perceptual_hash(embedded.open())
        key = photograph_key(path.partition("/")[0], path)
        rows.append({"benchmark": benchmark.name, "image": path, "key": key, "hash": known[path]})
    return table("benchmark_images", rows).sort("benchmark", "image")
