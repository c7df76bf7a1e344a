"""The loss of a batch and its gradients, for both kinds of model: a dual encoder and a cross-encoder.

A dual encoder may embed a batch in chunks of bounded memory. The loss is still that of the whole batch: all embeddings
are computed without a graph, the loss gives their gradients, and each chunk is embedded again to pass its gradients on
(Gao et al., Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup, RepL4NLP 2021). Chunks may be
distributed over several processes (parallel.py). A cross-encoder needs the features of both sides of a pair, so it
takes the whole batch.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nearmiss.base.errors import InputError
from nearmiss.base.seeding import array_rng
from nearmiss.engine.images.shards import Rows
from nearmiss.engine.models.cross_encoder import CrossEncoder, EncodedImages, EncodedTexts
from nearmiss.engine.models.packing import Packed, Texts
from nearmiss.engine.objectives.features import Matching
from nearmiss.engine.training.augmentations import Drawn
from nearmiss.engine.training.batches import Batch
from nearmiss.engine.training.embedding import Embedder, TowerTexts
from nearmiss.engine.training.parallel import Group

LossOf = Callable[[Tensor, Tensor, Matching | None], Tensor]
"""The loss of the images' (N, D) and the texts' (U, D) embeddings, and of a pair classifier, if any."""


class BatchLoss(Protocol):
    """Computes the loss of batches. `pixels` (rows, S, S, 3) is the whole store; `names` identify the batch."""

    def backward(
        self, pixels: Rows, batch: Batch, loss_of: LossOf, *names: object, drawn: Drawn | None
    ) -> tuple[Tensor, int]:
        """Compute gradients; returns the loss and the FLOPs of the forward pass without the image tower."""
        ...

    def forward(self, pixels: Rows, batch: Batch, loss_of: LossOf, *names: object) -> Tensor:
        """The loss only."""
        ...


@dataclass
class DualEncoderLoss:
    """The loss of a dual encoder, in `chunks` of the batch in each process of a group."""

    embedder: Embedder
    chunks: int = 1
    group: Group = field(default_factory=Group)

    def __post_init__(self) -> None:
        check_chunks(self.embedder.model, self.chunks * self.group.size)

    def backward(
        self, pixels: Rows, batch: Batch, loss_of: LossOf, *names: object, drawn: Drawn | None = None
    ) -> tuple[Tensor, int]:
        """See `BatchLoss`."""
        if self.chunks * self.group.size == 1:
            prepared = [self.embedder.tower_texts(batch.texts)]
            loss = loss_of(self.embedder.images(pixels[batch.rows], drawn), self.embedder.texts(prepared[0]), None)
            loss.backward()
        else:
            loss, prepared = self._in_chunks(pixels, batch, loss_of, drawn)
        return loss, self.group.size * sum(self.embedder.text_flops(part) for part in prepared)

    def forward(self, pixels: Rows, batch: Batch, loss_of: LossOf, *names: object) -> Tensor:
        """See `BatchLoss`."""
        images = self.embedder.images(pixels[batch.rows])
        return loss_of(images, self.embedder.texts(self.embedder.tower_texts(batch.texts)), None)

    def _in_chunks(
        self, pixels: Rows, batch: Batch, loss_of: LossOf, drawn: Drawn | None
    ) -> tuple[Tensor, list[TowerTexts]]:
        """The loss, and the embedded texts of this process.

        A process reads only the images of its own chunks. Gradients of parameters of the loss (the logit scale, a bias)
        are complete in every process; those of the towers are summed.
        """
        embedder, group, chunks = self.embedder, self.group, self.chunks
        rows = np.array_split(batch.rows, chunks * group.size)
        texts = _split(batch.texts, chunks * group.size)
        mine = slice(group.rank * chunks, (group.rank + 1) * chunks)
        prepared = [embedder.tower_texts(part) for part in texts[mine]]
        ends = np.cumsum([0, *map(len, rows)])
        changes = [None if drawn is None else drawn.part(*ends[part : part + 2]) for part in range(len(rows))]
        towers = [
            *(partial(embedder.images, pixels[rows[at]], changes[at]) for at in range(len(rows))[mine]),
            *(partial(embedder.texts, part) for part in prepared),
        ]
        with torch.no_grad():
            found = [embed() for embed in towers]
        images = group.gather(found[:chunks], [len(part) for part in rows]).requires_grad_()
        words = group.gather(found[chunks:], [len(part) for part in texts]).requires_grad_()
        loss = loss_of(images, words, None)
        loss.backward()
        grads = [*_chunks_of(images, rows, mine), *_chunks_of(words, texts, mine)]
        for embed, grad in zip(towers, grads, strict=True):
            again = embed()
            if again.requires_grad:  # not for a frozen tower
                again.backward(grad)
        group.sum_gradients(_tower_parameters(embedder.model))
        return loss, prepared


@dataclass
class CrossEncoderLoss:
    """The loss of a cross-encoder, which also classifies pairs. It uses the embedder's pixels and precision."""

    model: CrossEncoder
    embedder: Embedder
    seed: int
    _pairs: int = field(default=0, init=False)  # pairs of the last encoded batch

    def backward(
        self, pixels: Rows, batch: Batch, loss_of: LossOf, *names: object, drawn: Drawn | None = None
    ) -> tuple[Tensor, int]:
        """See `BatchLoss`."""
        given = self.embedder.tower_texts(batch.texts)
        loss = self._loss(pixels, batch, given, loss_of, names, drawn)
        loss.backward()
        images, pairs = len(batch.rows), self._pairs
        if isinstance(given, Packed):
            return loss, self.model.forward_flops(given, images=images, pairs=pairs)
        texts, tokens = given.tokens.shape
        fused = self.model.fusion.forward_flops(images=images, texts=texts, tokens=tokens, pairs=pairs)
        return loss, self.embedder.text_flops(given) + fused

    def forward(self, pixels: Rows, batch: Batch, loss_of: LossOf, *names: object) -> Tensor:
        """See `BatchLoss`."""
        return self._loss(pixels, batch, self.embedder.tower_texts(batch.texts), loss_of, names, None)

    def encode(
        self, pixels: np.ndarray, given: TowerTexts, drawn: Drawn | None = None
    ) -> tuple[EncodedImages, EncodedTexts]:
        """Encode uint8 pixels (N, S, S, 3), augmented by `drawn`, or cached features (N, C, H, W), and texts."""
        self._pairs, frozen = 0, self.embedder.frozen
        with self.embedder.autocast():
            if frozen is not None and frozen.images is not None:
                images = self.model.images_behind(self.embedder.features(pixels))
            else:
                images = self.model.images(self.embedder.prepared(pixels, drawn))
            return images, self.model.texts(given) if isinstance(given, Packed) else self._padded(given)

    def _padded(self, given: Texts) -> EncodedTexts:
        """Padded texts, those of similar length together, or from their cached hidden states."""
        parts, rows = self.embedder.parts(given)
        rows, length = rows.to(self.embedder.device), given.tokens.shape[1]
        found = [self._part(part) for part in parts]
        states = torch.cat([F.pad(part, (0, 0, 0, length - part.shape[1])) for _, part in found])
        embeddings = torch.cat([part for part, _ in found])
        return EncodedTexts(embeddings[rows], states[rows], given.lengths.to(rows.device))

    def _part(self, given: Texts) -> tuple[Tensor, Tensor]:
        frozen = self.embedder.frozen
        if frozen is not None and frozen.texts is not None:
            return frozen.texts.encoded(given, self.embedder.device)
        found = self.model.texts(given)
        return found.embeddings, found.tokens

    def _loss(
        self,
        pixels: Rows,
        batch: Batch,
        given: TowerTexts,
        loss_of: LossOf,
        names: tuple[object, ...],
        drawn: Drawn | None,
    ) -> Tensor:
        images, texts = self.encode(pixels[batch.rows], given, drawn)
        return loss_of(images.embeddings, texts.embeddings, self._matching(batch, images, texts, names))

    def _matching(
        self, batch: Batch, images: EncodedImages, texts: EncodedTexts, names: tuple[object, ...]
    ) -> Matching:
        """The pair classifier of a batch; hard pairs are sampled from the seed and the batch's names."""
        device, count = images.embeddings.device, len(batch.rows)

        def logits(image: Tensor, text: Tensor) -> Tensor:
            self._pairs += len(image)
            with self.embedder.autocast():
                return self.model.match_logits(images, texts, image, text)

        noise = array_rng(self.seed, "training", "hard pairs", *names).gumbel(size=(2, count, count))
        return Matching(
            captions=batch.captions.to(device),
            positives=batch.positives.to(device),
            negatives=batch.negatives.to(device),
            noise=torch.from_numpy(noise.astype(np.float32)).to(device),
            logits=logits,
        )


