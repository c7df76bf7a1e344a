"""The training loop: steps of an objective over batches, saved often enough that a killed run loses little."""

import math
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nearmiss.base.errors import InputError
from nearmiss.base.progress import progress
from nearmiss.engine.models.cross_encoder import CrossEncoder
from nearmiss.engine.models.packing import Packed, pack
from nearmiss.engine.models.preprocessing import Normalisation
from nearmiss.engine.models.text import packable
from nearmiss.engine.objectives.false_negatives import taken_for_true
from nearmiss.engine.objectives.features import Features, Matching
from nearmiss.engine.objectives.registry import Objective
from nearmiss.engine.training.augmentations import Drawn, draw
from nearmiss.engine.training.average import Average
from nearmiss.engine.training.batches import Batch, Batches
from nearmiss.engine.training.embedding import Embedder, Laid, backward_in_parts, backward_whole, check_parts
from nearmiss.engine.training.flops import BACKWARD, image_flops, matrix_rate
from nearmiss.engine.training.matched import Matcher, check_whole
from nearmiss.engine.training.optimizer import TowerOptimizer
from nearmiss.engine.training.parallel import Group
from nearmiss.engine.training.recipe import Progressed, Recipe
from nearmiss.engine.training.state import Saved, State
from nearmiss.engine.training.truth import SceneTruth

