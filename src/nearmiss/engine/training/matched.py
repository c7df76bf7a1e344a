"""What a cross-encoder's training needs of a batch beside the embeddings: a judge of its pairs, and what it cost."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from nearmiss.base.errors import InputError
from nearmiss.base.seeding import array_rng
from nearmiss.engine.models.cross_encoder import CrossEncoder, EncodedImages, EncodedTexts
from nearmiss.engine.models.packing import Packed
from nearmiss.engine.objectives.features import Matching
from nearmiss.engine.training.augmentations import Drawn
from nearmiss.engine.training.batches import Batch
from nearmiss.engine.training.embedding import Embedder


@dataclass
class Matcher:
    """Encodes batches for a cross-encoder, through the loop's own embedder: the same pixels, the same precision."""

    model: CrossEncoder
    embedder: Embedder
    seed: int
    pairs: int = field(default=0, init=False)  # that were judged of the batch encoded last

    def encode(
        self, pixels: np.ndarray, packed: Packed, drawn: Drawn | None = None
    ) -> tuple[EncodedImages, EncodedTexts]:
        """Of uint8 pixels (N, S, S, 3), changed as `drawn` says, and of packed texts."""
        self.pairs, given = 0, self.embedder.prepared(pixels, drawn)
        with self.embedder.autocast():
            return self.model.images(given), self.model.texts(packed)

    def matching(self, batch: Batch, images: EncodedImages, texts: EncodedTexts, *names: object) -> Matching:
        """The judge of a batch's pairs; `names` say which batch it is, for the draw of hard pairs."""
        device, count = images.embeddings.device, len(batch.rows)

        def logits(image: Tensor, text: Tensor) -> Tensor:
            self.pairs += len(image)
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

    def forward_flops(self, batch: Batch, packed: Packed) -> int:
        """Floating-point operations of the forward of the batch encoded last, but for the image tower's."""
        return self.model.forward_flops(packed, images=len(batch.rows), pairs=self.pairs)


def check_whole(parts: int, compiled: bool) -> None:
    """Raise InputError where a cross-encoder's batch is to be embedded in parts or by a compiled tower.

    Hard pairs are drawn from the whole batch and need the features of both sides, not embeddings alone.
    """
    if parts > 1 or compiled:
        raise InputError(
            "a cross-encoder trains on whole batches in one process and with a tower that is not compiled",
            record="pretrain.compile" if parts == 1 else "pretrain.grad_cache_chunks",
            remedy="set pretrain.grad_cache_chunks and pretrain.num_processes to 1 and pretrain.compile to false, "
            "lower pretrain.batch_size, or leave image_text_matching out",
        )