def check_chunks(model: nn.Module, wanted: int) -> None:
    """Raise InputError if a batch cannot be embedded in `wanted` chunks because of batch statistics."""
    if wanted == 1:
        return
    for name, module in model.named_modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.training:
            raise InputError(
                f"the model computes statistics over the batch in {name}, which differ between a chunk and the batch",
                record="pretrain.grad_cache_chunks",
                remedy="set pretrain.grad_cache_chunks and pretrain.num_processes to 1, freeze these layers, or use "
                "a tower with another normalization",
            )


def check_whole_batches(chunks: int, compiled: bool) -> None:
    """Raise InputError if a cross-encoder is configured with chunks or a compiled tower.

    Hard pairs are sampled from the whole batch and need the features of both sides, not only embeddings.
    """
    if chunks > 1 or compiled:
        raise InputError(
            "a cross-encoder requires whole batches, one process and a tower that is not compiled",
            record="pretrain.compile" if chunks == 1 else "pretrain.grad_cache_chunks",
            remedy="set pretrain.grad_cache_chunks and pretrain.num_processes to 1 and pretrain.compile to false, "
            "lower pretrain.batch_size, or remove image_text_matching",
        )


def _tower_parameters(model: nn.Module) -> list[nn.Parameter]:
    return [p for name, p in model.named_parameters() if p.requires_grad and name not in ("logit_scale", "logit_bias")]


def _split(texts: Texts, chunks: int) -> list[Texts]:
    """The texts in contiguous chunks: they are sorted by tokens, so texts with a common prefix stay together."""
    fields = [part for part in (texts.tokens, texts.lengths, texts.rows) if part is not None]
    return [Texts(*parts) for parts in zip(*(torch.tensor_split(part, chunks) for part in fields), strict=True)]


def _chunks_of(embeddings: Tensor, parts: Any, mine: slice) -> list[Tensor]:
    """The gradients of this process's chunks."""
    assert embeddings.grad is not None
    return list(torch.split(embeddings.grad, [len(part) for part in parts])[mine])
