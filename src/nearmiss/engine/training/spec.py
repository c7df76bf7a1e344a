"""Typed options of a training run. A configuration is validated without importing torch."""

from typing import Annotated, Literal

from pydantic import Field

from nearmiss.base.typed import Typed
from nearmiss.engine.objectives.spec import Mask

Positive = Annotated[float, Field(gt=0)]
AugmentationName = Literal["flip", "crop", "light", "hue", "gray"]


class ValidationConfig(Typed):
    """Validation during training on held-out training images."""

    share: float = Field(0.0, ge=0, le=0.5, description="Share of the training images that are held out; 0 for none.")
    every: int = Field(100, ge=1, description="Steps between two validations.")
    patience: int | None = Field(
        None, ge=1, description="Validations without improvement after which a run stops, with its best weights."
    )


class OptimizationConfig(Typed):
    """Options that all runs of an experiment share: batch, optimizer, precision and memory."""

    batch_size: int = Field(64, ge=2, description="Images in a batch.")
    weight_decay: float = Field(0.05, ge=0, description="AdamW weight decay, on matrices only.")
    grad_clip_norm: float = Field(1.0, gt=0, description="Maximum norm of the gradient.")
    precision: Literal["fp32", "bf16"] = Field("fp32", description="bf16 uses autocast, on a GPU.")
    augment: list[AugmentationName] = Field(
        [], description="Augmentations of the images; one that makes captions false is refused."
    )
    grad_cache_chunks: int = Field(
        1, ge=1, description="Chunks of a batch that are embedded sequentially to save memory; same gradients."
    )
    num_processes: int = Field(
        1, ge=1, description="Processes that train one run, each on a part of every batch; same gradients."
    )
    ema_decay: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Decay of the exponential moving average of the weights, which is then the result; null for none.",
    )
    compile: bool = Field(False, description="Compile the image tower (torch.compile): slower start, faster steps.")
    validation: ValidationConfig = Field(default_factory=ValidationConfig, description="Validation during training.")
    checkpoint_every: int = Field(
        100, ge=1, description="Steps between saved states, from which an interrupted run resumes."
    )


class TrainingConfig(OptimizationConfig):
    """All options of one run, with the defaults of its model filled in."""

    steps: int = Field(ge=0, description="Optimizer steps.")
    warmup_steps: int = Field(0, ge=0, description="Steps of linear warm-up.")
    cooldown_steps: int = Field(0, ge=0, description="Last steps, over which the learning rates fall linearly to 0.")
    image_lr: float = Field(ge=0, description="Peak learning rate of the image tower and the logit scale.")
    text_lr: float = Field(ge=0, description="Peak learning rate of the text tower and of a fusion.")
    epsilon: float = Field(1e-8, gt=0, description="AdamW's epsilon.")
    mask: Mask = Field("same_image", description="Texts of other images that are excluded from an image's negatives.")
    seed: int = Field(0, ge=0, description="Seed of the augmentations and of hard pairs.")


class MatchingConfig(Typed):
    """Fine-tuning of both towers and a head on their embeddings for a task of images and texts."""

    task: str = Field(description="Name of the task.")
    steps: int = Field(200, ge=1, description="Optimizer steps, the same at every share of the labels.")
    batch_size: int = Field(64, ge=2, description="Statements in a batch.")
    image_lr: Positive = Field(1e-3, description="Learning rate of the image tower.")
    text_lr: Positive = Field(5e-4, description="Learning rate of the text tower.")
    head_lr: Positive = Field(3e-3, description="Learning rate of the head; factors do not apply to it.")
    warmup_steps: int = Field(30, ge=0, description="Steps of linear warm-up; the rate is constant afterwards.")
    weight_decay: float = Field(0.05, ge=0, description="AdamW weight decay, on the towers' matrices only.")
    grad_clip_norm: Positive = Field(1.0, description="Maximum norm of the gradient.")
