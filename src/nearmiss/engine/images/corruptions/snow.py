"""Snow: flakes that fall past a paler image (ImageNet-C), lengths scaled to the image."""

from typing import Any

import cv2
import numpy as np

from nearmiss.engine.images.corruptions.corruption import Corruption, scaled, to_bytes, to_unit
from nearmiss.engine.images.corruptions.motion import moved


def apply(pixels: np.ndarray, options: Any, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Make (H, W, 3) paler and add a layer of flakes and the same layer turned by 180 degrees."""
    unit = to_unit(pixels)
    kept = options.image_weight[severity - 1]
    gray = cv2.cvtColor(unit, cv2.COLOR_RGB2GRAY)[:, :, None]
    paler = kept * unit + (1 - kept) * np.maximum(unit, gray * 1.5 + 0.5)
    snow = flakes(pixels, options, severity, rng)[:, :, None]
    return to_bytes(paler + snow + snow[::-1, ::-1])


def flakes(pixels: np.ndarray, options: Any, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Enlarged noise above a threshold, blurred along the fall: (H, W) float32 from 0 to 1."""
    height, width = pixels.shape[:2]
    zoom = max(1.0, scaled(options.zoom[severity - 1], pixels))
    drawn = rng.standard_normal((int(np.ceil(height / zoom)), int(np.ceil(width / zoom))), dtype=np.float32)
    layer = cv2.resize(options.mean[severity - 1] + options.deviation[severity - 1] * drawn, (width, height))
    layer = np.where(layer < options.threshold[severity - 1], 0, np.clip(layer, 0, 1)).astype(np.float32)
    radius = scaled(options.radius[severity - 1], pixels)
    return moved(layer, radius, scaled(options.blur[severity - 1], pixels), rng.uniform(-135, -45))


CORRUPTION = Corruption("snow", apply)
