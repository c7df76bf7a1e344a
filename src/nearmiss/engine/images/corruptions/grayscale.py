"""Grayscale: less color at the same luma (our choice)."""

from typing import Any

import cv2
import numpy as np

from nearmiss.engine.images.corruptions.corruption import Corruption, to_bytes, to_unit


def apply(pixels: np.ndarray, options: Any, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Move each pixel (H, W, 3) toward its luma (ITU-R BT.601) by the severity's share."""
    unit = to_unit(pixels)
    share = options.share[severity - 1]
    return to_bytes((1 - share) * unit + share * cv2.cvtColor(unit, cv2.COLOR_RGB2GRAY)[:, :, None])


CORRUPTION = Corruption("grayscale", apply, destroys=frozenset({"color"}))
