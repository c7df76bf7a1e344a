"""Gaussian noise (ImageNet-C)."""

from typing import Any

import numpy as np

from nearmiss.engine.images.corruptions.corruption import Corruption, to_bytes, to_unit


def apply(pixels: np.ndarray, options: Any, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Add noise of the severity's deviation to each channel of each pixel (H, W, 3)."""
    noise = rng.standard_normal(pixels.shape, dtype=np.float32)
    return to_bytes(to_unit(pixels) + noise * options.deviation[severity - 1])


CORRUPTION = Corruption("gaussian_noise", apply)
