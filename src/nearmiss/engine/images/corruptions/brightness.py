"""Brightness (ImageNet-C)."""

from typing import Any

import cv2
import numpy as np

from nearmiss.engine.images.corruptions.corruption import Corruption, to_bytes, to_unit


def apply(pixels: np.ndarray, options: Any, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Add the severity's amount to the value of each pixel (H, W, 3) in HSV."""
    hsv = cv2.cvtColor(to_unit(pixels), cv2.COLOR_RGB2HSV)
    hsv[:, :, 2] = np.clip(hsv[:, :, 2] + options.added[severity - 1], 0, 1)
    return to_bytes(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))


CORRUPTION = Corruption("brightness", apply)
