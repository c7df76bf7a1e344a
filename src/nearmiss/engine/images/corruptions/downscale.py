"""Downscaling: the image at a lower resolution, enlarged again (our choice)."""

from typing import Any

import cv2
import numpy as np

from nearmiss.engine.images.corruptions.corruption import NOMINAL_SIDE, Corruption


def apply(pixels: np.ndarray, options: Any, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Average (H, W, 3) to the severity's shorter side and enlarge it, linear between pixels."""
    shrink = max(NOMINAL_SIDE, min(pixels.shape[:2])) / options.side[severity - 1]
    height, width = pixels.shape[:2]
    size = (max(1, round(width / shrink)), max(1, round(height / shrink)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


CORRUPTION = Corruption("downscale", apply)
