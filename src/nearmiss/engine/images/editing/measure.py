"""The color of an object, measured on its pixels where no annotation names one."""

import cv2
import numpy as np

from nearmiss.engine.images.editing.plan import Pixels
from nearmiss.engine.images.editing.recolor import LIKE, lab, likeness, references
from nearmiss.engine.images.masks import Mask

_RUNNER_UP = 0.5  # largest count of the second color, relative to the first; above it the object has two colors


def share_of(pixels: Pixels, mask: Mask, color: str) -> float:
    """Share of a mask's pixels that look like a color, 0 to 1."""
    seen = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return _share(seen[mask], color)


def measured_color(pixels: Pixels, mask: Mask, least: float) -> str | None:
    """The color that at least a share `least` of the mask's pixels look like; None where there is none.

    Our choice: a pixel counts for the nearest, in CIELAB with half the weight on lightness, of the reference colors
    that it resembles under more or less light. An object of two colors has none.
    """
    seen = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[mask]
    names = sorted(references())
    weight = np.array([0.5, 1.0, 1.0], dtype=np.float32)
    far = np.stack([np.linalg.norm((seen - lab(name)) * weight, axis=-1) for name in names])
    alike = np.stack([likeness(seen[None], name)[0] > LIKE for name in names])
    nearest = np.where(alike, far, np.inf).argmin(axis=0)[alike.any(axis=0)]
    counts = np.bincount(nearest, minlength=len(names)) / len(seen)
    second, first = np.argsort(counts, kind="stable")[-2:]
    fits = counts[first] >= least and counts[second] <= _RUNNER_UP * counts[first]
    return names[first] if fits else None


def _share(seen: np.ndarray, color: str) -> float:
    return float((likeness(seen[None], color)[0] > LIKE).mean())
