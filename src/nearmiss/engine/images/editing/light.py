"""The light of a photograph: white balance and exposure, so that colors of different photographs can be compared.

The color of the light is estimated by Shades of Gray (Finlayson and Trezzi, Color Imaging Conference 2004, Minkowski
norm 6) and divided out per channel (von Kries). Strong casts are no white balance: a room lit in red, or a picture in
sepia, has lost the colors of its things. All thresholds are our choice.
"""

import cv2
import numpy as np

from nearmiss.engine.images.editing.plan import Pixels

_NORM = 6.0
_CLIPPED = 250  # of 255; brighter pixels have lost their color
_CORRECTED = 1.5  # largest factor of a channel
_STRONG = 2.0  # ratio of the strongest to the weakest channel of the light above which nothing is corrected
_COLORLESS = 8.0  # CIELAB chroma of a pixel of a black-and-white photograph, at most
_COLORED = 0.02  # share of pixels that a color photograph has above it
_WHITE = 98.0  # percentile of lightness that counts as the white of the photograph
_DARKEST_WHITE = 60.0  # CIELAB lightness


def balanced(pixels: Pixels) -> np.ndarray | None:
    """CIELAB of a photograph (H, W, 3 float32) under neutral light, its white at lightness 100.

    None where colors cannot be determined: a black-and-white photograph, or one under strongly colored light.
    """
    linear = _linear()[pixels]
    exposed = pixels.max(axis=-1) < _CLIPPED
    sample = linear[exposed] if exposed.any() else linear.reshape(-1, 3)
    light = (sample**_NORM).mean(axis=0, dtype=np.float64) ** (1 / _NORM)
    if light.max() > _STRONG * light.min():
        return None
    gain = np.clip(light.mean() / light, 1 / _CORRECTED, _CORRECTED).astype(np.float32)
    seen = cv2.cvtColor(_encoded(np.clip(linear * gain, 0, 1)), cv2.COLOR_RGB2LAB)
    if (np.linalg.norm(seen[..., 1:], axis=-1) > _COLORLESS).mean() < _COLORED:
        return None
    white = np.clip(np.percentile(seen[..., 0], _WHITE), _DARKEST_WHITE, 100.0)
    return seen * np.float32(100.0 / white)


def _linear() -> np.ndarray:
    """Linear light, 0 to 1, of each sRGB value: (256,) float32."""
    value = np.arange(256) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _encoded(linear: np.ndarray) -> np.ndarray:
    """SRGB, 0 to 1, of linear light."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055).astype(np.float32)
