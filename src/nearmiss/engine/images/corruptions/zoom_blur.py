"""Zoom blur: the mean of the image at growing zoom (ImageNet-C)."""

from typing import Any

import cv2
import numpy as np

from nearmiss.engine.images.corruptions.corruption import Corruption, to_bytes, to_unit


def apply(pixels: np.ndarray, options: Any, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Average (H, W, 3) with itself enlarged around its center by each factor below the severity's end."""
    unit = to_unit(pixels)
    factors = np.arange(1, options.end[severity - 1], options.step[severity - 1])
    total = unit.copy()
    for factor in factors:
        total += enlarged(unit, float(factor))
    return to_bytes(total / (len(factors) + 1))


def enlarged(unit: np.ndarray, factor: float) -> np.ndarray:
    """The image (H, W, 3) enlarged around its center and cut to its size, linear between pixels."""
    height, width = unit.shape[:2]
    center = np.array([(width - 1) / 2, (height - 1) / 2])
    matrix = np.array([[1 / factor, 0, 0], [0, 1 / factor, 0]])
    matrix[:, 2] = center * (1 - 1 / factor)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(unit, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)


CORRUPTION = Corruption("zoom_blur", apply)
