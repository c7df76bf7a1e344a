"""Elastic transform: a random affine map and a smooth random displacement (ImageNet-C), lengths scaled to the image."""

from typing import Any

import cv2
import numpy as np
from scipy.fft import dctn, idctn

from nearmiss.engine.images.corruptions.corruption import Corruption, scaled


def apply(pixels: np.ndarray, options: Any, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Move the pixels of (H, W, 3), linear between pixels; the border is mirrored."""
    height, width = pixels.shape[:2]
    matrix = sheared(height, width, scaled(options.shear[severity - 1], pixels), rng)
    turned = cv2.warpAffine(pixels, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    drawn = rng.uniform(-1, 1, (2, height, width)).astype(np.float32)
    sigma = scaled(options.smoothness[severity - 1], pixels)
    shift = smooth(drawn, sigma) * scaled(options.displacement[severity - 1], pixels)
    right = np.arange(width, dtype=np.float32)[None, :] + shift[0]
    down = np.arange(height, dtype=np.float32)[:, None] + shift[1]
    return cv2.remap(turned, right, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def sheared(height: int, width: int, reach: float, rng: np.random.Generator) -> np.ndarray:
    """The affine map (2, 3) that moves three corners of a square in the center by up to `reach` pixels each way."""
    middle = np.array([width, height], np.float32) / 2
    corners = middle + min(height, width) / 3 * np.array([[1, 1], [1, -1], [-1, -1]], np.float32)
    moved = corners + rng.uniform(-reach, reach, (3, 2))
    return cv2.getAffineTransform(corners.astype(np.float32), moved.astype(np.float32))


def smooth(fields: np.ndarray, sigma: float) -> np.ndarray:
    """Blur (K, H, W) with a Gaussian of any width, mirrored at the border: a product in the cosine transform."""
    height, width = fields.shape[1:]
    down = np.exp(-((sigma * np.pi * np.arange(height) / height) ** 2) / 2).astype(np.float32)
    right = np.exp(-((sigma * np.pi * np.arange(width) / width) ** 2) / 2).astype(np.float32)
    waves = dctn(fields, axes=(1, 2), norm="ortho")
    return idctn(waves * down[:, None] * right[None, :], axes=(1, 2), norm="ortho")


CORRUPTION = Corruption("elastic_transform", apply)
