"""A cross-encoder checkpoint as a scorer of pairs: `match_logit` of every image and caption of an item, in fp32.

The items of fine-grained benchmarks are few pairs each, so all of them are judged. A gallery is not: retrieval and
classification stay with the dual part, whose cosine is what such a model retrieves with before it ranks anything again
(ALBEF, section 3.4; that re-ranking is left out, so that retrieval means the same for every arm).
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import torch
from torch import Tensor

from nearmiss.base.errors import InputError
from nearmiss.base.progress import progress
from nearmiss.engine.models.cross_encoder import open_cross_encoder
from nearmiss.engine.models.packing import Texts, pack
from nearmiss.engine.scoring.answers import Crop, as_crop, nested
from nearmiss.engine.scoring.embeddings import Picture

Look = tuple[str, Crop | None]  # an image, or a part of one
Pair = tuple[Look, str]


class MatchScorer:
    """A cross-encoder in evaluation mode with its preprocessing and tokenizer."""

    def __init__(self, checkpoint: Path, *, batch: int = 256, threads: int = 1, device: str = "cpu") -> None:
        """Open a checkpoint folder that has a fusion. Raises InputError where one of its parts does not load."""
        torch.set_num_threads(threads)
        model, self._preprocess, self._tokenizer = open_cross_encoder(checkpoint)
        self._model = model.float().to(device).eval()
        self._checkpoint, self._batch, self._device = Path(checkpoint), batch, device

    def of_items(self, items: pl.DataFrame, pictures: Mapping[Look, Picture]) -> pl.DataFrame:
        """item_id and match logits (images x captions) of each item of table `items`.

        Batches are of neighbouring items in the table's order, and what they share is encoded once in each.
        Raises InputError where a logit is not finite.
        """
        pairs = [
            [((image_id, as_crop(crop)), text) for image_id in ids for text in texts]
            for ids, texts, crop in items.select("images", "captions", "crop").iter_rows()
        ]
        parts = [self._judge(part, pictures) for part in progress(list(self._batches(pairs)), what="match pairs")]
        flat = np.concatenate(parts) if parts else np.empty(0, dtype=np.float32)
        finite = np.isfinite(flat)
        if not finite.all():
            raise InputError(
                f"the checkpoint gives {int((~finite).sum())} of {len(flat)} pairs a match logit that is not finite",
                file=self._checkpoint,
                remedy="the training diverged: train again with a lower rate",
            )
        return nested(items, flat)

    def _batches(self, items: Sequence[list[Pair]]) -> Iterator[list[Pair]]:
        """The items' pairs one after the other, whole items at a time: at most `batch`, unless an item has more."""
        held: list[Pair] = []
        for pairs in items:
            if held and len(held) + len(pairs) > self._batch:
                yield held
                held = []
            held = held + pairs
        if held:
            yield held

    @torch.inference_mode()
    def _judge(self, pairs: list[Pair], pictures: Mapping[Look, Picture]) -> np.ndarray:
        """Match logits (P,) float32 of pairs."""
        looks, texts = list(dict.fromkeys(look for look, _ in pairs)), sorted({text for _, text in pairs})
        pixels = torch.stack([self._preprocess(pictures[look]()) for look in looks]).to(self._device)
        image_place = {look: number for number, look in enumerate(looks)}
        text_place = {text: number for number, text in enumerate(texts)}
        image = torch.tensor([image_place[look] for look, _ in pairs], device=self._device)
        text = torch.tensor([text_place[one] for _, one in pairs], device=self._device)
        images, read = self._model.images(pixels), self._model.texts(pack(trimmed(self._tokenizer(texts))))
        return self._model.match_logit(images, read, image, text).cpu().numpy()


def trimmed(tokens: Tensor) -> Texts:
    """open_clip's padded token ids (U, L) as texts that end at their end token, which has the highest id."""
    lengths = tokens.argmax(dim=1) + 1
    longest = int(lengths.max())
    there = torch.arange(longest) < lengths[:, None]
    return Texts(torch.where(there, tokens[:, :longest], 0), lengths)
