"""Embeddings of a batch: of pixels and of tokens, in the precision of the training."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nearmiss.engine.models.attention_pooling import encode_images
from nearmiss.engine.models.frozen_parts import image_embeddings
from nearmiss.engine.models.packing import Packed, Texts, pack
from nearmiss.engine.models.preprocessing import Normalization
from nearmiss.engine.models.text import encode_padded, encode_texts, forward_flops, masks_padding, padded_flops
from nearmiss.engine.training.augmentations import Drawn
from nearmiss.engine.training.frozen_features import FrozenFeatures

_TOGETHER = (
    32  # padded texts of similar length that are computed together: half of the tokens of 64 captions are padding
)

TowerTexts = Packed | Texts
"""Input of a text tower: packed texts, or padded ones if the tower attends to padding."""


@dataclass
class Embedder:
    """Embeds images and texts with a model; L2-normalized float32, whatever autocast computes."""

    model: Any
    normalize: Normalization
    device: torch.device
    bf16: bool
    image_tower: Callable[[Tensor], Tensor] | None = None  # a compiled one
    padding: int | None = None  # the padding token; None if texts are packed
    frozen: FrozenFeatures | None = None  # features of frozen parts, which are then not computed

    def images(self, pixels: np.ndarray, drawn: Drawn | None = None) -> Tensor:
        """Embeddings (N, D) of uint8 pixels (N, S, S, 3), augmented by `drawn`, or of cached features (N, ...)."""
        if self.frozen is not None and self.frozen.images is not None:
            with self.autocast():
                found = image_embeddings(self.model, self.frozen.cut, self.features(pixels))
            return F.normalize(found.float(), dim=-1)
        encode, given = self.image_tower or partial(encode_images, self.model), self.prepared(pixels, drawn)
        with self.autocast():
            images = encode(given)
        return F.normalize(images.float(), dim=-1)

    def features(self, cached: np.ndarray) -> Tensor:
        """Cached features (N, ...) as float32."""
        return torch.from_numpy(cached).to(self.device, non_blocking=True).float()

    def prepared(self, pixels: np.ndarray, drawn: Drawn | None = None) -> Tensor:
        """Input of the image tower: float32 (N, 3, S, S)."""
        given = torch.from_numpy(pixels).to(self.device, non_blocking=True)
        return self.normalize(given if drawn is None else drawn.apply(given))

    def tower_texts(self, texts: Texts) -> TowerTexts:
        """Texts in the form of this model's text tower."""
        return pack(texts) if self.padding is None else texts

    def texts(self, given: TowerTexts) -> Tensor:
        """Embeddings (U, D) of texts."""
        with self.autocast():
            if isinstance(given, Packed):
                return encode_texts(self.model, given)
            parts, rows = self.parts(given)
            found = [self._padded(part) for part in parts]
            return torch.cat(found).index_select(0, rows.to(self.device))

    def parts(self, texts: Texts) -> tuple[list[Texts], Tensor]:
        """Texts as a padded tower computes them: together, or by length if it masks padding."""
        return texts.by_length(_TOGETHER) if masks_padding(self.model) else ([texts], torch.arange(len(texts)))

    def _padded(self, texts: Texts) -> Tensor:
        if self.frozen is not None and self.frozen.texts is not None:
            return self.frozen.texts.embeddings(texts, self.device)
        assert self.padding is not None
        return encode_padded(self.model, texts, self.padding)

    def text_flops(self, given: TowerTexts) -> int:
        """Floating-point operations of the forward of texts."""
        if isinstance(given, Packed):
            return forward_flops(self.model, given)
        layers = self.frozen.texts.layers if self.frozen is not None and self.frozen.texts is not None else 0
        parts, _ = self.parts(given)
        return sum(padded_flops(self.model, len(part), part.tokens.shape[1], skipped=layers) for part in parts)

    def autocast(self) -> Any:
        """The precision in which towers compute."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16)
