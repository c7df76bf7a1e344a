"""Spatter of water (severities 1 to 3) and mud (4 and 5) on the lens (ImageNet-C, extra)."""

from typing import Any

import cv2
import numpy as np

from nearmiss.engine.images.corruptions.corruption import Corruption, scaled, to_bytes, to_unit

_EDGE = 20.0  # reach of a drop's edge, in pixels of a side of 224
_OPAQUE = 0.8  # mud thinner than this does not show
_WATER = np.array([175, 238, 238], np.float32) / 255
_MUD = np.array([63, 42, 20], np.float32) / 255
_EMBOSS = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]], np.float32)


def apply(pixels: np.ndarray, options: Any, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Cover parts of (H, W, 3) with drops of the severity's liquid."""
    drawn = rng.standard_normal(pixels.shape[:2], dtype=np.float32)
    layer = options.mean[severity - 1] + options.deviation[severity - 1] * drawn
    layer = cv2.GaussianBlur(layer, (0, 0), sigmaX=scaled(options.blur[severity - 1], pixels))
    threshold, strength = options.threshold[severity - 1], options.strength[severity - 1]
    layer[layer < threshold] = 0
    unit = to_unit(pixels)
    if options.liquid[severity - 1] == "water":
        return to_bytes(unit + strength * shine(layer, scaled(_EDGE, pixels))[:, :, None] * _WATER)
    mud = cv2.GaussianBlur((layer > threshold).astype(np.float32), (0, 0), sigmaX=scaled(strength, pixels))
    mud[mud < _OPAQUE] = 0
    return to_bytes(mud[:, :, None] * _MUD + (1 - mud[:, :, None]) * unit)


def shine(layer: np.ndarray, edge: float) -> np.ndarray:
    """How bright drops of water are, embossed by the distance to their edges: (H, W) float32, at most 1."""
    liquid = np.clip(layer * 255, 0, 255).astype(np.uint8)
    distance = cv2.distanceTransform(255 - cv2.Canny(liquid, 50, 150), cv2.DIST_L2, 5)
    near = cv2.blur(np.minimum(distance, edge), (3, 3)) * (_EDGE / edge)
    embossed = cv2.filter2D(cv2.equalizeHist(near.astype(np.uint8)), cv2.CV_8U, _EMBOSS)
    bright = liquid * cv2.blur(embossed, (3, 3)).astype(np.float32)
    return bright / max(float(bright.max()), 1.0)


CORRUPTION = Corruption("spatter", apply)
