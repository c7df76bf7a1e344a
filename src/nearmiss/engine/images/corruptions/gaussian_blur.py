"""Gaussian blur (ImageNet-C, extra), its deviation scaled to the image."""

from typing import Any

import cv2
import numpy as np

from nearmiss.engine.images.corruptions.corruption import Corruption, scaled, to_bytes, to_unit


def apply(pixels: np.ndarray, options: Any, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Blur each channel of (H, W, 3) with the severity's deviation; the border is repeated."""
    sigma = scaled(options.deviation[severity - 1], pixels)
    return to_bytes(cv2.GaussianBlur(to_unit(pixels), (0, 0), sigmaX=sigma, borderType=cv2.BORDER_REPLICATE))


CORRUPTION = Corruption("gaussian_blur", apply)
