"""Fog: fractal noise added to the image (ImageNet-C)."""

from typing import Any

import numpy as np

from nearmiss.engine.images.corruptions.corruption import Corruption, to_bytes, to_unit
from nearmiss.engine.images.corruptions.fractal import fractal


def apply(pixels: np.ndarray, options: Any, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Add the severity's amount of fractal noise to (H, W, 3) and scale the brightest value back to what it was."""
    unit = to_unit(pixels)
    amount = options.amount[severity - 1]
    noise = fractal(pixels.shape[0], pixels.shape[1], options.decay[severity - 1], rng).astype(np.float32)
    brightest = float(unit.max())
    return to_bytes((unit + amount * noise[:, :, None]) * (brightest / (brightest + amount)))


CORRUPTION = Corruption("fog", apply)
