"""Configuration of stage `pretrain`: the model, the base and the arms that continue from it."""

from dataclasses import dataclass
from typing import Literal

from pydantic import Field, PositiveFloat, model_validator

from nearmiss.base.typed import Typed
from nearmiss.engine.formats.checkpoint import checkpoint_files
from nearmiss.engine.objectives.spec import (
    Contrastive,
    CrossModalRank,
    HardNegativeColumns,
    IntraModalContrast,
    Mask,
    OwnNegatives,
    Terms,
)
from nearmiss.engine.training.spec import OptimizationConfig, TrainingConfig

BASE = "base"
"""The arm that every other one continues from."""


class ModelConfig(Typed):
    """A small open_clip configuration: image tower, text tower and the joint embedding.

    It stands here and not in engine/models: importing that package registers towers with timm, which is heavy.
    """

    image_tower: Literal["nearmiss_conv"] = Field("nearmiss_conv", description="Image tower, a timm model name.")
    image_size: int = Field(48, ge=16, description="Side in pixels at which the model sees images.")
    embed_dim: int = Field(128, ge=8, description="Dimension of the joint embedding.")
    text_width: int = Field(128, ge=8, description="Width of the text tower.")
    text_layers: int = Field(2, ge=1, description="Layers of the text tower; one learns no word order in a short run.")
    text_heads: int = Field(4, ge=1, description="Attention heads of the text tower.")
    context_length: int = Field(24, ge=8, description="Most tokens of a caption, start and end included.")


class OpenClipConfig(Typed):
    """A model that open_clip knows, with its own tokenizer and preprocessing."""

    name: str = Field(description="open_clip's name of it, or `local-dir:FOLDER`, or `hf-hub:ORGANIZATION/NAME`.")
    pretrained: str | None = Field(
        None, description="A tag of open_clip's or a file of weights; null for random ones, or for those of a folder."
    )
    sha256: str | None = Field(None, description="SHA-256 that a file of weights must have.")


class LowRankConfig(Typed):
    """Low-rank adaptation (LoRA): the given weights stay, and thin matrices beside them are learned."""

    rank: int = Field(8, ge=1, description="Rank of the update of each matrix.")
    alpha: float = Field(16.0, gt=0, description="The update counts alpha / rank times.")
    target_modules: list[str] = Field(
        ["image", "text"], min_length=1, description="Which matrices, in the words of `freeze`; embeddings never."
    )


class FusionConfig(Typed):
    """The fusion of a cross-encoder, which an arm with the term image_text_matching trains beside the towers."""

    width: int = Field(128, ge=8, description="Width of the fusion.")
    heads: int = Field(4, ge=1, description="Attention heads of the fusion.")
    layers: int = Field(2, ge=1, description="Layers, each of self-attention, cross-attention to the image and MLP.")


class ArmConfig(Typed):
    """An arm: where its negatives come from, the objective it is trained with, and its learning rates."""

    method: str | None = Field(None, description="A method of stage negatives, or null for none.")
    objective: Terms = Field(
        description="Loss terms, of which the objective is the weighted sum; or a paper's objective by name."
    )
    mask: Mask = Field(
        "same_image",
        description="Texts of others that are no negatives of an image: none: as in the releases; same_image: those "
        "that are one of its own; truth: those that the embedded world knows to be true of it.",
    )
    verdicts: list[Literal["verified", "plausible", "unchecked"]] = Field(
        ["verified", "plausible"], description="Negatives with one of these verdicts are used."
    )
    num_negatives: int = Field(
        4,
        ge=0,
        description="Negatives of each image in a batch; where the method writes positives of its own, half as many "
        "pairs of a positive and a negative.",
    )
    freeze: list[str] = Field(
        [],
        description="Weights that do not learn: image, text, image.blocks.0-3 (a range of a tower's blocks), or a "
        "pattern of parameter names such as *.bias.",
    )
    lora: LowRankConfig | None = Field(None, description="Low-rank adaptation in place of learning every weight.")
    image_lr: float | None = Field(
        None, gt=0, description="Learning rate of the image tower and of the logit scale; null for the model's default."
    )
    text_lr: float | None = Field(
        None, gt=0, description="Learning rate of the text tower; null for the model's default."
    )


class PhaseConfig(Typed):
    """How long and on which captions a phase of training runs."""

    captions: str | None = Field(
        None, description="Set of the images' own captions; null for the default of the data source."
    )
    steps: int | None = Field(None, ge=0, description="Optimizer steps; null for the model's default.")
    cooldown_steps: int = Field(0, ge=0, description="Last steps, over which the rate falls linearly to 0.")

    @model_validator(mode="after")
    def _cooldown_is_part_of_the_phase(self) -> "PhaseConfig":
        if self.steps is not None and self.cooldown_steps > self.steps:
            raise ValueError(f"a cool-down of {self.cooldown_steps} steps does not fit in {self.steps} steps")
        return self


