"""The color of an object, measured on its pixels where no annotation names one.

A measured color is a word that people would use, so it is withheld where they would use two, another, or none: the
share of pixels of one color must be large, and black, gray and white must be clearly apart by their lightness relative
to the white of the photograph. Regions of the colors in CIELAB (color_terms.json) are our choice; what lies between
them, such as tan, cream or olive, has no word here.
"""

import json
from functools import cache
from importlib.resources import files
from typing import Any

import cv2
import numpy as np

from nearmiss.engine.images.editing.plan import Pixels
from nearmiss.engine.images.editing.recolor import LIKE, likeness
from nearmiss.engine.images.masks import Mask

_RUNNER_UP = 0.4  # largest share of the second color, relative to the first; above it the object has two colors
_NEUTRAL = 18.0  # chroma below which a pixel is black, gray or white
_DARK_NEUTRAL = (11.0, 0.45)  # dark pixels of a color have less: at least this, and this share of their lightness


def share_of(pixels: Pixels, mask: Mask, color: str) -> float:
    """Share of a mask's pixels that look like a color, 0 to 1."""
    seen = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return float((likeness(seen[mask][None], color)[0] > LIKE).mean())


def measured_color(seen: np.ndarray, mask: Mask, least: float) -> str | None:
    """The color of at least a share `least` of the mask's pixels; None where people might say another word or none.

    `seen` (H, W, 3) is the photograph under neutral light (light.balanced).
    """
    pixels = seen[mask]
    lightness, chroma = pixels[:, 0], np.linalg.norm(pixels[:, 1:], axis=-1)
    at_least, of_lightness = _DARK_NEUTRAL
    colored = (chroma >= _NEUTRAL) | ((chroma >= at_least) & (chroma >= of_lightness * lightness))
    shares = _shares(pixels, colored)
    neutral = float((~colored).mean())
    second, first = sorted(shares, key=lambda name: shares[name])[-2:]
    if neutral >= shares[first]:
        fits = neutral >= least and shares[first] <= _RUNNER_UP * neutral
        return _neutral(lightness[~colored], chroma[~colored]) if fits else None
    runner_up = max(shares[second], neutral)
    return first if shares[first] >= least and runner_up <= _RUNNER_UP * shares[first] else None


def _shares(pixels: np.ndarray, colored: np.ndarray) -> dict[str, float]:
    """Share of the pixels in the region of each color; a pixel of several regions counts for the first."""
    lightness, chroma = pixels[:, 0], np.linalg.norm(pixels[:, 1:], axis=-1)
    hue = np.degrees(np.arctan2(pixels[:, 2], pixels[:, 1])) % 360
    free, found = colored.copy(), {}
    for region in _terms()["colors"]:
        low, high = region["hue"]
        inside = free & ((hue - low) % 360 < high - low)
        for value, bounds in ((lightness, region.get("lightness")), (chroma, region.get("chroma"))):
            if bounds is not None:
                inside &= (value >= bounds[0]) & (value < bounds[1])
        if "chroma_of_lightness" in region:
            inside &= chroma >= region["chroma_of_lightness"] * lightness + region["chroma_above"]
        found[region["name"]] = float(inside.mean())
        free &= ~inside
    return found


def _neutral(lightness: np.ndarray, chroma: np.ndarray) -> str | None:
    """Black, gray or white by percentiles of lightness: shade and highlights are parts of an object, not its color."""
    for name, region in _terms()["neutral"].items():
        above = all(np.percentile(lightness, int(at)) >= bound for at, bound in region.get("at_least", {}).items())
        below = all(np.percentile(lightness, int(at)) <= bound for at, bound in region.get("at_most", {}).items())
        if above and below and np.median(chroma) < region["chroma"]:
            return str(name)
    return None


@cache
def _terms() -> dict[str, Any]:
    """Regions of the colors in CIELAB, in order."""
    found: dict[str, Any] = json.loads(files(__package__).joinpath("color_terms.json").read_text(encoding="utf-8"))
    return found
