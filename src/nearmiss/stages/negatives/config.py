"""Configuration of stage `negatives`."""

from typing import Annotated, get_args

from pydantic import Field

from nearmiss.base.typed import Seed, Typed
from nearmiss.stages.negatives.spec import (
    KeywordConfig,
    MethodConfig,
    PublishedConfig,
    RandomConfig,
    ReplaceConfig,
    SceneGraphConfig,
    TrainingParaphrase,
)

MATCHED = "matched"
"""The folder of the matched sets, beside those of the methods."""


def _default_methods() -> dict[str, MethodConfig]:
    return {
        "random": RandomConfig(),
        "keyword": KeywordConfig(),
        "scene_graph": SceneGraphConfig(),
        "replace": ReplaceConfig(),
    }


def every_method() -> dict[str, MethodConfig]:
    """Every method that generates negatives, with its defaults, including those that no default arm uses."""
    made = [kind for kind in get_args(MethodConfig) if kind is not PublishedConfig]
    return {kind.model_fields["method"].default: kind() for kind in made}


class MatchConfig(Typed):
    """Matching of methods, so that arms differ in the kind of their negatives and not in the number."""

    methods: list[str] = Field(
        min_length=2, description="Methods that are matched; arms of these methods train on the matched sets."
    )
    in_scene: bool = Field(
        True,
        description="Also match the share of negatives whose new word is in the scene; methods that know this of no "
        "negative (random, swap) are matched in number only.",
    )


class NegativesConfig(Typed):
    """Options of stage `negatives`."""

    seed: Seed = Field(0, description="Seed of every draw.")
    captions: str | None = Field(
        None, description="Caption set that negatives are generated from; null for the default of the data source."
    )
    paraphrases: list[TrainingParaphrase] = Field(
        [],
        description="Operators of the hard positives that every method writes for its captions. inverse is an option "
        "of scene_graph (inverse_positives).",
    )
    match: MatchConfig | None = Field(
        None,
        description="Methods whose negatives are drawn at equal number for every caption; null to train on all "
        "negatives of each method.",
    )
    methods: dict[str, Annotated[MethodConfig, Field(discriminator="method")]] = Field(
        default_factory=_default_methods, description="Generators by name; an arm names the generator it trains on."
    )

    def operators(self, method: str) -> list[str]:
        """Operators of the hard positives that a method, by its name in `methods`, writes."""
        inverse = getattr(self.methods[method], "inverse_positives", False)
        return [*self.paraphrases, *(["inverse"] if inverse else [])]
