"""Motion blur in a random direction (ImageNet-C), lengths scaled to the image."""

from typing import Any

import numpy as np

from nearmiss.engine.images.corruptions.corruption import Corruption, scaled, to_bytes, to_unit
from nearmiss.engine.images.corruptions.motion import moved


def apply(pixels: np.ndarray, options: Any, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Convolve each channel (H, W, 3) with a one-sided Gaussian line at -45 to 45 degrees; the border is repeated."""
    radius = scaled(options.radius[severity - 1], pixels)
    sigma = scaled(options.deviation[severity - 1], pixels)
    return to_bytes(moved(to_unit(pixels), radius, sigma, rng.uniform(-45, 45)))


CORRUPTION = Corruption("motion_blur", apply)
