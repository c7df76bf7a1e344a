"""The data files of this package, typed: rates with their sources, and sizes of published data sets."""

from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from nearmiss.base.typed import Typed


class Rate(Typed):
    """A number and where it was measured, or that it is an assumption."""

    value: float
    source: str


class CoreRates(Typed):
    """Rates of one CPU core."""

    decode_images: Rate
    draw_images: Rate
    edits: Rate
    negatives: dict[str, Rate]
    job: Rate
    train_small_flops: Rate
    train_flops: Rate
    encode_flops: Rate
    train_two_towers_flops: Rate
    encode_two_towers_flops: Rate
    cached_bytes: Rate


class Accelerator(Typed):
    """Rates of one GPU and the cores beside it."""

    train_flops: Rate
    encode_flops: Rate
    cores: Rate


class Rates(Typed):
    """All rates."""

    per_core: CoreRates
    h100: Accelerator
    tokens: dict[str, Rate]
    language_model: dict[str, Rate]
    memory: dict[str, Rate]


class Count(Typed):
    """Images and captions of a split."""

    images: int
    captions: int


class BenchmarkSize(Typed):
    """Images and texts that a benchmark has encoded, and its parts."""

    images: int
    texts: int
    parts: int
    verified: bool = True
    """Whether the numbers were counted in the authors' files, or are stated by their papers or repositories."""


class DataSizes(Typed):
    """Sizes of published files and of benchmarks."""

    files: dict[str, dict[str, Count]]
    splits_of: list[str]
    benchmarks: dict[str, BenchmarkSize]
    text_models: dict[str, dict[str, Any]]
    """Content of `config.json` of text models on the hub, by name, as far as it decides what they compute."""


@cache
def rates() -> Rates:
    """The rates of rates.yaml."""
    return Rates.model_validate(_read("rates.yaml"))


@cache
def data_sizes() -> DataSizes:
    """The sizes of data_sizes.yaml."""
    return DataSizes.model_validate(_read("data_sizes.yaml"))


def _read(name: str) -> Any:
    return yaml.safe_load(files(__package__).joinpath(name).read_text(encoding="utf-8"))
