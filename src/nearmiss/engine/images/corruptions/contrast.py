"""Contrast (ImageNet-C)."""

from typing import Any

import numpy as np

from nearmiss.engine.images.corruptions.corruption import Corruption


def apply(pixels: np.ndarray, options: Any, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Scale the distance of every value of (H, W, 3) to its channel's mean by the severity's factor.

    The mean comes from a sum of integers, so that the bytes are the same on every machine.
    """
    mean = pixels.sum(axis=(0, 1), dtype=np.int64) / (pixels.shape[0] * pixels.shape[1])
    nearer = (pixels.astype(np.float64) - mean) * options.factor[severity - 1] + mean
    return np.rint(np.clip(nearer, 0, 255)).astype(np.uint8)


CORRUPTION = Corruption("contrast", apply)
