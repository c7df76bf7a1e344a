"""What a downstream task is: a name and a function from an initialisation and labelled examples to answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch

from nearmiss.stages.finetune.examples import Examples
from nearmiss.stages.finetune.initialisation import Initialisation


@dataclass(frozen=True)
class Given:
    """What a task works with. `pixels` (images, S, S, 3) uint8 are those of `examples.images`, in that order."""

    start: Initialisation
    examples: Examples
    pixels: np.ndarray
    shares: Sequence[float]
    seed: int
    batch_size: int
    device: torch.device


@dataclass(frozen=True)
class Answers:
    """Of each test example, in order: the class that was predicted (N,) int64 and its probability (N,) float64."""

    predicted: np.ndarray
    score: np.ndarray


@dataclass
class Solved:
    """A task's answers by share; `search`: what was tried on dev, and what was chosen; lines of the curve; counts."""

    answers: dict[float, Answers] = field(default_factory=dict)
    search: dict[str, Any] = field(default_factory=dict)
    curve: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


class Solve(Protocol):
    """The function of a task."""

    def __call__(self, given: Given, options: Any) -> Solved:
        """Answers for every share of `given`; `options` is the task's own configuration."""
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
