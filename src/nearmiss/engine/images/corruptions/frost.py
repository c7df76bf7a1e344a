"""Frost: the image under a texture of ice (ImageNet-C's weights).

ImageNet-C pastes photographs of frost. This texture is generated (our choice): ridges of fractal noise and needles of
ice, so that no photograph is needed and every image has a texture of its own.
"""

from typing import Any

import numpy as np

from nearmiss.engine.images.corruptions.corruption import Corruption, scaled, to_bytes, to_unit
from nearmiss.engine.images.corruptions.fractal import fractal
from nearmiss.engine.images.corruptions.motion import moved

_DECAY = 1.5  # of the fractal noise
_DIRECTIONS = 2  # of the needles
_SEEDS = 0.02  # share of pixels at which a needle begins
_NEEDLE = 10.0  # half of a needle's length, in pixels of a side of 224
_THIN = np.array([0.15, 0.22, 0.30], np.float32)
_WHITE = np.array([0.95, 0.98, 1.0], np.float32)


def apply(pixels: np.ndarray, options: Any, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Add a texture of ice to (H, W, 3), each with the severity's weight."""
    ice = texture(pixels, rng)
    return to_bytes(options.image_weight[severity - 1] * to_unit(pixels) + options.ice_weight[severity - 1] * ice)


def texture(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Ice for an image of this size: (H, W, 3) float32 from 0 to 1, bluish where it is thin and white where thick."""
    height, width = pixels.shape[:2]
    ridges = 1 - np.abs(2 * fractal(height, width, _DECAY, rng) - 1)
    needles = np.zeros((height, width), np.float32)
    for angle in rng.uniform(0, 360, _DIRECTIONS):
        seeds = (rng.random((height, width), dtype=np.float32) < _SEEDS).astype(np.float32)
        needles = np.maximum(needles, moved(seeds, scaled(_NEEDLE, pixels), scaled(_NEEDLE / 2, pixels), angle))
    thick = ridges.astype(np.float32) ** 2 * (0.5 + 0.5 * needles / max(float(needles.max()), 1e-6))
    return _THIN + (_WHITE - _THIN) * np.clip(thick, 0, 1)[:, :, None]


CORRUPTION = Corruption("frost", apply)
