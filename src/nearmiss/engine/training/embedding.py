"""Embeddings of a batch: of pixels and of tokens, in the precision of the training."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nearmiss.engine.models.packing import Packed, Texts, pack
from nearmiss.engine.models.preprocessing import Normalization
from nearmiss.engine.models.text import encode_padded, encode_texts, forward_flops, padded_flops
from nearmiss.engine.training.augmentations import Drawn

Laid = Packed | Texts
"""Texts as a tower takes them: packed, or, where padding is seen, as they are."""


@dataclass
class Embedder:
    """Embeds images and texts with a model; L2-normalized float32, whatever autocast computes."""

    model: Any
    normalize: Normalization
    device: torch.device
    bf16: bool
    image_tower: Callable[[Tensor], Tensor] | None = None  # a compiled one
    padding: int | None = None  # the token that texts are padded with; None where they are packed

    def images(self, pixels: np.ndarray, drawn: Drawn | None = None) -> Tensor:
        """(N, D) of uint8 pixels (N, S, S, 3), changed as `drawn` says."""
        encode, given = self.image_tower or self.model.encode_image, self.prepared(pixels, drawn)
        with self.autocast():
            images = encode(given)
        return F.normalize(images.float(), dim=-1)

    def prepared(self, pixels: np.ndarray, drawn: Drawn | None = None) -> Tensor:
        """What the image tower is given: float32 (N, 3, S, S)."""
        given = torch.from_numpy(pixels).to(self.device, non_blocking=True)
        return self.normalize(given if drawn is None else drawn.apply(given))

    def laid(self, texts: Texts) -> Laid:
        """Texts as this model's tower takes them."""
        return pack(texts) if self.padding is None else texts

    def texts(self, laid: Laid) -> Tensor:
        """(U, D) of texts."""
        with self.autocast():
            if isinstance(laid, Packed):
                return encode_texts(self.model, laid)
            assert self.padding is not None
            return encode_padded(self.model, laid, self.padding)

    def text_flops(self, laid: Laid) -> int:
        """Floating-point operations of the forward of texts."""
        return forward_flops(self.model, laid) if isinstance(laid, Packed) else padded_flops(self.model, len(laid))

    def autocast(self) -> Any:
        """The precision in which towers compute."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16)
