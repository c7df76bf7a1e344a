"""Fine-tuning of both towers and a head to classify texts as true or false of an image."""

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from open_clip import CLIP
from torch import Tensor, nn
from torch.nn import functional as F

from nearmiss.base.errors import InputError
from nearmiss.base.progress import progress
from nearmiss.base.seeding import array_rng
from nearmiss.engine.models.packing import Texts, pack
from nearmiss.engine.models.preprocessing import Normalization
from nearmiss.engine.models.text import encode_texts, forward_flops
from nearmiss.engine.models.tokenization import TextBook
from nearmiss.engine.training.flops import BACKWARD, image_flops
from nearmiss.engine.training.optimizer import BETAS, EPSILON, Schedule, TowerOptimizer
from nearmiss.engine.training.spec import MatchingConfig

CURVE_EVERY = 20  # steps per line of the curve, which is their mean loss


@dataclass(frozen=True)
class Pairs:
    """N pairs: rows of `pixels` (images, S, S, 3) uint8 and of the text book, and whether the text is true (N,)."""

    pixels: np.ndarray
    book: TextBook
    images: np.ndarray
    texts: np.ndarray
    labels: np.ndarray


class MatchingHead(nn.Module):
    """One logit from an image's and a text's L2-normalized embeddings u, v (D): linear in u * v, |u - v| and u . v.

    Our choice, after InferSent's features (Conneau et al., EMNLP 2017, section 3.1): VSR's paper has only
    cross-encoders. Features are scaled to about 1, and all weights start at 0, so that every initialization starts from
    the same head.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self._dim = dim
        self.linear = nn.Linear(2 * dim + 1, 1)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, images: Tensor, texts: Tensor) -> Tensor:
        """Logits (N,) of embeddings (N, D)."""
        product = images * texts
        features = [self._dim * product, math.sqrt(self._dim) * (images - texts).abs(), self._cosine(product)]
        return self.linear(torch.cat(features, dim=-1)).squeeze(-1)

    def _cosine(self, product: Tensor) -> Tensor:
        return math.sqrt(self._dim) * product.sum(dim=-1, keepdim=True)


@dataclass
class Matching:
    """A model and its head, trained on pairs and evaluated on others."""

    model: CLIP
    preprocessing: dict
    device: torch.device
    counts: dict[str, int] = field(default_factory=lambda: {"images": 0, "texts": 0, "flops": 0})

    def __post_init__(self) -> None:
        self.model.to(self.device, memory_format=torch.channels_last)
        self.head = MatchingHead(self.model.text_projection.shape[1]).to(self.device)
        self._normalize = Normalization(self.preprocessing, self.device)
        self._image_flops = 0

    def train(self, pairs: Pairs, config: MatchingConfig, order: int, what: str) -> list[dict[str, float]]:
        """Train on `pairs`, in the order of seed `order`; returns the curve of the mean binary cross-entropy.

        Raises InputError if the loss is not finite.
        """
        towers = TowerOptimizer(
            self.model,
            image_lr=config.image_lr,
            text_lr=config.text_lr,
            weight_decay=config.weight_decay,
            schedule=Schedule(config.steps, warmup_steps=config.warmup_steps),
        )
        head = torch.optim.AdamW(self.head.parameters(), lr=config.head_lr, betas=BETAS, eps=EPSILON, weight_decay=0.0)
        parameters = [*self.model.parameters(), *self.head.parameters()]
        labels = torch.from_numpy(pairs.labels.astype(np.float32)).to(self.device)
        self.model.train()
        curve: list[dict[str, float]] = []
        losses: list[float] = []
        rows = batches(len(pairs.labels), config.batch_size, config.steps, order)
        for step, members in enumerate(progress(rows, what=what), start=1):
            loss = F.binary_cross_entropy_with_logits(self._logits(pairs, members, BACKWARD + 1), labels[members])
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(parameters, config.grad_clip_norm)
            if not (torch.isfinite(loss) and torch.isfinite(norm)):
                raise InputError(
                    f"the loss is {loss.item():g} at step {step}: fine-tuning diverged",
                    record=what,
                    remedy="lower the task's rates or factors",
                )
            towers.step(step - 1)
            head.step()
            head.zero_grad(set_to_none=True)
            losses.append(loss.item())
            if step % CURVE_EVERY == 0 or step == config.steps:
                curve.append({"step": step, "loss": float(np.mean(losses))})
                losses.clear()
        return curve

    @torch.no_grad()
    def logits(self, pairs: Pairs, batch_size: int = 256) -> np.ndarray:
        """The logit of each pair (N,) float32; above 0 the text is classified as true."""
        self.model.eval()
        members = np.arange(len(pairs.labels))
        parts = [
            self._logits(pairs, members[start : start + batch_size], 1) for start in range(0, len(members), batch_size)
        ]
        return torch.cat(parts).cpu().numpy()

    def _logits(self, pairs: Pairs, members: np.ndarray, passes: int) -> Tensor:
        """Logits of some pairs; each unique text is encoded once. `passes` is the FLOPs factor of a forward pass."""
        pixels = torch.from_numpy(pairs.pixels[pairs.images[members]]).to(self.device)
        different, inverse = np.unique(pairs.texts[members], return_inverse=True)
        lengths = torch.from_numpy(pairs.book.lengths[different])
        tokens = torch.from_numpy(pairs.book.ids[different][:, : int(lengths.max())].astype(np.int64))
        packed = pack(Texts(tokens, lengths))
        images = F.normalize(self.model.encode_image(self._normalize(pixels)).float(), dim=-1)
        rows = torch.from_numpy(inverse.reshape(-1)).to(self.device)
        logits: Tensor = self.head(images, encode_texts(self.model, packed).index_select(0, rows))
        self._image_flops = self._image_flops or image_flops(self.model, pairs.pixels.shape[1])
        self.counts["images"] += len(members)
        self.counts["texts"] += len(different)
        self.counts["flops"] += passes * (len(members) * self._image_flops + forward_flops(self.model, packed))
        return logits


def batches(number: int, size: int, steps: int, order: int) -> list[np.ndarray]:
    """Rows of each step's batch: all of `number` rows in a new order each epoch, cut into batches of `size`.

    A batch may reach into the next epoch, so that every step has the same number of rows.
    """
    epochs = -(-steps * size // number)
    rows = np.concatenate([array_rng(order, "epoch", epoch).permutation(number) for epoch in range(epochs)])
    return [rows[step * size : (step + 1) * size] for step in range(steps)]
