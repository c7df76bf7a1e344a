"""The embeddings of what benchmarks ask about, by name. No model is needed to read them (encoding.py makes them)."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Encoded:
    """Embeddings of looks (L, D) and texts (T, D), and the row of each by its name.

    A look is an image's path, with its crop behind a #. Images that are not there, or do not decode, have no row.
    """

    images: np.ndarray
    texts: np.ndarray
    look_rows: dict[str, int]
    text_rows: dict[str, int]

    def blind(self) -> "Encoded":
        """The same with every image alike, their mean: only the captions are left to decide by."""
        mean = self.images.mean(axis=0, keepdims=True) if len(self.images) else self.images
        return Encoded(mean, self.texts, dict.fromkeys(self.look_rows, 0), self.text_rows)
