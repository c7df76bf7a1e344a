"""Truth of the texts of a batch for its images, from the full scenes of the synthetic world.

An upper bound of masking false negatives, for experiments with mask `truth` (our choice). Real data have no
such truth.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nearmiss.engine.training.batches import Batch
from nearmiss.engine.training.token_book import TokenBook
from nearmiss.engine.world.scene import read_scenes
from nearmiss.engine.world.statements import Statement, parse
from nearmiss.engine.world.truth import truth_value


class SceneTruth:
    """Truth values of texts for images of a store. A text that does not parse is false for all images."""

    def __init__(self, folder: Path, image_ids: Sequence[str], book: TokenBook) -> None:
        """`folder` contains scenes_*.json; `image_ids` are the ids of the store by row; the book has strings."""
        scenes = read_scenes(folder, image_ids)
        self._scenes = [scenes[image_id] for image_id in image_ids]
        self._book = book
        self._statement = lru_cache(maxsize=None)(self._parsed)
        self._known: dict[tuple[int, int], bool] = {}

    def of(self, batch: Batch) -> Tensor:
        """(N, U) bool: the text is true of the image; texts that are not decidable from pixels count as true."""
        found = [[self._true(image, text) for text in batch.book_rows.tolist()] for image in batch.rows.tolist()]
        return torch.from_numpy(np.array(found, dtype=bool))

    def _true(self, image: int, text: int) -> bool:
        key = image, text
        if key not in self._known:
            statement = self._statement(text)
            self._known[key] = statement is not None and truth_value(statement, self._scenes[image]) is not False
        return self._known[key]

    def _parsed(self, text: int) -> Statement | None:
        return parse(self._book.string(text))
