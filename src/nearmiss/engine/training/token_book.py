"""The texts of a training as tokens: no text is kept as a string.

Tokens of all texts lie one after the other, so that a text takes as many values as it has tokens; CLIP's padded rows
would take 77. The arrays may be mapped from files (corpus_files.py).
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
import torch

from nearmiss.engine.models.packing import Texts
from nearmiss.engine.models.tokenization import Tokenization

_CHUNK = 8192  # texts that are tokenized together: a tokenizer takes a few kilobytes for each
_SLICE = 65536  # token sequences that are copied together


@dataclass(frozen=True)
class TokenBook:
    """Different texts as rows of tokens, sorted: row t has tokens[first[t]] to tokens[first[t + 1]].

    Texts that are the same tokens, such as two that differ in capitals, share a row: the model cannot distinguish them.
    """

    tokens: np.ndarray  # (tokens,) uint16 or int32
    first: np.ndarray  # (rows + 1,) int64
    pad: int
    truncated: int  # rows that did not fit the context
    unknown: int  # rows with a word that is not in the vocabulary
    strings: np.ndarray | None = None  # (bytes,) uint8, a text of each row in UTF-8, if they were requested
    string_first: np.ndarray | None = None  # (rows + 1,) int64

    def __len__(self) -> int:
        return len(self.first) - 1

    def padded(self, rows: np.ndarray) -> Texts:
        """Some rows (U,) as tokens, padded to the longest."""
        start, lengths = self.first[rows], self.first[rows + 1] - self.first[rows]
        found = np.full((len(rows), int(lengths.max())), self.pad, dtype=np.int64)
        ends = np.cumsum(lengths)
        places = np.arange(ends[-1]) + np.repeat(start - (ends - lengths), lengths)
        found[np.arange(found.shape[1]) < lengths[:, None]] = self.tokens[places]
        return Texts(torch.from_numpy(found), torch.from_numpy(lengths), torch.from_numpy(np.array(rows, np.int64)))

    def string(self, row: int) -> str:
        """A text of a row: of several, the first in alphabetical order."""
        assert self.strings is not None and self.string_first is not None  # requested when the book was made
        return bytes(self.strings[self.string_first[row] : self.string_first[row + 1]]).decode()


class TokenBookBuilder:
    """Tokenizes texts in parts, then sorts the token sequences and gives each text its row."""

    def __init__(self, tokenization: Tokenization, *, strings: bool = False) -> None:
        """With `strings`, a text of each row is kept in the book."""
        self._tokenization, self._strings, self._count = tokenization, strings, 0
        words = tokenization.tokenizer.get_vocab_size()
        self._stored = np.dtype(np.uint16 if words <= 2**16 else np.int32)
        self._sorted = np.dtype(self._stored.str.replace("<", ">").replace("i", "u"))  # bytes sort like numbers
        self._parts: list[pl.DataFrame] = []

    def add(self, texts: pl.Series) -> np.ndarray:
        """Add texts; returns their numbers (T,), indices into the result of `finish`."""
        for start in range(0, len(texts), _CHUNK):
            chunk = pl.DataFrame({"text": texts.slice(start, _CHUNK)})
            read = self._tokenized(chunk["text"].unique(maintain_order=True))
            part = chunk.join(read, on="text", how="left", maintain_order="left")
            self._parts.append(part if self._strings else part.drop("text"))
        self._count += len(texts)
        return np.arange(self._count - len(texts), self._count)

    def finish(self) -> tuple[TokenBook, np.ndarray]:
        """The book, and the row of each added text (texts,) int32."""
        added = pl.concat(self._parts)
        self._parts.clear()
        order = added["tokens"].arg_sort()
        added = added[order]
        new = (added["tokens"] != added["tokens"].shift(1)).fill_null(True)
        rows = np.empty(len(added), dtype=np.int32)
        rows[order.to_numpy()] = new.cum_sum().to_numpy() - 1
        strings = None
        if self._strings:
            texts = added.group_by(new.cum_sum().alias("row"), maintain_order=True).agg(pl.col("text").min())["text"]
            strings = _joined(texts.cast(pl.Binary), np.dtype(np.uint8))
        different = added.filter(new)
        tokens, first = _joined(different["tokens"], self._sorted)
        return TokenBook(
            tokens=tokens.astype(self._stored),
            first=first,
            pad=self._tokenization.pad,
            truncated=int(different["cut"].sum()),
            unknown=int(different["unknown"].sum()),
            strings=None if strings is None else strings[0],
            string_first=None if strings is None else strings[1],
        ), rows

    def _tokenized(self, texts: pl.Series) -> pl.DataFrame:
        """Texts with their tokens as bytes."""
        read = self._tokenization(texts.to_list())
        inside = np.arange(read.ids.shape[1]) < read.lengths[:, None]
        content = read.ids[inside].astype(self._sorted).tobytes()
        ends = np.cumsum(read.lengths) * self._sorted.itemsize
        starts = ends - read.lengths * self._sorted.itemsize
        tokens = [content[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
        kept = {"text": texts, "cut": read.cut, "unknown": read.unknown}
        return pl.DataFrame({**kept, "tokens": pl.Series(tokens, dtype=pl.Binary)})


def _joined(values: pl.Series, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """Byte strings one after the other as an array, and the offset of each (values + 1,) int64."""
    sizes = values.bin.size().to_numpy().astype(np.int64) // dtype.itemsize
    first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    joined = np.empty(int(first[-1]), dtype=dtype)
    for start in range(0, len(values), _SLICE):
        content = b"".join(values.slice(start, _SLICE).to_list())
        joined[first[start] : first[min(start + _SLICE, len(values))]] = np.frombuffer(content, dtype=dtype)
    return joined, first