LARGEST_SCALE = math.log(100)  # CLIP's bound of the logit scale (Radford et al., ICML 2021, section 2.5)
CURVE_EVERY = 10  # steps between two lines of the curve
ALONE = Group()


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
        model: Any,
        objective: Objective,
        batches: Batches,
        pixels: np.ndarray,
        preprocessing: dict[str, Any],
        recipe: Recipe,
        device: torch.device,
        truth: SceneTruth | None = None,
        validation: Sequence[Batch] = (),
        group: Group = ALONE,
        pad: int = 0,
    ) -> None:
        """`pixels` (rows, S, S, 3) uint8, mapped from a file or not; `preprocessing` as in the checkpoint. `truth` is
        what the mask of that name asks; `validation` are batches that are never trained on; `pad` is the token behind
        a text's end, which a tower that is not causal sees."""
        self.model = model.dual if isinstance(model, CrossEncoder) else model
        check_parts(self.model, recipe.parts * group.size)
        self._whole: nn.Module = model.to(device).train()  # what learns: the model, and its fusion where it has one
        self.objective = objective.to(device).train()
        self.batches, self.pixels, self.recipe, self.device, self.truth = batches, pixels, recipe, device, truth
        self.validation, self.group = validation, group
        self.done = Progressed()
        self.earlier = (0.0, 0.0)  # wall and CPU seconds of processes before this one
        compiled: Any = torch.compile(self.model.encode_image) if recipe.compile else None
        bf16 = recipe.bf16 and device.type == "cuda"
        padding = None if packable(self.model) else pad
        self._embedder = Embedder(self.model, Normalisation(preprocessing, device), device, bf16, compiled, padding)
        self._matcher: Matcher | None = None
        if isinstance(model, CrossEncoder):
            check_whole(recipe.parts * group.size, recipe.compile)
            self._matcher = Matcher(model, self._embedder, recipe.seed)
        self._image_flops = image_flops(self.model, pixels.shape[1])
        self._learned = [p for part in (model, objective) for p in part.parameters() if p.requires_grad]
        self._optimizer = TowerOptimizer(
            self._whole,
            objective,
            image_lr=recipe.image_lr,
            text_lr=recipe.text_lr,
            weight_decay=recipe.weight_decay,
            schedule=recipe.schedule,
        )
        self._average = None if recipe.average is None else Average(self._whole, recipe.average)
        self._best: dict[str, Tensor] = {}
        self._loss = torch.zeros(())  # of the step before
        self._rate: float | None = None  # of square matrix products on this device, once it is asked for

    def run(self, state: State) -> Progressed:
        """Train to the last step, from the saved state where there is one. Bit-identical on a CPU, interrupted or not.

        The model ends with its last weights, with their average, or, where patience is set, with the best ones.
        Raises InputError where the loss stops being a number.
        """
        saved = state.load()
        if state.damage and self.group.leads:
            way = "starts again" if saved is None else f"goes on from the one of step {saved.step}"
            print(f"nearmiss: {'; '.join(state.damage)}; the training {way}", file=sys.stderr)
        if saved is not None:
            self._resume(saved)
        self.group.wait()
        steps, every = self.recipe.schedule.steps, self.recipe.checkpoint_every
        wall, cpu = time.perf_counter() - self.done.seconds, time.process_time() - self.done.cpu_seconds
        left = range(self.done.step, steps)
        for step in progress(left, what="train", total=steps, initial=self.done.step, told=self._told):
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
        terms: dict[str, Tensor] = {}
        loss, packed = self._backward(step, batch, terms)
        self._loss = loss.detach()
        norm = torch.nn.utils.clip_grad_norm_(self._learned, self.recipe.clip)
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

    def _told(self) -> str:
        """What stands behind the bar: the loss, images a second, and the share of the device's matrix rate."""
        if self._rate is None:
            bf16 = self._embedder.bf16
            self._rate = matrix_rate(self.device, torch.bfloat16 if bf16 else torch.float32)
        seconds, counts = max(self.done.seconds, 1e-9), self.done.counts
        pace, used = counts["images"] / seconds, counts["flops"] / seconds / self._rate
        return f"loss {self._loss.item():.3f}, {pace:.0f}/s, MFU {used:.0%}"

    def _backward(self, step: int, batch: Batch, terms: dict[str, Tensor]) -> tuple[Tensor, list[Laid]]:
        """The loss of a batch and its gradients; the values of its terms are put into `terms`."""
        augment, count = self.recipe.augment, len(batch.rows)
        drawn = draw(augment, seed=self.recipe.seed, step=step, count=count) if augment else None

        def loss_of(images: Tensor, texts: Tensor, matching: Matching | None = None) -> Tensor:
            loss, values = self.objective(self._features(batch, images, texts, matching))
            terms.update(values)
            return loss

        if self._matcher is not None:
            packed = pack(batch.texts)
            loss = loss_of(*self._matched(self._matcher, batch, packed, "step", step, drawn=drawn))
            loss.backward()
            return loss, [packed]
        if self.recipe.parts * self.group.size == 1:
            laid = self._embedder.laid(batch.texts)
            return backward_whole(self._embedder, self.pixels[batch.rows], laid, loss_of, drawn), [laid]
        return backward_in_parts(
            self._embedder, self.pixels, batch, loss_of, parts=self.recipe.parts, group=self.group, drawn=drawn
        )

    def _matched(
        self, matcher: Matcher, batch: Batch, packed: Packed, *names: object, drawn: Drawn | None = None
    ) -> tuple[Tensor, Tensor, Matching]:
        """Both embeddings of a cross-encoder's batch, and the judge of its pairs."""
        images, texts = matcher.encode(self.pixels[batch.rows], packed, drawn)
        return images.embeddings, texts.embeddings, matcher.matching(batch, images, texts, *names)

    def _features(self, batch: Batch, images: Tensor, texts: Tensor, matching: Matching | None = None) -> Features:
        """What the terms compute from: embeddings (N, D) of the batch's images and (U, D) of its texts."""

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
            matching=matching,
        )

    def _validate(self) -> None:
        """The objective on the images that were kept apart, into the curve, where it is time for it."""
        every = self.recipe.validate_every
        if not (every and self.validation) or self.done.step % every:
            return
        self._whole.eval()
        self.objective.eval()
        with torch.no_grad():
            losses = [self._validation_loss(number, batch) for number, batch in enumerate(self.validation)]
        self._whole.train()
        self.objective.train()
        loss = sum(losses) / len(losses)
        self.done.curve.append({"step": self.done.step, "validation_loss": loss})
        if self.done.best_loss is None or loss < self.done.best_loss:
            self.done.best_loss, self.done.best_step = loss, self.done.step
            if self.recipe.patience is not None:
                self._best = {name: value.clone() for name, value in self._whole.state_dict().items()}

    def _validation_loss(self, number: int, batch: Batch) -> float:
        if self._matcher is not None:
            given = self._features(batch, *self._matched(self._matcher, batch, pack(batch.texts), "validation", number))
        else:
            images = self._embedder.images(self.pixels[batch.rows])
            given = self._features(batch, images, self._embedder.texts(self._embedder.laid(batch.texts)))
        return float(self.objective(given)[0].item())

    def _patience_is_over(self) -> bool:
        patience, every = self.recipe.patience, self.recipe.validate_every
        waited = self.done.step - self.done.best_step
        return patience is not None and self.done.best_loss is not None and waited >= patience * every

    def _count(self, batch: Batch, laid: list[Laid]) -> None:
        forward = len(batch.rows) * self._image_flops
        if self._matcher is not None:
            assert isinstance(laid[0], Packed)  # for the type checker: a cross-encoder's texts are packed
            forward += self._matcher.forward_flops(batch, laid[0])
        else:
            forward += self.group.size * sum(self._embedder.text_flops(part) for part in laid)
        new = {
            "images": len(batch.rows),
            "texts": len(batch.texts),
            "tokens": int(batch.texts.lengths.sum()),
            "flops": (1 + BACKWARD) * forward,
        }
        for name, value in new.items():
            self.done.counts[name] += value

    def _parts(self) -> dict[str, Any]:
        """What is saved, by its prefix."""
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
        self.done = Progressed(step=saved.step, **saved.record)
        self.earlier = (self.done.seconds, self.done.cpu_seconds)
