"""From embeddings to similarities: what a model answers, in the shape of the questions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

Crop = tuple[float, float, float, float]
NESTED = pl.List(pl.List(pl.Float32))

_CHUNK = 1 << 18


def as_crop(crop: Sequence[float] | None) -> Crop | None:
    """A crop of table `items` (x, y, w, h in pixels) as a key."""
    if crop is None:
        return None
    x, y, w, h = crop
    return (x, y, w, h)


@dataclass(frozen=True)
class Answers:
    """Embeddings of each unique image (I, D) and text (T, D), L2-normalised fp32, and where each of them stands."""

    images: np.ndarray
    texts: np.ndarray
    image_place: Mapping[tuple[str, Crop | None], int]
    text_place: Mapping[str, int]

    def of_items(self, items: pl.DataFrame) -> pl.DataFrame:
        """item_id and cosine similarities (images x captions) of each item of table `items`."""
        rows: list[int] = []
        columns: list[int] = []
        for ids, texts, crop in items.select("images", "captions", "crop").iter_rows():
            image = [self.image_place[image_id, as_crop(crop)] for image_id in ids]
            text = [self.text_place[one] for one in texts]
            rows += [i for i in image for _ in text]
            columns += [j for _ in image for j in text]
        flat = np.empty(len(rows), dtype=np.float32)
        for start in range(0, len(rows), _CHUNK):
            part = slice(start, start + _CHUNK)
            flat[part] = np.einsum("nd,nd->n", self.images[rows[part]], self.texts[columns[part]])
        return nested(items, flat)

    def matrix(self, image_ids: Sequence[str], texts: Sequence[str]) -> np.ndarray:
        """Cosine similarity of each image with each text: (images, texts) float32."""
        image = self.images[[self.image_place[image_id, None] for image_id in image_ids]]
        return image @ self.texts[[self.text_place[text] for text in texts]].T

    def of_classes(self, frame: pl.DataFrame) -> list[list[float]]:
        """Similarity of each row's image with each of its classes; a class is the mean of its prompts, normalised."""
        nested: list[list[float]] = []
        for _, rows in frame.group_by("task", maintain_order=True):
            prompts = rows["prompts"][0].to_list()
            means = np.stack([self.texts[[self.text_place[text] for text in texts]].mean(axis=0) for texts in prompts])
            means /= np.linalg.norm(means, axis=1, keepdims=True)
            image = self.images[[self.image_place[image_id, None] for image_id in rows["image_id"]]]
            nested += (image @ means.T).tolist()
        return nested


def text_only(items: pl.DataFrame, scores: Mapping[str, float]) -> pl.DataFrame:
    """The same shape for a scorer that never looks: each image of an item gets its captions' own scores."""
    flat = [
        scores[text] for ids, texts in items.select("images", "captions").iter_rows() for _ in ids for text in texts
    ]
    return nested(items, np.asarray(flat, dtype=np.float32))


def nested(items: pl.DataFrame, flat: np.ndarray) -> pl.DataFrame:
    """item_id and similarity of each item, from all similarities one after the other (items, images, captions)."""
    images, captions = items["images"].list.len().to_numpy(), items["captions"].list.len().to_numpy()
    rows = np.repeat(np.arange(items.height), images)
    item = np.repeat(rows, captions[rows])
    image = np.repeat(np.arange(len(rows)), captions[rows])
    lines = pl.DataFrame({"item": item, "image": image, "similarity": pl.Series(flat, dtype=pl.Float32)})
    lines = lines.group_by("item", "image", maintain_order=True).agg("similarity")
    matrices = lines.group_by("item", maintain_order=True).agg("similarity")["similarity"]
    return items.select("item_id").with_columns(similarity=matrices)
