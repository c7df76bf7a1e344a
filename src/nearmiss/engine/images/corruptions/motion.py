"""Blur along a line, as ImageMagick's motion blur weights it: the blur that motion_blur and snow share."""

import cv2
import numpy as np


def moved(values: np.ndarray, radius: float, sigma: float, angle: float) -> np.ndarray:
    """Convolve (H, W) or (H, W, C) floats with `line`; the border is repeated."""
    return cv2.filter2D(values, -1, line(radius, sigma, angle), borderType=cv2.BORDER_REPLICATE)


def line(radius: float, sigma: float, angle: float) -> np.ndarray:
    """A line of 2 `radius` pixels from the center at `angle` degrees: (2 k + 1, 2 k + 1) float32, sum 1.

    The weight falls with the distance from the center as a Gaussian of deviation `sigma`; a weight between pixels is
    shared among its four neighbors.
    """
    distances = np.arange(round(2 * radius) + 1)
    weights = np.exp(-(distances**2) / (2 * max(sigma, 1e-3) ** 2))
    reach = int(distances[-1]) + 1
    kernel = np.zeros((2 * reach + 2, 2 * reach + 2))
    down = reach + distances * np.sin(np.deg2rad(angle))
    right = reach + distances * np.cos(np.deg2rad(angle))
    top, left = np.floor(down).astype(int), np.floor(right).astype(int)
    for step_down, step_right in ((0, 0), (0, 1), (1, 0), (1, 1)):
        near = (1 - np.abs(down - top - step_down)) * (1 - np.abs(right - left - step_right))
        np.add.at(kernel, (top + step_down, left + step_right), weights * near)
    return (kernel[:-1, :-1] / kernel[:-1, :-1].sum()).astype(np.float32)
