"""What of the embedded world is configuration. The words themselves stand in vocabulary.json beside this file."""

from typing import Annotated, Literal

from pydantic import Field

from nearmiss.base.typed import Seed, Typed

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
# Pictures of a split are numbered with six digits (scenes.py).
Pictures = Annotated[int, Field(ge=0, le=1_000_000)]


class SplitSizes(Typed):
    """Number of images in each split."""

    train: int = Field(8000, ge=1, le=1_000_000, description="Images that arms are trained on.")
    val: Pictures = Field(400, description="Images for tuning: learning rates are chosen on these.")
    test: Pictures = Field(400, description="Images read while developing.")
    final: Pictures = Field(400, description="Images read by the study alone.")


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

    train: int = Field(ge=20, le=100_000, description="Examples that are learned from.")
    dev: int = Field(ge=4, le=100_000, description="Examples that options are chosen on.")
    test: int = Field(ge=4, le=100_000, description="Examples that are scored, condition iid.")
    held_out: int = Field(
        ge=0, le=100_000, description="Scored examples of held-out combinations, over all conditions."
    )


class TaskSizes(Typed):
    """Sizes of the downstream tasks."""

    vsr: ExampleSizes = Field(
        ExampleSizes(train=1200, dev=200, test=400, held_out=200),
        description="True and false statements on a relation; rounded up to whole twins.",
    )
    shapes: ExampleSizes = Field(
        ExampleSizes(train=800, dev=200, test=400, held_out=200), description="Pictures of one thing, by its shape."
    )


class Wording(Typed):
    """What captions say beyond the plain statements; shares are of all captions of a scene that can say it."""

    synonyms: Share = Field(0.0, description="Share of captions with a synonym: sphere, violet, big, little.")
    general: Share = Field(0.0, description="Share that names a thing by its class: solid, symbol.")
    logic: Share = Field(0.0, description="Share that joins or denies: both, either, no.")
    three: Share = Field(0.0, description="Share that names three things.")
    actions: Share = Field(0.0, description="Share that says what a thing does; needs data.source.actions.")


class WorldConfig(Typed):
    """Size, richness and completeness of the embedded world."""

    seed: Seed = Field(0, description="Seed of everything the world draws.")
    side: int = Field(96, ge=64, le=512, description="Side of the drawn images, in pixels.")
    images: SplitSizes = Field(default_factory=SplitSizes, description="Images in each split.")
    things: dict[Annotated[int, Field(ge=1, le=5)], Annotated[float, Field(gt=0)]] = Field(
        {1: 0.25, 2: 0.75},
        min_length=1,
        description="Share of scenes with 1 to 5 things; condition more_objects has one more than the most.",
    )
    colors: int = Field(8, ge=2, description="Number of colors used, from the head of the vocabulary's list.")
    shapes: int = Field(6, ge=2, description="Number of shapes used, from the head of the vocabulary's list.")
    sizes: int = Field(2, ge=1, description="Number of sizes used (small, large).")
    patterns: int = Field(3, ge=1, description="Number of patterns used, plain included.")
    grounds: int = Field(5, ge=1, description="Number of background grounds used.")
    actions: int = Field(
        0, ge=0, description="Number of actions used that can be seen (spinning, glowing, shaking); none by default."
    )
    wording: Wording = Field(default_factory=Wording, description="What captions say beyond plain statements.")
    captions: int = Field(5, ge=1, description="Captions an image, of each kind (broad, narrow).")
    completeness: float = Field(
        1.0, gt=0, le=1, description="Share of objects, attributes and relations that the annotations keep."
    )
    reserved: Reserved = Field(default_factory=Reserved, description="Held-out combinations.")
    benchmark: BenchmarkSizes = Field(default_factory=BenchmarkSizes, description="Sizes of the benchmark.")
    tasks: TaskSizes = Field(default_factory=TaskSizes, description="Sizes of the downstream tasks.")
