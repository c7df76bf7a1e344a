"""Features of frozen parts that a training reads: of its images (models/image_features.py) and of its texts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor
from torch.nn import functional as F

from nearmiss.base.errors import InputError
from nearmiss.base.files import write_json
from nearmiss.base.progress import progress
from nearmiss.engine.images.shards import Rows, ShardedRows, link_shards, open_shards, write_shards
from nearmiss.engine.models.frozen_parts import Cut, TextParts
from nearmiss.engine.models.image_features import AGAIN, FEATURES, RECORD, as_float16, check_record
from nearmiss.engine.models.packing import Texts
from nearmiss.engine.training.token_book import TokenBook

TOKENS, FIRST = "tokens.npy", "first.npy"
"""Of cached texts: all tokens one after the other, and the offset of each text."""
_TEXTS = 64  # texts that are computed together
_TOKEN_SHARD = 2**18  # tokens in a file: 200 MB of hidden states of width 384


@dataclass(frozen=True)
class FrozenFeatures:
    """Cached features of a run: of the store's images by row, of its texts by row of its token book, or both."""

    cut: Cut
    images: Rows | None = None
    texts: "CachedTexts | None" = None


def write_text_features(
    folder: Path,
    parts: TextParts,
    book: TokenBook,
    width: int,
    *,
    record: Mapping[str, Any],
    key: str,
    state: Path,
    device: torch.device,
) -> None:
    """Write the hidden states of all texts of a book, sorted by length, and `record`.

    Raises InputError for a value that float16 cannot represent, and OSError where the disk has no room."""
    lengths = np.diff(book.first)
    order = np.argsort(lengths, kind="stable")
    first = np.concatenate([[0], np.cumsum(lengths[order])]).astype(np.int64)

    @torch.inference_mode()
    def computed(start: int) -> np.ndarray:
        texts = book.padded(order[start : start + _TEXTS])
        hidden = as_float16(parts.hidden(texts.tokens.to(device)), f"texts {start} to {start + len(texts) - 1}")
        inside = np.arange(hidden.shape[1]) < texts.lengths.numpy()[:, None]
        return np.asarray(hidden[inside])

    def of(tokens: Sequence[int]) -> Iterator[np.ndarray]:
        """Tokens are consecutive but for shards that are complete; each text's batch is computed as a whole."""
        wanted = np.asarray(tokens, dtype=np.int64)
        batches = np.unique((np.searchsorted(first, wanted, side="right") - 1) // _TEXTS)
        for batch in progress(batches.tolist(), what="features of texts", total=len(batches)):
            start, end = first[batch * _TEXTS], first[min((batch + 1) * _TEXTS, len(order))]
            states = computed(batch * _TEXTS)
            here = wanted[np.searchsorted(wanted, start) : np.searchsorted(wanted, end)]
            yield from states[here - start]

    shape = (int(first[-1]), width)
    files = write_shards(state, shape, key, of, dtype=np.float16, size=_TOKEN_SHARD)
    link_shards(files, folder / FEATURES)
    tokens = np.concatenate([book.tokens[book.first[row] : book.first[row + 1]] for row in order])
    np.save(folder / TOKENS, tokens)
    np.save(folder / FIRST, first)
    write_json(folder / RECORD, dict(record))


class CachedTexts:
    """Hidden states of the texts of a training, from one or several caches."""

    def __init__(self, folders: Sequence[Path], expected: Mapping[str, Any], book: TokenBook, parts: TextParts) -> None:
        """Raises InputError where a cache is missing, damaged or of something else, and where texts are in none."""
        self.layers = int(expected["layers"])
        self._parts = parts
        self._states: list[ShardedRows] = []
        starts = np.full(len(book), -1, dtype=np.int64)
        self._source = np.zeros(len(book), dtype=np.int64)
        wanted = pl.DataFrame({"tokens": _keys(book.tokens, book.first)}).with_row_index("row")
        for number, folder in enumerate(folders):
            check_record(folder, expected)
            stored = open_shards(folder / FEATURES, what="the features", remedy=AGAIN, dtype=np.float16)
            tokens, first = (_array(folder / name) for name in (TOKENS, FIRST))
            if len(tokens) != len(stored) or int(first[-1]) != len(stored):
                raise InputError(f"there are features of {len(stored)} tokens", file=folder, remedy=AGAIN)
            known = pl.DataFrame({"tokens": _keys(tokens, first), "start": first[:-1]})
            found = wanted.join(known, on="tokens", how="inner")
            rows = found["row"].to_numpy()
            starts[rows], self._source[rows] = found["start"].to_numpy(), number
            self._states.append(stored)
        if (absent := int((starts < 0).sum())) > 0:
            raise InputError(
                f"{absent} of the {len(book)} texts of this training have no cached features",
                file=folders[0] if folders else None,
                remedy=AGAIN,
            )
        self._starts = starts

    def embeddings(self, texts: Texts, device: torch.device) -> Tensor:
        """L2-normalized embeddings (U, D) float32 of texts of the book."""
        return self.encoded(texts, device)[0]

    def encoded(self, texts: Texts, device: torch.device) -> tuple[Tensor, Tensor]:
        """The same, and the last hidden states (U, L, W)."""
        tokens = texts.tokens.to(device, non_blocking=True)
        hidden = self._hidden(texts).to(device, non_blocking=True).float()
        embeddings, states = self._parts.encoded(tokens, hidden)
        return F.normalize(embeddings.float(), dim=-1), states

    def _hidden(self, texts: Texts) -> Tensor:
        """(U, L, W) float16, 0 after a text's end."""
        assert texts.rows is not None  # texts of a book have rows
        rows, lengths = texts.rows.numpy(), texts.lengths.numpy()
        inside = np.arange(texts.tokens.shape[1]) < lengths[:, None]
        found = np.zeros((*texts.tokens.shape, self._states[0].shape[1]), dtype=np.float16)
        places = self._starts[rows][:, None] + np.arange(texts.tokens.shape[1])
        for number, states in enumerate(self._states):
            here = inside & (self._source[rows] == number)[:, None]
            if here.any():
                found[here] = states[places[here]]
        return torch.from_numpy(found)


def _keys(tokens: np.ndarray, first: np.ndarray) -> pl.Series:
    """The tokens of each text as bytes."""
    content, ends = np.ascontiguousarray(tokens, dtype=np.int32).tobytes(), (4 * first).tolist()
    return pl.Series([content[start:end] for start, end in pairwise(ends)], dtype=pl.Binary)


def _array(file: Path) -> np.ndarray:
    try:
        return np.asarray(np.load(file))
    except Exception as error:  # numpy raises many types on a damaged file
        raise InputError(f"the cached texts do not load: {error}", file=file, remedy=AGAIN) from None
