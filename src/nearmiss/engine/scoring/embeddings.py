"""The embeddings of the images and texts of benchmarks, by name."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np


def view_name(path: str, crop: Sequence[float] | None) -> str:
    """The name of an image with its crop: the path, a # and the crop."""
    return path if crop is None else f"{path}#{','.join(map(str, crop))}"


@dataclass(frozen=True)
class Embeddings:
    """L2-normalized float32 embeddings of views (V, D) and texts (T, D), and the row of each by its name.

    A view is an image with its crop (`view_name`). Images that do not exist, or do not decode, have no row. Texts with
    the same tokens share a row, so that they tie exactly.
    """

    images: np.ndarray
    texts: np.ndarray
    view_rows: dict[str, int]
    text_rows: dict[str, int]
    truncated: frozenset[str] = frozenset()
    """Texts that are longer than the model's context length and are truncated."""
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Width and height in pixels of each readable image by its path."""

    def text_prior(self) -> "Embeddings":
        """The same with every image replaced by the mean of all, so that only captions differ."""
        mean = self.images.mean(axis=0, keepdims=True) if len(self.images) else self.images
        return replace(self, images=mean, view_rows=dict.fromkeys(self.view_rows, 0))

    def matrix(self, images: Sequence[str], texts: Sequence[str]) -> np.ndarray:
        """Cosine similarities (images, texts) float32 of uncropped images that have a row."""
        views = self.images[[self.view_rows[image] for image in images]]
        return np.asarray(views @ self.texts[[self.text_rows[text] for text in texts]].T)
