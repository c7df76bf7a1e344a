"""Speckle noise: noise in proportion to the value (ImageNet-C, extra)."""

from typing import Any

import numpy as np

from nearmiss.engine.images.corruptions.corruption import Corruption, to_bytes, to_unit


def apply(pixels: np.ndarray, options: Any, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Add noise of the severity's deviation times the value to each value of (H, W, 3)."""
    unit = to_unit(pixels)
    noise = rng.standard_normal(pixels.shape, dtype=np.float32)
    return to_bytes(unit + unit * noise * options.deviation[severity - 1])


CORRUPTION = Corruption("speckle_noise", apply)
