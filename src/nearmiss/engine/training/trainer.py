"""The training loop: optimizer steps of an objective over batches, with regularly saved state."""

import math
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from nearmiss.base.errors import InputError
from nearmiss.base.progress import progress
from nearmiss.engine.images.shards import Rows
from nearmiss.engine.models.cross_encoder import CrossEncoder
from nearmiss.engine.models.preprocessing import Normalization
from nearmiss.engine.models.text import packable
from nearmiss.engine.models.trainable import training_mode
from nearmiss.engine.objectives.features import Features, Matching, positives_taken_for_true, taken_for_true
from nearmiss.engine.objectives.registry import Objective
from nearmiss.engine.training.augmentations import draw
from nearmiss.engine.training.batches import Batch, Batches
from nearmiss.engine.training.embedding import Embedder
from nearmiss.engine.training.encoding import BatchLoss, CrossEncoderLoss, DualEncoderLoss, check_whole_batches
from nearmiss.engine.training.flops import BACKWARD, embedding_flops, image_flops, matrix_rate
from nearmiss.engine.training.frozen_features import FrozenFeatures
from nearmiss.engine.training.optimizer import Average, Schedule, TowerOptimizer
from nearmiss.engine.training.parallel import Group
from nearmiss.engine.training.spec import TrainingConfig
from nearmiss.engine.training.state import Saved, State
from nearmiss.engine.training.truth import SceneTruth

LARGEST_SCALE = math.log(100)  # CLIP's bound of the logit scale (Radford et al., ICML 2021, section 2.5)
CURVE_EVERY = 10  # steps between two lines of the curve
ALONE = Group()
COUNTED = ("images", "texts", "negatives", "tokens", "flops")
"""What a run counts, summed over its steps; texts are the different ones of a batch."""


