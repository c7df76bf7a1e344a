"""The interface of an image corruption."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Apply = Callable[[np.ndarray, Any, int, np.random.Generator], np.ndarray]

NOMINAL_SIDE = 224
"""The side in pixels for which ImageNet-C gives its lengths."""


@dataclass(frozen=True)
class Corruption:
    """A corruption: `apply(pixels, options, severity, rng)` gives new pixels (H, W, 3) uint8; severity is 1 to 5.

    `destroys` names the concepts that are not recognizable afterwards; they are not scored under it.
    """

    name: str
    apply: Apply
    destroys: frozenset[str] = frozenset()


def to_unit(pixels: np.ndarray) -> np.ndarray:
    """Bytes as float32 from 0 to 1."""
    return pixels.astype(np.float32) / 255


def to_bytes(values: np.ndarray) -> np.ndarray:
    """Floats from 0 to 1 as bytes, cut off outside."""
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)


def scaled(length: float, pixels: np.ndarray) -> float:
    """Scale a length for the nominal side to an image of this size."""
    return length * min(pixels.shape[:2]) / NOMINAL_SIDE
