"""How a run is optimised, and how far it is."""

from dataclasses import dataclass, field
from typing import Any

from nearmiss.engine.objectives.spec import Mask
from nearmiss.engine.training.optimizer import Schedule
from nearmiss.engine.training.spec import AugmentationName


@dataclass(frozen=True)
class Recipe:
    """Options of a training. Rates are AdamW's at their highest; `bf16` computes under autocast, on a GPU only."""

    schedule: Schedule
    image_lr: float
    text_lr: float
    weight_decay: float
    clip: float
    bf16: bool
    checkpoint_every: int
    mask: Mask = "same_image"
    parts: int = 1  # of the batch that are embedded one after the other
    average: float | None = None  # decay of the averaged weights, which then are the result
    compile: bool = False
    validate_every: int = 0  # steps between two validations; 0 for none
    augment: tuple[AugmentationName, ...] = ()
    seed: int = 0  # of the augmentations
    patience: int | None = None  # validations without a new best after which the training stops


@dataclass
class Progressed:
    """How far a run is: steps done, the curve so far, what was computed, and in how much time over all processes."""

    step: int = 0
    curve: list[dict[str, float]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: {"images": 0, "texts": 0, "tokens": 0, "flops": 0})
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    best_loss: float | None = None  # of the validations
    best_step: int = 0

    def record(self) -> dict[str, Any]:
        """Everything but the step, as JSON."""
        return {
            "curve": self.curve,
            "counts": self.counts,
            "seconds": self.seconds,
            "cpu_seconds": self.cpu_seconds,
            "best_loss": self.best_loss,
            "best_step": self.best_step,
        }
