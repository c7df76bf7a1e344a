"""A cross-encoder checkpoint as a scorer of pairs: `match_logit` of every image and caption of an item, in fp32.

Items of fine-grained benchmarks have few pairs, so all pairs are scored. Retrieval and classification use the cosine of
the dual encoder, with which such a model retrieves before re-ranking (ALBEF, section 3.4). Re-ranking is omitted, so
that retrieval is comparable between arms.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import torch
from PIL import Image
from torch import Tensor

from nearmiss.base.errors import InputError
from nearmiss.base.progress import progress
from nearmiss.engine.models.cross_encoder import open_cross_encoder
from nearmiss.engine.models.packing import Texts, pack
from nearmiss.engine.scoring.decisions import nested
from nearmiss.engine.scoring.embeddings import view_name
from nearmiss.engine.scoring.images import BenchmarkImages

Pair = tuple[str, str]  # a view and a text


class MatchScorer:
    """A cross-encoder in evaluation mode with its preprocessing and tokenizer."""

    def __init__(self, checkpoint: Path, *, batch_size: int = 256, threads: int = 1, device: str = "cpu") -> None:
        """Open a checkpoint folder that has a fusion. Raises InputError if one of its parts does not load."""
        torch.set_num_threads(threads)
        model, self._preprocess, self._tokenizer = open_cross_encoder(checkpoint)
        self._model = model.float().to(device).eval()
        self._checkpoint, self._batch_size, self._device = Path(checkpoint), batch_size, device

    def similarities(self, items: pl.DataFrame, images: BenchmarkImages) -> pl.DataFrame:
        """item_id and match logits (images x captions) of each item of table `items` whose images exist.

        Batches are consecutive items of the table, and shared images and texts are encoded once per batch.
        Raises InputError if a logit is not finite.
        """
        known = pl.Series(sorted(images.digests), dtype=pl.String)
        items = items.filter(pl.col("images").list.eval(pl.element().is_in(known.implode())).list.all())
        pairs = [
            [(view_name(path, crop), text) for path in paths for text in texts]
            for paths, texts, crop in items.select("images", "captions", "crop").iter_rows()
        ]
        parts = [self._logits(part, images) for part in progress(list(self._batches(pairs)), what="match pairs")]
        flat = np.concatenate(parts) if parts else np.empty(0, dtype=np.float32)
        finite = np.isfinite(flat)
        if not finite.all():
            raise InputError(
                f"the match logits of {int((~finite).sum())} of {len(flat)} pairs are not finite",
                file=self._checkpoint,
                remedy="the training diverged: train again with a lower rate",
            )
        return nested(items, flat)

    def _batches(self, items: Sequence[list[Pair]]) -> Iterator[list[Pair]]:
        """The items' pairs one after another, whole items at a time: at most `batch_size`, unless an item has more."""
        held: list[Pair] = []
        for pairs in items:
            if held and len(held) + len(pairs) > self._batch_size:
                yield held
                held = []
            held = held + pairs
        if held:
            yield held

    @torch.inference_mode()
    def _logits(self, pairs: list[Pair], images: BenchmarkImages) -> np.ndarray:
        """Match logits (P,) float32 of pairs."""
        views, texts = list(dict.fromkeys(view for view, _ in pairs)), sorted({text for _, text in pairs})
        pixels = torch.stack([self._preprocess(_open(images, view)) for view in views]).to(self._device)
        view_row = {view: row for row, view in enumerate(views)}
        text_row = {text: row for row, text in enumerate(texts)}
        image = torch.tensor([view_row[view] for view, _ in pairs], device=self._device)
        text = torch.tensor([text_row[one] for _, one in pairs], device=self._device)
        encoded, read = self._model.images(pixels), self._model.texts(pack(trimmed(self._tokenizer(texts))))
        return self._model.match_logit(encoded, read, image, text).cpu().numpy()


def _open(images: BenchmarkImages, view: str) -> Image.Image:
    image = images.opener(view)()
    if image is None:
        raise InputError("an image does not decode", file=view, remedy="restore it, or remove it from the benchmark")
    return image


def trimmed(tokens: Tensor) -> Texts:
    """open_clip's padded token ids (U, L) as texts that end at their end token, which has the highest id."""
    lengths = tokens.argmax(dim=1) + 1
    longest = int(lengths.max())
    there = torch.arange(longest) < lengths[:, None]
    return Texts(torch.where(there, tokens[:, :longest], 0), lengths)
