"""Impulse noise, also called salt-and-pepper noise (ImageNet-C)."""

from typing import Any

import numpy as np

from nearmiss.engine.images.corruptions.corruption import Corruption


def apply(pixels: np.ndarray, options: Any, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Set the severity's share of all values of (H, W, 3) to 0 or 255, each with the same probability."""
    drawn = rng.random(pixels.shape, dtype=np.float32)
    share = options.share[severity - 1]
    noisy = np.where(drawn < share, np.uint8(255), pixels)
    return np.where(drawn < share / 2, np.uint8(0), noisy)


CORRUPTION = Corruption("impulse_noise", apply)
