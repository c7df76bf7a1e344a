"""Scoring pairs with a cross-encoder: `match_logit` of every image and caption of an item, in fp32.

Items of fine-grained benchmarks have few pairs, so all pairs are scored. Retrieval and classification use the cosine of
the dual encoder, with which such a model retrieves before re-ranking (ALBEF, section 3.4; BLIP, section 5.1).
Re-ranking is omitted, so that retrieval is comparable between arms.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import polars as pl
import torch
from torch import Tensor

from nearmiss.base.errors import InputError
from nearmiss.base.progress import progress
from nearmiss.engine.models.cross_encoder import EncodedImages, has_fusion, open_cross_encoder
from nearmiss.engine.models.packing import Packed, Texts, pack
from nearmiss.engine.models.text import masks_padding, text_tower
from nearmiss.engine.scoring.decisions import nested
from nearmiss.engine.scoring.embeddings import view_name
from nearmiss.engine.scoring.encoder import Encoder, OpenImage
from nearmiss.engine.scoring.images import BenchmarkImages

Pair = tuple[str, str]  # a view and a text
_DECODERS = 4


@runtime_checkable
class PairModel(Protocol):
    """A cross-encoder that encodes images first and then compares pairs of an image and a text."""

    def pixels(self, open_image: OpenImage) -> Any:
        """What the model reads of an image; None where it does not decode."""

    def patches(self, pixels: Sequence[Any]) -> Any:
        """Features of N images, given by the results of `pixels`."""

    def match_logit(self, patches: Any, image: Tensor, texts: Sequence[str]) -> Tensor:
        """(P,) log-odds that text p is true of image `image[p]` of `patches`; `image` is (P,) int64 on the CPU."""


class FusionPairs:
    """The cross-encoder of a checkpoint folder that has a fusion, as a `PairModel`."""

    def __init__(self, checkpoint: Path, *, device: str = "cpu") -> None:
        """Raises InputError if a part of the checkpoint does not load."""
        model, self._preprocess, self._tokenizer = open_cross_encoder(checkpoint)
        self._model, self._device = model.float().to(device).eval(), device

    def pixels(self, open_image: OpenImage) -> Any:
        """(3, S, S) of an image, preprocessed; None where it does not decode."""
        image = open_image()
        return None if image is None else self._preprocess(image)

    def patches(self, pixels: Sequence[Any]) -> EncodedImages:
        """N images as the dual encoder and the fusion see them."""
        return self._model.images(torch.stack(list(pixels)).to(self._device))

    def match_logit(self, patches: EncodedImages, image: Tensor, texts: Sequence[str]) -> Tensor:
        """(P,) log-odds of the fusion's head; each text is encoded once."""
        unique = sorted(set(texts))
        row = {text: index for index, text in enumerate(unique)}
        read = self._model.texts(self._texts(self._tokenizer(unique)))
        text = torch.tensor([row[text] for text in texts], device=self._device)
        return self._model.match_logit(patches, read, image.to(self._device), text)

    def _texts(self, tokens: Tensor) -> Packed | Texts:
        """open_clip's padded token ids (U, L) in the form of this model's text tower."""
        if not masks_padding(self._model.dual):
            return pack(trimmed(tokens))
        lengths = (tokens != text_tower(self._model.dual).config.pad_token_id).sum(dim=1)
        return Texts(tokens[:, : int(lengths.max())], lengths)


def pair_model(encoder: Encoder, checkpoint: Path | None) -> PairModel | None:
    """The cross-encoder of a model: the fusion of its checkpoint, or its own matching head; None if it has neither."""
    if checkpoint is not None and has_fusion(checkpoint):
        return FusionPairs(checkpoint, device=encoder.device.type)
    return encoder if isinstance(encoder, PairModel) else None


class MatchScorer:
    """Scores the items of benchmarks with a cross-encoder."""

    def __init__(self, model: PairModel, *, batch_size: int = 256) -> None:
        """`batch_size` is the number of images that are held at once, and of pairs that are compared at once."""
        self._model, self._batch_size = model, batch_size

    def similarities(self, items: pl.DataFrame, images: BenchmarkImages) -> pl.DataFrame:
        """item_id and match logits (images x captions) of each item of table `items` whose images exist.

        Each view is encoded once and each unique pair of a view and a text is compared once. Raises InputError if a
        logit is not finite.
        """
        known = pl.Series(sorted(images.digests), dtype=pl.String)
        items = items.filter(pl.col("images").list.eval(pl.element().is_in(known.implode())).list.all())
        pairs = [
            (view_name(path, crop), text)
            for paths, texts, crop in items.select("images", "captions", "crop").iter_rows()
            for path in paths
            for text in texts
        ]
        logit_of = self._logits(pairs, images)
        flat = np.array([logit_of[pair] for pair in pairs], dtype=np.float32)
        finite = np.isfinite(flat)
        if not finite.all():
            view, text = pairs[int(np.flatnonzero(~finite)[0])]
            raise InputError(
                f"the match logits of {int((~finite).sum())} of {len(flat)} pairs are not finite",
                record=f"{view}, {text!r}",
                remedy="give weights that did not diverge",
            )
        return nested(items, flat)

    def _logits(self, pairs: Sequence[Pair], images: BenchmarkImages) -> dict[Pair, float]:
        """The match logit of each pair. Texts of similar length are compared together, which saves padding."""
        texts_of: dict[str, dict[str, None]] = {}
        for view, text in pairs:
            texts_of.setdefault(view, {})[text] = None
        views, size = list(texts_of), self._batch_size
        logit_of: dict[Pair, float] = {}
        for start in progress(range(0, len(views), size), what="match pairs"):
            held = views[start : start + size]
            patches = self._patches(held, images)
            rows = [(row, text) for row, view in enumerate(held) for text in texts_of[view]]
            rows.sort(key=lambda pair: len(pair[1]))
            for first in range(0, len(rows), size):
                batch = rows[first : first + size]
                logits = self._match(patches, batch)
                logit_of.update(
                    {(held[row], text): logit for (row, text), logit in zip(batch, logits.tolist(), strict=True)}
                )
        return logit_of

    @torch.inference_mode()
    def _patches(self, views: Sequence[str], images: BenchmarkImages) -> Any:
        with ThreadPoolExecutor(_DECODERS) as pool:
            pixels = list(pool.map(lambda view: self._model.pixels(images.opener(view)), views))
        for view, found in zip(views, pixels, strict=True):
            if found is None:
                problem = "an image does not decode"
                raise InputError(problem, file=view, remedy="restore it, or remove it from the benchmark")
        return self._model.patches(pixels)

    @torch.inference_mode()
    def _match(self, patches: Any, batch: Sequence[tuple[int, str]]) -> np.ndarray:
        image = torch.tensor([row for row, _ in batch])
        logits: np.ndarray = self._model.match_logit(patches, image, [text for _, text in batch]).float().cpu().numpy()
        return logits


def trimmed(tokens: Tensor) -> Texts:
    """open_clip's padded token ids (U, L) as texts that end at their end token, which has the highest id."""
    lengths = tokens.argmax(dim=1) + 1
    longest = int(lengths.max())
    there = torch.arange(longest) < lengths[:, None]
    return Texts(torch.where(there, tokens[:, :longest], 0), lengths)
