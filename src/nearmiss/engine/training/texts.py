"""Every text of a training as tokens, each different text once."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl
from tokenizers import Tokenizer

from nearmiss.engine.models.tokenizer import UNKNOWN


@dataclass(frozen=True)
class TextBook:
    """Different texts as rows of token ids, 0 after the end token, and the row of each text.

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


def text_book(texts: Iterable[str], tokenizer: Tokenizer, context: int) -> TextBook:
    """Tokenize all different texts; rows are sorted by their tokens, so that their order depends on nothing else."""
    different = sorted(set(texts))
    ids = np.zeros((len(different), context), dtype=np.int32)
    truncated = unknown = 0
    unknown_id = tokenizer.token_to_id(UNKNOWN)
    for row, encoding in enumerate(tokenizer.encode_batch(different)):
        ids[row, : len(encoding.ids)] = encoding.ids
        truncated += bool(encoding.overflowing)
        unknown += unknown_id in encoding.ids
    rows, row_of = np.unique(ids, axis=0, return_inverse=True)
    number = dict(zip(different, row_of.reshape(-1).tolist(), strict=True))
    return TextBook(rows, (rows != 0).sum(axis=1), number, truncated, unknown)
