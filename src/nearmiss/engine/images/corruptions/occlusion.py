"""Occlusion: a gray rectangle over a part of the image (our choice; cutout, DeVries and Taylor, 2017)."""

from typing import Any

import numpy as np

from nearmiss.engine.images.corruptions.corruption import Corruption

_GRAY = 128


def apply(pixels: np.ndarray, options: Any, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Cover the severity's share of (H, W, 3) with a rectangle of the image's own shape at a random place."""
    height, width = pixels.shape[:2]
    side = float(np.sqrt(options.share[severity - 1]))
    tall, wide = round(height * side), round(width * side)
    top, left = rng.integers(0, height - tall + 1), rng.integers(0, width - wide + 1)
    covered = pixels.copy()
    covered[top : top + tall, left : left + wide] = _GRAY
    return covered


CORRUPTION = Corruption("occlusion", apply)
