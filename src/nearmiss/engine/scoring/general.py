"""Figures of general ability: Recall@k in a gallery, and zero-shot accuracy, over the images that are there."""

import numpy as np
import polars as pl

from nearmiss.engine.benchmarks.general import Gallery, Labelled
from nearmiss.engine.benchmarks.measurement import Measurement
from nearmiss.engine.benchmarks.retrieval import Retrieval
from nearmiss.engine.scoring import ranking
from nearmiss.engine.scoring.encoded import Encoded
from nearmiss.engine.scoring.figures import LEVEL, RESAMPLES, Figure
from nearmiss.engine.scoring.statistics import interval

RECALL_AT = (1, 5, 10)
TOP = (1, 5)
_CHUNK = 4096


def retrieval(gallery: Gallery, encoded: Encoded) -> list[Figure]:
    """Recall@1, 5, 10 in both directions. An image that is not there is not searched, its captions are not asked."""
    seen = np.array([image in encoded.look_rows for image in gallery.images])
    asked = gallery.own[seen].any(axis=0)
    images = [image for image, there in zip(gallery.images, seen, strict=True) if there]
    captions = [caption for caption, there in zip(gallery.captions, asked, strict=True) if there]
    if not images:
        return []
    nothing = Measurement(gallery.name, "test", "", {}, "", {}, "", "", "")
    searched = Retrieval(
        images,
        [str(place) for place in range(len(captions))],
        captions,
        gallery.right[np.ix_(seen, asked)] | gallery.own[np.ix_(seen, asked)],
        gallery.own[np.ix_(seen, asked)],
        nothing,
    )
    looks = encoded.images[[encoded.look_rows[image] for image in images]]
    texts = encoded.texts[[encoded.text_rows[caption] for caption in captions]]
    outcomes = ranking.outcomes(searched, looks @ texts.T, RECALL_AT)
    if gallery.right is gallery.own:
        outcomes = outcomes.filter(~pl.col("metric").str.starts_with("exact"))
    expected = {"text_to_image": len(gallery.captions), "image_to_text": len(gallery.images)}
    return [
        _figure(gallery.name, str(part), str(metric), rows, expected[str(part)])
        for (part, metric), rows in outcomes.group_by("subset", "metric", maintain_order=True)
    ]


def classification(labelled: Labelled, encoded: Encoded) -> list[Figure]:
    """Top-1, top-5 and the mean over classes of top-1. Equal similarities count against the right class."""
    there = [place for place, image in enumerate(labelled.images) if image in encoded.look_rows]
    if not there:
        return []
    # Classes whose prompts are the same to the model share a column: products of equal rows may differ in a last bit.
    prompts = [tuple(encoded.text_rows[text] for text in each) for each in labelled.prompts]
    column = {rows: place for place, rows in enumerate(dict.fromkeys(prompts))}
    columns = [column[rows] for rows in prompts]
    classes = np.stack([_mean(encoded.texts[list(rows)]) for rows in column])
    label = np.asarray(labelled.labels)[there]
    rank = np.empty(len(there), dtype=np.int64)
    rows = np.array([encoded.look_rows[labelled.images[place]] for place in there])
    for start in range(0, len(rows), _CHUNK):
        part = slice(start, start + _CHUNK)
        scores = (encoded.images[rows[part]] @ classes.T)[:, columns]
        right = scores[np.arange(len(scores)), label[part]][:, None]
        rank[part] = (scores >= right).sum(axis=1) - 1
    counts = np.bincount(label, minlength=len(labelled.classes))
    found = []
    for metric, right, weight in [
        *((f"top{k}", rank < k, np.ones(len(rank))) for k in TOP if k < len(labelled.classes)),
        ("top1_by_class", rank < 1, 1 / counts[label]),
    ]:
        chance = int(metric[3]) / len(labelled.classes)
        frame = pl.DataFrame(
            {"value": right * weight, "weight": weight, "cluster": np.arange(len(rank)), "chance": chance}
        )
        found.append(_figure(labelled.name, "all", metric, frame, len(labelled.images)))
    return found


def _mean(features: np.ndarray) -> np.ndarray:
    """The mean of normalised embeddings (n, D), normalised."""
    mean = features.mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean))


def _figure(name: str, part: str, metric: str, rows: pl.DataFrame, expected: int) -> Figure:
    value, weight = rows["value"].to_numpy(), rows["weight"].to_numpy()
    low, high = interval(
        value, weight, rows["cluster"].to_numpy(), resamples=RESAMPLES, level=LEVEL, names=(name, part, metric)
    )
    share = float(value.sum() / weight.sum())
    return Figure(name, part, metric, "general", share, low, high, float(rows["chance"].mean()), rows.height, expected)  # type: ignore[arg-type]
