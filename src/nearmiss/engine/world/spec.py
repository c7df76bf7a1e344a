"""Configuration of the synthetic world. Its words are in vocabulary.json in this folder."""

from typing import Annotated, Literal

from pydantic import Field

from nearmiss.base.typed import Seed, Typed

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
# Images of a split are numbered with six digits (scenes.py).
NumImages = Annotated[int, Field(ge=0, le=1_000_000)]


class SplitSizes(Typed):
    """Number of images in each split."""

    train: int = Field(8000, ge=1, le=1_000_000, description="Images that arms are trained on.")
    val: NumImages = Field(400, description="Images for tuning: learning rates are chosen on these.")
    test: NumImages = Field(400, description="Images read while developing.")
    final: NumImages = Field(400, description="Images read only by the study.")


class Reserved(Typed):
    """Combinations that occur in no training image, caption or negative."""

    pairs: Count = Field(4, description="Number of (color, shape) pairs held out.")
    relations: Count = Field(4, description="Number of ordered relations between two shapes held out.")


class BenchmarkSizes(Typed):
    """Number of items in each subset of the isolating benchmark."""

    splits: list[Literal["val", "test", "final"]] = Field(
        ["test"], description="Splits for which benchmark files are written."
    )
    iid: int = Field(200, ge=2, description="Items of each concept and form, condition iid.")
    other: int = Field(60, ge=2, description="Items of each concept and form in every other condition.")


class ExampleSizes(Typed):
    """Number of labeled examples in each part of a downstream task."""

    train: int = Field(ge=20, le=100_000, description="Training examples.")
    dev: int = Field(ge=4, le=100_000, description="Examples for choosing options.")
    test: int = Field(ge=4, le=100_000, description="Scored examples, condition iid.")
    held_out: int = Field(
        ge=0, le=100_000, description="Scored examples of held-out combinations and wording, over all conditions."
    )


class TaskSizes(Typed):
    """Sizes of the downstream tasks."""

    vsr: ExampleSizes = Field(
        ExampleSizes(train=1200, dev=200, test=400, held_out=300),
        description="True and false statements of a relation; rounded up to whole pairs.",
    )
    shapes: ExampleSizes = Field(
        ExampleSizes(train=800, dev=200, test=400, held_out=200), description="Images of one object, by its shape."
    )


class Wording(Typed):
    """Optional content of captions; each share is of the captions for which the scene allows it."""

    synonyms: Share = Field(0.0, description="Share of captions with a synonym: sphere, violet, big, little.")
    general: Share = Field(0.0, description="Share that names an object by its class: solid, symbol.")
    logic: Share = Field(0.0, description="Share with logic: both, either, no.")
    three: Share = Field(0.0, description="Share that mentions three objects.")
    actions: Share = Field(0.0, description="Share that names the action of an object; needs data.source.actions.")


class WorldConfig(Typed):
    """Size, variety and completeness of the synthetic world."""

    seed: Seed = Field(0, description="Seed of all random draws of the world.")
    side: int = Field(96, ge=64, le=512, description="Side of the drawn images, in pixels.")
    images: SplitSizes = Field(default_factory=SplitSizes, description="Images in each split.")
    things: dict[Annotated[int, Field(ge=1, le=5)], Annotated[float, Field(gt=0)]] = Field(
        {1: 0.25, 2: 0.75},
        min_length=1,
        description="Share of scenes with 1 to 5 objects; condition more_objects has one more than the maximum.",
    )
    colors: int = Field(8, ge=2, description="Number of colors used, from the head of the vocabulary's list.")
    shapes: int = Field(6, ge=2, description="Number of shapes used, from the head of the vocabulary's list.")
    sizes: int = Field(2, ge=1, description="Number of sizes used (small, large).")
    patterns: int = Field(3, ge=1, description="Number of patterns used, plain included.")
    grounds: int = Field(5, ge=1, description="Number of backgrounds used.")
    actions: int = Field(
        0, ge=0, description="Number of visible actions used (spinning, glowing, shaking); none by default."
    )
    wording: Wording = Field(default_factory=Wording, description="Optional content of captions.")
    captions: int = Field(5, ge=1, description="Captions per image, of each kind (broad, narrow).")
    completeness: float = Field(
        1.0, gt=0, le=1, description="Share of objects, attributes and relations that the annotations keep."
    )
    reserved: Reserved = Field(default_factory=Reserved, description="Held-out combinations.")
    benchmark: BenchmarkSizes = Field(default_factory=BenchmarkSizes, description="Sizes of the benchmark.")
    tasks: TaskSizes = Field(default_factory=TaskSizes, description="Sizes of the downstream tasks.")
