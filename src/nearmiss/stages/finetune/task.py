"""Interface of a downstream task: a function from an initialization and labeled examples to predictions.

An initialization is the weights that fine-tuning starts from: those of a checkpoint, or random ones for `scratch`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from open_clip import CLIP

from nearmiss.base.errors import InputError
from nearmiss.engine.formats.checkpoint import CONFIG, WEIGHTS
from nearmiss.engine.models.checkpoint import files_of, fresh_model, load_weights
from nearmiss.engine.models.folder import folder_configuration
from nearmiss.engine.models.text import check_tower
from nearmiss.engine.models.tokenization import Tokenization, tokenization_of
from nearmiss.stages.finetune.examples import Examples

_AGAIN = "train the checkpoint again"
SCRATCH = "scratch"
"""The initialization with random weights, for which the checkpoint folder gives only architecture and tokenizer."""


@dataclass(frozen=True)
class Initialization:
    """An architecture, its tokenizer, and the weights that every training of it starts from anew."""

    config: dict[str, Any]
    tokenization: Tokenization
    seed: int
    weights: Path | None  # checkpoint folder; None for random weights, the base's own of this seed before its training

    @property
    def name(self) -> str:
        """The image tower's name."""
        return str(self.config["model_cfg"]["vision_cfg"].get("timm_model_name") or "open_clip model")

    def model(self) -> CLIP:
        """A new model with the initial weights."""
        model = fresh_model(self.config, self.seed)
        if self.weights is not None:
            load_weights(self.weights, model)
        return model


def open_initialization(checkpoint: Path, arm: str, seed: int, *, texts: bool) -> Initialization:
    """The initialization `arm` from a checkpoint folder; `texts`: whether its text tower is used.

    Raises InputError where the folder is no checkpoint, has no text tower or one of another kind, or does not load.
    """
    checkpoint = Path(checkpoint)
    config = folder_configuration(checkpoint) if (checkpoint / CONFIG).is_file() else {}
    needed = [name for name in files_of(config) if arm != SCRATCH or name != WEIGHTS]
    missing = [name for name in needed if not (checkpoint / name).is_file()]
    if missing:
        raise InputError(
            f"this is no checkpoint folder: {', '.join(missing)} missing",
            file=checkpoint,
            remedy="run stage pretrain, or correct the path",
        )
    config = folder_configuration(checkpoint)
    if "preprocess_cfg" not in config:
        raise InputError(
            "the checkpoint's configuration lacks 'preprocess_cfg'", file=checkpoint / CONFIG, remedy=_AGAIN
        )
    words = tokenization_of(f"local-dir:{checkpoint}", config["model_cfg"]["text_cfg"], checkpoint)
    opened = Initialization(config, words, seed, None if arm == SCRATCH else checkpoint)
    try:
        model = opened.model()
        if texts:
            check_tower(model)
    except (TypeError, ValueError, KeyError, RuntimeError, AssertionError, AttributeError) as error:
        raise InputError(
            f"the model cannot be built or used: {error}", file=checkpoint / CONFIG, remedy=_AGAIN
        ) from None
    return opened


@dataclass(frozen=True)
class Given:
    """What a task works with. `pixels` (images, S, S, 3) uint8 are those of `examples.images`, in that order."""

    start: Initialization
    examples: Examples
    pixels: np.ndarray
    shares: Sequence[float]
    seed: int
    batch_size: int
    device: torch.device


@dataclass(frozen=True)
class TaskPredictions:
    """Of each test example, in order: the class that was predicted (N,) int64 and its probability (N,) float64."""

    predicted: np.ndarray
    score: np.ndarray


@dataclass
class Solved:
    """Predictions of a task by share; `search`: values tried on dev and the choice; lines of the curve; counts."""

    predictions: dict[float, TaskPredictions] = field(default_factory=dict)
    search: dict[str, Any] = field(default_factory=dict)
    curve: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


class Solve(Protocol):
    """The function of a task."""

    def __call__(self, given: Given, options: Any) -> Solved:
        """TaskPredictions for every share of `given`; `options` is the task's own configuration."""
        ...


@dataclass(frozen=True)
class Task:
    """A downstream task. With `texts`, each example has a text, and the text tower is used."""

    name: str
    solve: Solve
    texts: bool = False


def accuracy(predicted: np.ndarray, labels: np.ndarray) -> float:
    """The share of labels that were predicted."""
    return float((predicted == labels).mean())
