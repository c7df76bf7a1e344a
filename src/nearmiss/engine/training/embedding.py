"""Embeddings of a batch and their gradients, in one piece or in parts of bounded memory.

In parts, the loss is still that of the whole batch: all embeddings are computed without a graph, the loss gives their
gradients, and each part is embedded again to pass its gradients on (Gao et al., Scaling Deep Contrastive Learning Batch
Size under Memory Limited Setup, RepL4NLP 2021). Parts may lie with several processes (parallel.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nearmiss.base.errors import InputError
from nearmiss.engine.models.packing import Packed, Texts, pack
from nearmiss.engine.models.preprocessing import Normalisation
from nearmiss.engine.models.text import encode_padded, encode_texts, forward_flops, padded_flops
from nearmiss.engine.training.augmentations import Drawn
from nearmiss.engine.training.batches import Batch
from nearmiss.engine.training.parallel import Group

Laid = Packed | Texts
"""Texts as a tower takes them: packed, or, where padding is seen, as they are."""
LossOf = Callable[[Tensor, Tensor], Tensor]  # of the images' (N, D) and the texts' (U, D) embeddings


@dataclass
class Embedder:
    """Embeds images and texts with a model; L2-normalised float32, whatever autocast computes."""

    model: Any
    normalise: Normalisation
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
        return self.normalise(given if drawn is None else drawn.apply(given))

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


def backward_whole(
    embedder: Embedder, pixels: np.ndarray, packed: Laid, loss_of: LossOf, drawn: Drawn | None = None
) -> Tensor:
    """The loss of a batch, its gradients in the parameters."""
    loss = loss_of(embedder.images(pixels, drawn), embedder.texts(packed))
    loss.backward()
    return loss


def backward_in_parts(
    embedder: Embedder,
    pixels: np.ndarray,
    batch: Batch,
    loss_of: LossOf,
    *,
    parts: int,
    group: Group,
    drawn: Drawn | None = None,
) -> tuple[Tensor, list[Laid]]:
    """The same loss and gradients, `parts` of the batch at a time in each process; and the packed texts of this one.

    `pixels` (rows, S, S, 3) is the whole store: a process reads the images of its own parts alone. Gradients of what
    the loss itself holds (the logit scale, a bias) are whole in every process; those of the towers are summed.
    """
    rows = np.array_split(batch.rows, parts * group.size)
    texts = _split(batch.texts, parts * group.size)
    mine = slice(group.rank * parts, (group.rank + 1) * parts)
    packed = [embedder.laid(part) for part in texts[mine]]
    ends = np.cumsum([0, *map(len, rows)])
    changes = [None if drawn is None else drawn.part(*ends[part : part + 2]) for part in range(len(rows))]
    towers = [
        *(partial(embedder.images, pixels[rows[at]], changes[at]) for at in range(len(rows))[mine]),
        *(partial(embedder.texts, part) for part in packed),
    ]
    with torch.no_grad():
        found = [embed() for embed in towers]
    images = group.gather(found[:parts], [len(part) for part in rows]).requires_grad_()
    words = group.gather(found[parts:], [len(part) for part in texts]).requires_grad_()
    loss = loss_of(images, words)
    loss.backward()
    grads = [*_parts_of(images, rows, mine), *_parts_of(words, texts, mine)]
    for embed, grad in zip(towers, grads, strict=True):
        again = embed()
        if again.requires_grad:  # a frozen tower's does not
            again.backward(grad)
    group.sum_gradients(_tower_parameters(embedder.model))
    return loss, packed


def check_parts(model: nn.Module, wanted: int) -> None:
    """Raise InputError where a batch may not be embedded in `wanted` parts: statistics over it would differ."""
    if wanted == 1:
        return
    for name, module in model.named_modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            raise InputError(
                f"the model computes statistics over the batch in {name}, so parts of a batch are not the batch",
                record="pretrain.grad_cache_chunks",
                remedy="set pretrain.grad_cache_chunks and pretrain.num_processes to 1, "
                "or take a tower with another normalization",
            )


def _tower_parameters(model: nn.Module) -> list[nn.Parameter]:
    return [p for name, p in model.named_parameters() if p.requires_grad and name not in ("logit_scale", "logit_bias")]


def _split(texts: Texts, parts: int) -> list[Texts]:
    """The texts in parts of neighbours: they are sorted by their tokens, so what begins alike stays together."""
    tokens, lengths = (torch.tensor_split(part, parts) for part in (texts.tokens, texts.lengths))
    return [Texts(*pair) for pair in zip(tokens, lengths, strict=True)]


def _parts_of(embeddings: Tensor, parts: Any, mine: slice) -> list[Tensor]:
    """The gradients of this process's parts."""
    assert embeddings.grad is not None
    return list(torch.split(embeddings.grad, [len(part) for part in parts])[mine])
