"""Shot noise, also called Poisson noise (ImageNet-C)."""

from typing import Any

import numpy as np

from nearmiss.engine.images.corruptions.corruption import Corruption, to_bytes


def apply(pixels: np.ndarray, options: Any, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Draw each value of (H, W, 3) from a Poisson distribution whose mean is the value times the severity's photons."""
    photons = options.photons[severity - 1]
    table = np.arange(256) / 255 * photons
    return to_bytes((rng.poisson(table[pixels]) / photons).astype(np.float32))


CORRUPTION = Corruption("shot_noise", apply)