@dataclass
class TrainingProgress:
    """Progress of a run: completed steps, the curve, computed FLOPs, and time over all processes."""

    step: int = 0
    curve: list[dict[str, float]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    best_loss: float | None = None  # of the validations
    best_step: int = 0

    def record(self) -> dict[str, Any]:
        """Everything except the step, as JSON."""
        return {name: value for name, value in asdict(self).items() if name != "step"}


class Trainer:
    """Trains a model, a dual encoder or a cross-encoder, with an objective."""

    def __init__(
        self,
        *,
        model: Any,
        objective: Objective,
        batches: Batches,
        pixels: Rows,
        preprocessing: dict[str, Any],
        config: TrainingConfig,
        device: torch.device,
        truth: SceneTruth | None = None,
        validation: Sequence[Batch] = (),
        group: Group = ALONE,
        pad: int = 0,
        frozen: FrozenFeatures | None = None,
    ) -> None:
        """`pixels` (rows, S, S, 3) uint8, in memory or memory-mapped; `preprocessing` as in the checkpoint. `truth` is
        used by the mask of that name; `validation` are held-out batches; `pad` is the padding token, to which towers
        that are not causal attend. With features of `frozen` parts these parts are not computed."""
        self.model = model.dual if isinstance(model, CrossEncoder) else model
        # All trained modules: the model, and its fusion if it has one.
        self._whole: nn.Module = training_mode(model.to(device))
        self.objective = objective.to(device).train()
        cached = None if frozen is None else frozen.images
        self.batches, self.config, self.device, self.truth = batches, config, device, truth
        self.pixels: Rows = pixels if cached is None else cached
        self.validation, self.group, self._frozen = validation, group, frozen
        self.done = TrainingProgress()
        self.earlier = (0.0, 0.0)  # wall and CPU seconds of earlier processes
        self._bf16 = config.precision == "bf16" and device.type == "cuda"
        self._batch_loss = self._batch_loss_of(model, Normalization(preprocessing, device), pad)
        self._image_flops = (
            image_flops(self.model, pixels.shape[1])
            if frozen is None or cached is None
            else embedding_flops(self.model, frozen.cut, cached.shape[1:])
        )
        self._learned = [p for part in (model, objective) for p in part.parameters() if p.requires_grad]
        self._optimizer = TowerOptimizer(
            self._whole,
            objective,
            image_lr=config.image_lr,
            text_lr=config.text_lr,
            weight_decay=config.weight_decay,
            epsilon=config.epsilon,
            schedule=Schedule(config.steps, config.warmup_steps, config.cooldown_steps),
        )
        self._average = None if config.ema_decay is None else Average(self._whole, config.ema_decay)
        self._best: dict[str, Tensor] = {}
        self._loss = torch.zeros(())  # of the previous step
        self._rate: float | None = None  # of square matrix products on this device, measured on first use

    def _batch_loss_of(self, model: Any, normalize: Normalization, pad: int) -> BatchLoss:
        """The loss computation for this kind of model."""
        config, chunks = self.config, self.config.grad_cache_chunks
        compiled: Any = torch.compile(self.model.encode_image) if config.compile else None
        padding = None if packable(self.model) else pad
        embedder = Embedder(self.model, normalize, self.device, self._bf16, compiled, padding, self._frozen)
        if isinstance(model, CrossEncoder):
            check_whole_batches(chunks * self.group.size, config.compile)
            return CrossEncoderLoss(model, embedder, config.seed)
        return DualEncoderLoss(embedder, chunks, self.group)

    def run(self, state: State) -> TrainingProgress:
        """Train to the last step, from a saved state if there is one. Bit-identical on a CPU, interrupted or not.

        The model ends with its last weights, with their average, or, if patience is set, with the best ones.
        Raises InputError if the loss is not finite.
        """
        saved = state.load()
        if state.damage and self.group.leads:
            way = "starts again" if saved is None else f"resumes from step {saved.step}"
            print(f"nearmiss: {'; '.join(state.damage)}; the training {way}", file=sys.stderr)
        if saved is not None:
            self._resume(saved)
        self.group.wait()
        steps, every = self.config.steps, self.config.checkpoint_every
        wall, cpu = time.perf_counter() - self.done.seconds, time.process_time() - self.done.cpu_seconds
        left = range(self.done.step, steps)
        for step in progress(left, what="train", total=steps, initial=self.done.step, status=self._status):
            if self._patience_is_over():
                break
            self._step(step)
            self.done.step = step + 1
            self._validate()
            self.done.seconds, self.done.cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
            if self.done.step % every == 0 and self.done.step < steps and self.group.leads:
                state.save(self.done.step, self._tensors(), self.done.record())
        if self._best:
            self._whole.load_state_dict(self._best)
        elif self._average is not None:
            self._average.apply()
        return self.done

    def _step(self, step: int) -> None:
        if step % self.batches.per_epoch == 0:
            self.objective.start_epoch()
        batch = self.batches.at(step)
        loss, terms, flops = self._backward(step, batch)
        self._loss = loss.detach()
        norm = torch.nn.utils.clip_grad_norm_(self._learned, self.config.grad_clip_norm)
        if not (torch.isfinite(loss) and torch.isfinite(norm)):
            raise InputError(
                f"the loss is {loss.item():g} and the norm of its gradient {norm.item():g} at step {step + 1}: "
                "the training diverged",
                record=", ".join(f"{name} {value.item():g}" for name, value in terms.items()),
                remedy="lower the arm's learning rates, or raise pretrain.warmup_steps",
            )
        self._optimizer.step(step)
        with torch.no_grad():
            self.model.logit_scale.clamp_(max=LARGEST_SCALE)
        if self._average is not None:
            self._average.update()
        self._count(batch, flops)
        if (step + 1) % CURVE_EVERY == 0 or step + 1 == self.config.steps:
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

    def _status(self) -> str:
        """Postfix of the progress bar: the loss, images per second, and the share of the device's matrix rate."""
        if self._rate is None:
            self._rate = matrix_rate(self.device, torch.bfloat16 if self._bf16 else torch.float32)
        seconds, counts = max(self.done.seconds, 1e-9), self.done.counts
        pace, used = counts["images"] / seconds, counts["flops"] / seconds / self._rate
        return f"loss {self._loss.item():.3f}, {pace:.0f}/s, MFU {used:.0%}"

    def _backward(self, step: int, batch: Batch) -> tuple[Tensor, dict[str, Tensor], int]:
        """The loss of a batch, its terms' values and its FLOPs (see `BatchLoss`); gradients are in the parameters."""
        augment, seed = self.config.augment, self.config.seed
        drawn = draw(augment, seed=seed, step=step, count=len(batch.rows)) if augment else None
        terms: dict[str, Tensor] = {}

        def loss_of(images: Tensor, texts: Tensor, matching: Matching | None) -> Tensor:
            loss, values = self.objective(self._features(batch, images, texts, matching))
            terms.update(values)
            return loss

        loss, flops = self._batch_loss.backward(self.pixels, batch, loss_of, "step", step, drawn=drawn)
        return loss, terms, flops

    def _features(self, batch: Batch, images: Tensor, texts: Tensor, matching: Matching | None) -> Features:
        """Input of the loss terms: embeddings (N, D) of the batch's images and (U, D) of its texts."""

        def of(rows_of: Tensor) -> Tensor:
            rows = rows_of.to(self.device, non_blocking=True)
            return texts.index_select(0, rows.flatten()).unflatten(0, rows.shape)

        truth = None if self.truth is None else self.truth.of(batch)
        true_captions, true_negatives = taken_for_true(
            self.config.mask,
            captions=batch.captions,
            positives=batch.positives,
            negatives=batch.negatives,
            for_others=batch.for_others,
            truth=truth,
        )
        true_positives = positives_taken_for_true(
            self.config.mask,
            captions=batch.captions,
            positives=batch.positives,
            for_others=batch.positives_for_others,
            truth=truth,
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
            true_positives=true_positives.to(self.device),
            written=batch.written.to(self.device),
            kinds=batch.kinds.to(self.device),
            scale=self.model.logit_scale.exp(),
            matching=matching,
        )

    def _validate(self) -> None:
        """Add the objective on the held-out images to the curve, at validation steps."""
        every = self.config.validation.every
        if not self.validation or self.done.step % every:
            return
        self._whole.eval()
        self.objective.eval()
        with torch.no_grad():
            losses = [self._validation_loss(number, batch) for number, batch in enumerate(self.validation)]
        training_mode(self._whole)
        self.objective.train()
        loss = sum(losses) / len(losses)
        self.done.curve.append({"step": self.done.step, "validation_loss": loss})
        if self.done.best_loss is None or loss < self.done.best_loss:
            self.done.best_loss, self.done.best_step = loss, self.done.step
            if self.config.validation.patience is not None:
                self._best = {name: value.clone() for name, value in self._whole.state_dict().items()}

    def _validation_loss(self, number: int, batch: Batch) -> float:
        def loss_of(images: Tensor, texts: Tensor, matching: Matching | None) -> Tensor:
            return self.objective(self._features(batch, images, texts, matching))[0]

        return float(self._batch_loss.forward(self.pixels, batch, loss_of, "validation", number).item())

    def _patience_is_over(self) -> bool:
        patience, every = self.config.validation.patience, self.config.validation.every
        waited = self.done.step - self.done.best_step
        return patience is not None and self.done.best_loss is not None and waited >= patience * every

    def _count(self, batch: Batch, flops: int) -> None:
        """Add a step's counts; `flops` are those of the forward pass without the image tower."""
        new = {
            "images": len(batch.rows),
            "texts": len(batch.texts),
            "negatives": int(batch.valid.sum()),
            "tokens": int(batch.texts.lengths.sum()),
            "flops": (1 + BACKWARD) * (len(batch.rows) * self._image_flops + flops),
        }
        for name, value in new.items():
            self.done.counts[name] += value

    def _parts(self) -> dict[str, Any]:
        """The saved objects by prefix."""
        found: dict[str, Any] = {
            "model": self._whole.state_dict(),
            "objective": self.objective.state_dict(),
            "optimizer": self._optimizer.tensors(),
            "best": self._best,
        }
        return found | ({"average": self._average.tensors()} if self._average is not None else {})

    def _tensors(self) -> dict[str, Tensor]:
        return {f"{part}|{name}": value for part, held in self._parts().items() for name, value in held.items()}

    def _resume(self, saved: Saved) -> None:
        parts: dict[str, dict[str, Tensor]] = {"model": {}, "objective": {}, "optimizer": {}, "best": {}, "average": {}}
        for name, value in saved.tensors.items():
            part, _, rest = name.partition("|")
            parts[part][rest] = value
        self._whole.load_state_dict(parts["model"])
        self.objective.load_state_dict(parts["objective"])
        self._optimizer.load(parts["optimizer"])
        self._best = {name: value.to(self.device) for name, value in parts["best"].items()}
        if self._average is not None:
            self._average.load(parts["average"])
        self.done = TrainingProgress(step=saved.step, **saved.record)
        self.earlier = (self.done.seconds, self.done.cpu_seconds)
