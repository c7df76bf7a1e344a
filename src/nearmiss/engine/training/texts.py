"""Every text of a training as tokens, each different text once."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl

from nearmiss.engine.models.tokenization import Tokenization


@dataclass(frozen=True)
class TextBook:
    """Different texts as rows of token ids, padding after the end token, and the row of each text.

    Texts that are the same tokens, such as two that differ in capitals, share a row: the model cannot tell them apart.
    """

    ids: np.ndarray  # (M, context) int32
    lengths: np.ndarray  # (M,) int64
    number: dict[str, int]
    truncated: int  # texts that did not fit the context
    unknown: int  # texts with a word that is not in the vocabulary

    def numbers(self, texts: pl.Series) -> np.ndarray:
        """Rows of a column of texts (T,) int64."""
        return np.array([self.number[text] for text in texts], dtype=np.int64)


def text_book(texts: Iterable[str], tokenization: Tokenization) -> TextBook:
    """Tokenize all different texts; rows are sorted by their tokens, so that their order depends on nothing else."""
    different = sorted(set(texts))
    read = tokenization(different)
    rows, first, row_of = np.unique(read.ids, axis=0, return_index=True, return_inverse=True)
    number = dict(zip(different, row_of.reshape(-1).tolist(), strict=True))
    return TextBook(rows, read.lengths[first], number, read.truncated, read.unknown)
