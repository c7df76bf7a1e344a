"""The color of a thing as its pixels tell it, where nobody noted one."""

import cv2
import numpy as np

from nearmiss.engine.images.editing.plan import Pixels
from nearmiss.engine.images.editing.recolor import LIKE, likeness, references
from nearmiss.engine.images.masks import Mask

_RUNNER_UP = 0.5  # share, of the first color's, that a second one may have: above it the thing has two colors


def share_of(pixels: Pixels, mask: Mask, color: str) -> float:
    """Share of a mask's pixels that look like a color, 0 to 1."""
    seen = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return _share(seen[mask], color)


def measured_color(pixels: Pixels, mask: Mask, least: float) -> str | None:
    """The one color that at least a share `least` of the mask's pixels look like; None where there is none such.

    Our choice: colors are those of reference_colors.json under more or less light; a thing of two colors has none.
    """
    seen = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[mask]
    shares = sorted(((_share(seen, color), color) for color in references()), reverse=True)
    (first, color), (second, _) = shares[:2]
    return color if first >= least and second <= _RUNNER_UP * first else None


def _share(seen: np.ndarray, color: str) -> float:
    return float((likeness(seen[None], color)[0] > LIKE).mean())
