"""Defocus blur: a disk whose edge is blurred against aliasing (ImageNet-C), lengths scaled to the image."""

from typing import Any

import cv2
import numpy as np

from nearmiss.engine.images.corruptions.corruption import Corruption, scaled, to_bytes, to_unit

_SUBPIXELS = 8  # a small disk covers pixels partly: it is drawn at this resolution and averaged


def apply(pixels: np.ndarray, options: Any, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Convolve each channel (H, W, 3) with the severity's disk; the border is mirrored."""
    radius = scaled(options.radius[severity - 1], pixels)
    kernel = disk(radius, scaled(options.alias_blur[severity - 1], pixels))
    return to_bytes(cv2.filter2D(to_unit(pixels), -1, kernel, borderType=cv2.BORDER_REFLECT_101))


def disk(radius: float, blur: float) -> np.ndarray:
    """A disk of this radius in pixels, its edge blurred with this deviation: (2 k + 1, 2 k + 1), sum 1."""
    reach = int(np.ceil(radius + 3 * blur))
    fine = (np.arange((2 * reach + 1) * _SUBPIXELS) + 0.5) / _SUBPIXELS - reach - 0.5
    reached = max(radius, 1 / _SUBPIXELS)  # on a tiny image the disk is at least a point
    covered = (fine[:, None] ** 2 + fine[None, :] ** 2 <= reached**2).astype(np.float32)
    soft = cv2.GaussianBlur(covered, (0, 0), sigmaX=blur * _SUBPIXELS)
    side = 2 * reach + 1
    kernel = soft.reshape(side, _SUBPIXELS, side, _SUBPIXELS).mean(axis=(1, 3))
    return kernel / kernel.sum()


CORRUPTION = Corruption("defocus_blur", apply)
