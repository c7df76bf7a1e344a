"""Glass blur: pixels exchanged for near ones between two blurs (ImageNet-C), lengths scaled to the image.

ImageNet-C exchanges pixels one after another. Here every pixel takes the value of a random pixel within the same
reach (our choice): what one step shows at a pixel has the same distribution, and the step is one lookup.
"""

from typing import Any

import cv2
import numpy as np

from nearmiss.engine.images.corruptions.corruption import Corruption, scaled, to_bytes, to_unit


def apply(pixels: np.ndarray, options: Any, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Blur (H, W, 3), let each pixel show one within the reach as often as the severity says, and blur again."""
    sigma = scaled(options.deviation[severity - 1], pixels)
    reach = max(1, round(scaled(options.reach[severity - 1], pixels)))
    height, width = pixels.shape[:2]
    shown = cv2.GaussianBlur(to_unit(pixels), (0, 0), sigmaX=sigma, borderType=cv2.BORDER_REPLICATE)
    rows, columns = np.arange(height)[:, None], np.arange(width)[None, :]
    for _ in range(options.iterations[severity - 1]):
        offsets = rng.integers(-reach, reach, (2, height, width), dtype=np.int32)
        down = np.clip(rows + offsets[0], 0, height - 1)
        right = np.clip(columns + offsets[1], 0, width - 1)
        shown = shown[down, right]
    return to_bytes(cv2.GaussianBlur(shown, (0, 0), sigmaX=sigma, borderType=cv2.BORDER_REPLICATE))


CORRUPTION = Corruption("glass_blur", apply)
