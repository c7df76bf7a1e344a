"""Pixelation: blocks of one color (ImageNet-C), the block scaled to a large image."""

from typing import Any

import cv2
import numpy as np

from nearmiss.engine.images.corruptions.corruption import Corruption, scaled


def apply(pixels: np.ndarray, options: Any, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Average (H, W, 3) over blocks and show each block as one color; a small image keeps the published share."""
    factor = options.factor[severity - 1]
    block = max(1 / factor, scaled(1 / factor, pixels))
    height, width = pixels.shape[:2]
    size = (max(1, int(width / block)), max(1, int(height / block)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)


CORRUPTION = Corruption("pixelate", apply)
