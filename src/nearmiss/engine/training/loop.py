"""The training loop: steps of an objective over batches, saved often enough that a killed run loses little."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from open_clip import CLIP
from torch import Tensor
from torch.nn import functional as F

from nearmiss.base.errors import InputError
from nearmiss.base.progress import progress
from nearmiss.engine.models.packing import Packed, pack
from nearmiss.engine.models.preprocessing import Normalisation
from nearmiss.engine.models.text import encode_texts, forward_flops
from nearmiss.engine.objectives.false_negatives import taken_for_true
from nearmiss.engine.objectives.features import Features
from nearmiss.engine.objectives.registry import Objective
from nearmiss.engine.objectives.spec import Mask
from nearmiss.engine.training.batches import Batch, Batches
from nearmiss.engine.training.flops import BACKWARD, image_flops
from nearmiss.engine.training.optimizer import Schedule, TowerOptimizer
from nearmiss.engine.training.state import Saved, State
from nearmiss.engine.training.truth import SceneTruth

LARGEST_SCALE = math.log(100)  # CLIP's bound of the logit scale (Radford et al., ICML 2021, section 2.5)
CURVE_EVERY = 10  # steps between two lines of the curve


@dataclass(frozen=True)
class Recipe:
    """How a run is optimised. Rates are AdamW's at their highest; `bf16` computes under autocast, on a GPU only."""

    schedule: Schedule
    image_rate: float
    text_rate: float
    weight_decay: float
    clip: float
    bf16: bool
    checkpoint_every: int
    mask: Mask = "same_image"


@dataclass
class Progressed:
    """How far a run is: steps done, the curve so far, what was computed, and in how much time over all processes."""

    step: int = 0
    curve: list[dict[str, float]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: {"images": 0, "texts": 0, "tokens": 0, "flops": 0})
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def record(self) -> dict[str, Any]:
        """Everything but the step, as JSON."""
        return {
            "curve": self.curve,
            "counts": self.counts,
            "seconds": self.seconds,
            "cpu_seconds": self.cpu_seconds,
        }


@contextmanager
def deterministic(threads: int) -> Iterator[None]:
    """Only deterministic algorithms on so many CPU threads; what was set before is put back."""
    memory: Any = torch.utils.deterministic
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), memory.fill_uninitialized_memory
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    # Filling fresh memory costs time and is no part of determinism: nothing here reads what it did not write.
    memory.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
        memory.fill_uninitialized_memory = before[2]


