"""Configuration of stage `pretrain`: the model, the base and the arms that continue from it."""

from typing import Literal

from pydantic import Field, PositiveFloat, model_validator

from nearmiss.base.typed import Typed
from nearmiss.engine.objectives.presets import Terms
from nearmiss.engine.objectives.spec import (
    Contrastive,
    CrossModalRank,
    HardNegativeColumns,
    IntraModalContrast,
    Mask,
    OwnNegatives,
)
from nearmiss.engine.training.spec import AugmentationName


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

    name: str = Field(description="open_clip's name of it, or `local-dir:FOLDER`, or `hf-hub:ORGANISATION/NAME`.")
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
    image_lr: float = Field(1.5e-3, gt=0, description="Learning rate of the image tower and of the logit scale.")
    text_lr: float = Field(7.5e-4, gt=0, description="Learning rate of the text tower.")


class PhaseConfig(Typed):
    """How long and on which captions a phase of training runs."""

    captions: Literal["broad", "narrow"] = Field(description="Kind of the images' own captions.")
    steps: int = Field(1500, ge=0, description="Optimizer steps.")
    cooldown_steps: int = Field(0, ge=0, description="Last steps, over which the rate falls linearly to 0.")

    @model_validator(mode="after")
    def _cooldown_is_part_of_the_phase(self) -> "PhaseConfig":
        if self.cooldown_steps > self.steps:
            raise ValueError(f"a cool-down of {self.cooldown_steps} steps does not fit in {self.steps} steps")
        return self


class ValidationConfig(Typed):
    """Validation while a run trains, on some of its own images, which are then never trained on."""

    share: float = Field(0.0, ge=0, le=0.5, description="Share of the training images that are kept apart; 0 for none.")
    every: int = Field(100, ge=1, description="Steps between two validations.")
    patience: int | None = Field(
        None, ge=1, description="Validations without a new best after which a run stops, with its best weights."
    )


class PretrainConfig(Typed):
    """Training of the base from random weights, then of every arm from the base, on the same data order."""

    model: ModelConfig | OpenClipConfig = Field(
        default_factory=ModelConfig,
        description="The model that is trained: a small one of ours (image_tower ...) or one of open_clip's (name, "
        "pretrained, sha256), whose base starts from the weights that are named.",
    )
    fusion: FusionConfig = Field(
        default_factory=FusionConfig, description="The fusion of arms with a matching term; random at first."
    )
    base: PhaseConfig = Field(
        PhaseConfig(captions="broad"), description="The base's phase; with 0 steps it is the weights that were named."
    )
    continued: PhaseConfig = Field(
        PhaseConfig(captions="narrow", steps=2000, cooldown_steps=500), description="Every other arm's phase."
    )
    batch_size: int = Field(64, ge=2, description="Images in a batch.")
    warmup_steps: int = Field(100, ge=0, description="Steps of linear warm-up of each phase.")
    weight_decay: float = Field(0.05, ge=0, description="AdamW weight decay, on matrices only.")
    grad_clip_norm: float = Field(1.0, gt=0, description="Largest norm of the gradient.")
    precision: Literal["fp32", "bf16"] = Field("fp32", description="bf16 uses autocast, on a GPU.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto takes a GPU where there is one.")
    threads: int = Field(1, ge=1, description="CPU threads of one training; results differ in bits between 1 and 2.")
    augment: list[AugmentationName] = Field(
        [],
        description="Augmentations of the images; one that makes captions false is refused.",
    )
    sources: dict[str, PositiveFloat] = Field(
        {},
        description="How often a caption is drawn by its source, against the other captions of its image; 1 where a "
        "source is not named.",
    )
    grad_cache_chunks: int = Field(
        1, ge=1, description="Chunks of a batch that are embedded one after the other, to save memory; same gradients."
    )
    num_processes: int = Field(
        1, ge=1, description="Processes that train one run together, each on its part of every batch; same gradients."
    )
    ema_decay: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Decay of the exponential moving average of the weights, which then is the result; null for none.",
    )
    compile: bool = Field(False, description="Compile the image tower (torch.compile): slow to start, then faster.")
    validation: ValidationConfig = Field(default_factory=ValidationConfig, description="Validation while a run trains.")
    checkpoint_every: int = Field(100, ge=1, description="Steps between two states that a killed run resumes from.")


def default_arms() -> dict[str, ArmConfig]:
    """The arms of the default experiment: one per paper and two controls (`base` is named like an arm).

    Rates come from one and the same search for every arm (config/world-search.yaml). It preferred the slower pair for
    all arms but `hnc`, whose pairs it could not tell apart: base and `hnc` keep the rates of the trial that the world's
    recipe comes from (docs/findings.md).
    """
    return {
        "base": ArmConfig(objective=[Contrastive()], num_negatives=0, image_lr=2e-3, text_lr=1e-3),
        "clip": ArmConfig(objective=[Contrastive()], num_negatives=0),
        "random": ArmConfig(method="random", objective=[Contrastive(), OwnNegatives(weight=3.0)]),
        "keyword": ArmConfig(method="keyword", objective=[HardNegativeColumns()]),
        "hnc": ArmConfig(
            method="scene_graph",
            objective=[Contrastive(), OwnNegatives(weight=3.0)],
            image_lr=2e-3,
            text_lr=1e-3,
        ),
        "ce_clip": ArmConfig(
            method="replace", objective=[HardNegativeColumns(), IntraModalContrast(), CrossModalRank()]
        ),
    }