class PretrainConfig(OptimizationConfig):
    """Training of the base, then of every arm from the base, on the same data order."""

    model: ModelConfig | OpenClipConfig = Field(
        default_factory=ModelConfig,
        description="The model that is trained: a small one of ours (image_tower ...) or one of open_clip's (name, "
        "pretrained, sha256), whose base starts from the weights that are named.",
    )
    fusion: FusionConfig = Field(
        default_factory=FusionConfig, description="The fusion of arms with a matching term; random at first."
    )
    base: PhaseConfig = Field(
        PhaseConfig(), description="The base's phase; with 0 steps it is the weights that were named."
    )
    continued: PhaseConfig = Field(PhaseConfig(cooldown_steps=500), description="Every other arm's phase.")
    warmup_steps: int | None = Field(
        None, ge=0, description="Steps of linear warm-up of each phase; null for the model's default."
    )
    epsilon: float | None = Field(None, gt=0, description="AdamW's epsilon; null for the model's default.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto takes a GPU where there is one.")
    threads: int = Field(1, ge=1, description="CPU threads of one training; results differ in bits between 1 and 2.")
    sources: dict[str, PositiveFloat] = Field(
        {},
        description="How often a caption is drawn by its source, against the other captions of its image; 1 where a "
        "source is not named.",
    )

    @property
    def reads_words(self) -> bool:
        """Whether the model's tokenizer is made of a list of words; a model of open_clip's brings its own."""
        return isinstance(self.model, ModelConfig)

    @property
    def checkpoint_files(self) -> tuple[str, ...]:
        """Files that every checkpoint of this model has. A tokenizer of open_clip's may lie beside them."""
        return checkpoint_files(tokenizer=self.reads_words)


@dataclass(frozen=True)
class Defaults:
    """Values that follow from the kind of model where the configuration says null."""

    image_lr: float
    text_lr: float
    epsilon: float
    warmup_steps: int
    base_steps: int
    continued_steps: int


SMALL = Defaults(1.5e-3, 7.5e-4, epsilon=1e-8, warmup_steps=100, base_steps=1500, continued_steps=2000)
"""A small model from random weights: our search (config/world-search.yaml). An epsilon of 1e-6 slows it."""
RANDOM = Defaults(5e-4, 5e-4, epsilon=1e-6, warmup_steps=500, base_steps=10_000, continued_steps=2000)
"""A model of open_clip's from random weights: rates and epsilon of ViT-B/32 in CLIP (Radford et al., ICML 2021, tables
18 and 19). Steps are our choice: CLIP saw 12.8 billion pairs."""
PRETRAINED = Defaults(5e-6, 5e-6, epsilon=1e-6, warmup_steps=50, base_steps=0, continued_steps=2000)
"""Pretrained weights: the middle of NegCLIP's grid of 1e-6, 5e-6 and 1e-5, and its warm-up (Yuksekgonul et al.,
ICLR 2023, appendix); CLIP's epsilon. The base is the weights as they are. The number of steps is our choice."""


def defaults_of(model: ModelConfig | OpenClipConfig) -> Defaults:
    """The defaults of a kind of model."""
    if isinstance(model, ModelConfig):
        return SMALL
    return PRETRAINED if model.pretrained is not None or ":" in model.name else RANDOM


def with_defaults(shared: PretrainConfig) -> PretrainConfig:
    """The section with every null that stands for a default of the model replaced by it."""
    defaults = defaults_of(shared.model)

    def phase(given: PhaseConfig, steps: int) -> PhaseConfig:
        return given if given.steps is not None else given.model_copy(update={"steps": steps})

    return shared.model_copy(
        update={
            "base": phase(shared.base, defaults.base_steps),
            "continued": phase(shared.continued, defaults.continued_steps),
            "warmup_steps": defaults.warmup_steps if shared.warmup_steps is None else shared.warmup_steps,
            "epsilon": shared.epsilon or defaults.epsilon,
        }
    )


def arm_with_defaults(arm: ArmConfig, model: ModelConfig | OpenClipConfig) -> ArmConfig:
    """The arm with learning rates, where it gives none those of the kind of model."""
    defaults = defaults_of(model)
    rates = {"image_lr": arm.image_lr or defaults.image_lr, "text_lr": arm.text_lr or defaults.text_lr}
    return arm.model_copy(update=rates)


def training_config(shared: PretrainConfig, arm_name: str, arm: ArmConfig, seed: int) -> TrainingConfig:
    """All options of one run."""
    shared, arm = with_defaults(shared), arm_with_defaults(arm, shared.model)
    phase = shared.base if arm_name == BASE else shared.continued
    options = {name: getattr(shared, name) for name in (*OptimizationConfig.model_fields, "warmup_steps", "epsilon")}
    options |= {"steps": phase.steps, "cooldown_steps": phase.cooldown_steps, "mask": arm.mask, "seed": seed}
    return TrainingConfig(**options, image_lr=arm.image_lr, text_lr=arm.text_lr)


def default_arms(model: ModelConfig | OpenClipConfig | None = None) -> dict[str, ArmConfig]:
    """The arms of the default experiment: one per paper and two controls (`base` is named like an arm).

    The small model's rates come from one and the same search for every arm (config/world-search.yaml). It preferred the
    slower pair for all arms but `hnc`, whose pairs it could not tell apart: base and `hnc` keep the rates of the trial
    that the world's recipe comes from (docs/findings.md). A `model` of open_clip's has one pair of rates for all arms.
    """
    fast = {} if isinstance(model, OpenClipConfig) else {"image_lr": 2e-3, "text_lr": 1e-3}
    return {
        "base": ArmConfig(objective=[Contrastive()], num_negatives=0, **fast),
        "clip": ArmConfig(objective=[Contrastive()], num_negatives=0),
        "random": ArmConfig(method="random", objective=[Contrastive(), OwnNegatives(weight=3.0)]),
        "keyword": ArmConfig(method="keyword", objective=[HardNegativeColumns()]),
        "hnc": ArmConfig(method="scene_graph", objective=[Contrastive(), OwnNegatives(weight=3.0)], **fast),
        "ce_clip": ArmConfig(
            method="replace", objective=[HardNegativeColumns(), IntraModalContrast(), CrossModalRank()]
        ),
    }
