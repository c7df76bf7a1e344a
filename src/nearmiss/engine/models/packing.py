"""Packs several texts into one row, with common prefixes only once.

In a causal tower a token's features depend on the tokens before it only, so two texts that begin alike share the
features of that beginning: a caption and its negatives differ from the edit on. Texts are sorted, neighbors are laid
into rows as a tree, and a mask lets each token look at the tokens of its own text only. Exact (no paper; our choice).
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

ROW = 64  # tokens that a row may hold at most, unless one text is longer (our choice, measured on a CPU)


@dataclass(frozen=True)
class Texts:
    """Token ids of texts (U, L), 0 after the end token, and their lengths (U,); all on the CPU."""

    tokens: Tensor
    lengths: Tensor
    rows: Tensor | None = None
    """(U,) int64, the rows of the token book that they were taken from, if any."""

    def __len__(self) -> int:
        return len(self.lengths)

    def by_length(self, size: int) -> "tuple[list[Texts], Tensor]":
        """Parts of at most `size` texts of similar length, each as wide as its longest, and for each of these texts its
        row in the parts, one after the other (U,): a tower that masks padding computes little of it."""
        order = torch.argsort(self.lengths, stable=True)
        parts = [
            Texts(self.tokens[rows, : int(self.lengths[rows].max())], self.lengths[rows], _taken(self.rows, rows))
            for rows in order.split(size)
        ]
        return parts, torch.argsort(order)


def _taken(rows_of_book: Tensor | None, rows: Tensor) -> Tensor | None:
    return None if rows_of_book is None else rows_of_book[rows]


@dataclass(frozen=True)
class Packed:
    """R rows of N tokens that hold U texts, at most T a row; all on the CPU.

    An empty position has token 0 and attends to itself; an end that no text has is position 0.
    """

    tokens: Tensor  # (R, N) int64
    depths: Tensor  # (R, N) int64, a token's position in its text
    seen: Tensor  # (R, N, N) bool, whether a token attends to another
    ends: Tensor  # (R, T) int64, the position of each text's end token
    texts: Tensor  # (U,) int64, where among the R * T ends each text is, in the order given


def pack(texts: Texts, row: int = ROW) -> Packed:
    """Lay texts into rows of at most `row` tokens. Equal texts and equal prefixes occur once in a row."""
    tokens, lengths = texts.tokens.numpy(), texts.lengths.numpy()
    order = np.lexsort(tokens.T[::-1])
    tokens, lengths = tokens[order], lengths[order]
    rows, starts, shared, width = _rows(lengths, _common(tokens, lengths), row)
    count, longest = tokens.shape
    depth = np.arange(longest)
    new = (depth >= shared[:, None]) & (depth < lengths[:, None])
    # Sorted, the last text that wrote something at a depth is the one that this text shares it with.
    writer = np.maximum.accumulate(np.where(new, np.arange(count)[:, None], 0), axis=0)
    position = (starts - shared)[writer] + depth
    text, at = np.nonzero(new)
    where = rows[text], position[text, at]
    height = int(rows[-1]) + 1
    laid = np.zeros((2, height, width), dtype=np.int64)
    laid[0][where], laid[1][where] = tokens[text, at], at
    seen = np.zeros((height, width, width), dtype=bool)
    seen[:, np.arange(width), np.arange(width)] = True
    which, before = np.nonzero(depth <= at[:, None])
    seen[where[0][which], where[1][which], position[text[which], before]] = True
    number = np.arange(count) - np.searchsorted(rows, rows)
    ends = np.zeros((height, int(number.max()) + 1), dtype=np.int64)
    ends[rows, number] = position[np.arange(count), lengths - 1]
    back = np.empty(count, dtype=np.int64)
    back[order] = rows * ends.shape[1] + number
    return Packed(*map(torch.from_numpy, (laid[0], laid[1], seen, ends, back)))


def _common(tokens: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """How many tokens each of the sorted texts begins with that the one before it begins with: (U,) int64."""
    differs = tokens[1:] != tokens[:-1]
    first = np.where(differs.any(axis=1), differs.argmax(axis=1), tokens.shape[1])
    return np.concatenate([[0], np.minimum(first, np.minimum(lengths[1:], lengths[:-1]))])


def _rows(lengths: np.ndarray, common: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """For each text its row, where its new tokens start and how many it shares there; and the fullest row's tokens."""
    rows, starts, shared = [], [], []
    row, filled, width = -1, 0, 0
    for length, begins in zip(lengths.tolist(), common.tolist(), strict=True):
        fits = row >= 0 and filled + length - begins <= size
        row, filled = (row, filled) if fits else (row + 1, 0)
        rows.append(row)
        starts.append(filled)
        shared.append(begins if fits else 0)
        filled += length - shared[-1]
        width = max(width, filled)
    return np.array(rows), np.array(starts), np.array(shared), width
