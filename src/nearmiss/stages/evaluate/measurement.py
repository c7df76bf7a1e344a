"""How the metrics of a benchmark were computed: coverage, missing files, and items with equal inputs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import polars as pl

from nearmiss.engine.benchmarks.benchmark import Benchmark, ClassificationBenchmark, ItemBenchmark, views_of
from nearmiss.engine.images.decode import pixel_box
from nearmiss.engine.scoring import classes, decisions
from nearmiss.engine.scoring.embeddings import Embeddings, view_name
from nearmiss.engine.scoring.images import BenchmarkImages, texts_of


def described(benchmark: Benchmark, images: BenchmarkImages, embeddings: Embeddings) -> dict[str, Any]:
    """The record of a benchmark in measurement.json."""
    coverage, card = benchmark.coverage, benchmark.card
    texts = texts_of(benchmark, images.digests)
    found: dict[str, Any] = {
        "paper": card.paper,
        "notes": card.notes,
        "files": coverage.hashes,
        "images": len({path for path, _ in views_of(benchmark)}),
        "n_read": coverage.n_read,
        "excluded": dict(coverage.excluded),
        "complete": is_complete(benchmark, embeddings),
        "files_missing": coverage.files_missing,
        "images_missing": missing_images(benchmark, embeddings),
        "records_malformed": [vars(record) for record in coverage.malformed],
        "left_out": dict(coverage.excluded + Counter(record.reason for record in coverage.malformed)),
        "caption_equals_negative": coverage.equal_captions,
        "equal_after_tokenization": [],
        "equal_classes": [],
        "texts_truncated": len(texts & embeddings.truncated),
        "boxes_outside": 0,
        "precision": "fp32 embeddings, L2-normalized; fp32 similarities",
    }
    if isinstance(benchmark, ItemBenchmark):
        found |= {
            "n_items": benchmark.items.height,
            "equal_after_tokenization": decisions.equal_items(benchmark.items, embeddings),
            "boxes_outside": _outside(benchmark.items, embeddings),
            "measurement": _plain(asdict(benchmark.measurement)),
        }
    if isinstance(benchmark, ClassificationBenchmark):
        found["equal_classes"] = classes.equal_classes(benchmark, embeddings)
    return found


def is_complete(benchmark: Benchmark, embeddings: Embeddings) -> bool:
    """Whether every file, record and image of a benchmark was read."""
    coverage = benchmark.coverage
    return not (coverage.files_missing or coverage.malformed or missing_images(benchmark, embeddings))


def missing_images(benchmark: Benchmark, embeddings: Embeddings) -> list[str]:
    """Paths of images that do not exist, or do not decode."""
    views = views_of(benchmark)
    return sorted({path for path, crop in views if view_name(path, crop) not in embeddings.view_rows})


def _outside(items: pl.DataFrame, embeddings: Embeddings) -> int:
    """Items whose box leaves their image, which is black there, as the benchmarks' own evaluators have it."""
    boxed = items.filter(pl.col("crop").is_not_null()).select("images", "crop")
    return sum(
        any(_leaves(crop, embeddings.sizes[image]) for image in images if image in embeddings.sizes)
        for images, crop in boxed.iter_rows()
    )


def _leaves(crop: Sequence[float], size: tuple[int, int]) -> bool:
    left, top, right, bottom = pixel_box(crop)
    return left < 0 or top < 0 or right > size[0] or bottom > size[1]


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """JSON values; of excluded strata only their number."""
    return values | {"excluded_strata": len(values["excluded_strata"]), "groups": list(values["groups"])}
