"""The embeddings of what benchmarks ask about, by name. No model is needed to read them (encoding.py makes them)."""

from dataclasses import dataclass, field, replace

import numpy as np


@dataclass(frozen=True)
class Encoded:
    """Embeddings of looks (L, D) and texts (T, D), and the row of each by its name.

    A look is an image's path, with its crop behind a #. Images that are not there, or do not decode, have no row. Texts
    that are the same tokens to the model share a row, so that they tie exactly.
    """

    images: np.ndarray
    texts: np.ndarray
    look_rows: dict[str, int]
    text_rows: dict[str, int]
    cut: frozenset[str] = frozenset()
    """Texts that are longer than the model's context, of which it reads the beginning alone."""
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Width and height in pixels of each image by its path, as far as they can be read."""

    def blind(self) -> "Encoded":
        """The same with every image alike, their mean: only the captions are left to decide by."""
        mean = self.images.mean(axis=0, keepdims=True) if len(self.images) else self.images
        return replace(self, images=mean, look_rows=dict.fromkeys(self.look_rows, 0))