class Training:
    """A run in progress: model, objective and optimizer, and how far they are."""

    def __init__(
        self,
        *,
        model: CLIP,
        objective: Objective,
        batches: Batches,
        pixels: np.ndarray,
        preprocessing: dict[str, Any],
        recipe: Recipe,
        device: torch.device,
        truth: SceneTruth | None = None,
    ) -> None:
        """`pixels` (rows, S, S, 3) uint8, mapped from a file or not; `preprocessing` as in the checkpoint. `truth` is
        what the mask of that name asks."""
        self.model, self.objective = model.to(device).train(), objective.to(device).train()
        self.batches, self.pixels, self.recipe, self.device, self.truth = batches, pixels, recipe, device, truth
        self.done = Progressed()
        self.earlier = (0.0, 0.0)  # wall and CPU seconds of processes before this one
        self._normalise = Normalisation(preprocessing, device)
        self._image_flops = image_flops(model, pixels.shape[1])
        self._learned = [p for part in (model, objective) for p in part.parameters() if p.requires_grad]
        self._optimizer = TowerOptimizer(
            model,
            objective,
            image_rate=recipe.image_rate,
            text_rate=recipe.text_rate,
            weight_decay=recipe.weight_decay,
            schedule=recipe.schedule,
        )

    def run(self, state: State) -> Progressed:
        """Train to the last step, from the saved state where there is one. Bit-identical on a CPU, interrupted or not.

        Raises InputError where the loss stops being a number.
        """
        saved = state.load()
        if saved is not None:
            self._resume(saved)
        steps, every = self.recipe.schedule.steps, self.recipe.checkpoint_every
        wall, cpu = time.perf_counter() - self.done.seconds, time.process_time() - self.done.cpu_seconds
        for step in progress(range(self.done.step, steps), what="train", total=steps, initial=self.done.step):
            self._step(step)
            self.done.step = step + 1
            self.done.seconds, self.done.cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
            if self.done.step % every == 0 and self.done.step < steps:
                state.save(self.done.step, self._tensors(), self.done.record())
        return self.done

    def _step(self, step: int) -> None:
        if step % self.batches.per_epoch == 0:
            self.objective.start_epoch()
        batch = self.batches.at(step)
        packed = pack(batch.texts)
        loss, terms = self.objective(self._features(batch, packed))
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self._learned, self.recipe.clip)
        if not (torch.isfinite(loss) and torch.isfinite(norm)):
            raise InputError(
                f"the loss is {loss.item():g} and the norm of its gradient {norm.item():g} at step {step + 1}: "
                "the training diverged",
                record=", ".join(f"{name} {value.item():g}" for name, value in terms.items()),
                remedy="lower the arm's learning rates, or lengthen pretrain.warmup",
            )
        self._optimizer.step(step)
        with torch.no_grad():
            self.model.logit_scale.clamp_(max=LARGEST_SCALE)
        self._count(batch, packed)
        if (step + 1) % CURVE_EVERY == 0 or step + 1 == self.recipe.schedule.steps:
            self.done.curve.append(
                {
                    "step": step + 1,
                    "loss": loss.item(),
                    **{name: value.item() for name, value in terms.items()},
                    "gradient_norm": norm.item(),
                    "scale": self.model.logit_scale.exp().item(),
                    **self.objective.remembered(),
                }
            )

    def _features(self, batch: Batch, packed: Packed) -> Features:
        """Embed a batch: each image and each different text once; similarities are computed in fp32 from these."""
        pixels = torch.from_numpy(self.pixels[batch.rows]).to(self.device, non_blocking=True)
        bf16 = self.recipe.bf16 and self.device.type == "cuda"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=bf16):
            images = self.model.encode_image(self._normalise(pixels))
            texts = encode_texts(self.model, packed)
        images = F.normalize(images.float(), dim=-1)

        def of(places: Tensor) -> Tensor:
            rows = places.to(self.device, non_blocking=True)
            return texts.index_select(0, rows.flatten()).unflatten(0, rows.shape)

        true_captions, true_negatives = taken_for_true(
            self.recipe.mask,
            captions=batch.captions,
            positives=batch.positives,
            negatives=batch.negatives,
            for_others=batch.for_others,
            truth=None if self.truth is None else self.truth.of(batch),
        )
        return Features(
            images=images,
            captions=of(batch.captions),
            positives=of(batch.positives),
            negatives=of(batch.negatives),
            paraphrases=of(batch.paraphrases),
            valid=batch.valid.to(self.device),
            paraphrased=batch.paraphrased.to(self.device),
            true_captions=true_captions.to(self.device),
            true_negatives=true_negatives.to(self.device),
            kinds=batch.kinds.to(self.device),
            scale=self.model.logit_scale.exp(),
        )

    def _count(self, batch: Batch, packed: Packed) -> None:
        forward = len(batch.rows) * self._image_flops + forward_flops(self.model, packed)
        new = {
            "images": len(batch.rows),
            "texts": len(batch.texts),
            "tokens": int(batch.texts.lengths.sum()),
            "flops": (1 + BACKWARD) * forward,
        }
        for name, value in new.items():
            self.done.counts[name] += value

    def _tensors(self) -> dict[str, Tensor]:
        return {
            **{f"model|{name}": value for name, value in self.model.state_dict().items()},
            **{f"objective|{name}": value for name, value in self.objective.state_dict().items()},
            **{f"optimizer|{name}": value for name, value in self._optimizer.tensors().items()},
        }

    def _resume(self, saved: Saved) -> None:
        parts: dict[str, dict[str, Tensor]] = {"model": {}, "objective": {}, "optimizer": {}}
        for name, value in saved.tensors.items():
            part, _, rest = name.partition("|")
            parts[part][rest] = value
        self.model.load_state_dict(parts["model"])
        self.objective.load_state_dict(parts["objective"])
        self._optimizer.load(parts["optimizer"])
        self.done = Progressed(step=saved.step, **saved.record)
        self.earlier = (self.done.seconds, self.done.cpu_seconds)
