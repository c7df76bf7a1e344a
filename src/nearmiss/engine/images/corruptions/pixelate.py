"""Pixelation: blocks of one color (ImageNet-C), the block scaled to a large image."""

from typing import Any

import numpy as np
from PIL import Image

from nearmiss.engine.images.corruptions.corruption import Corruption, scaled


def apply(pixels: np.ndarray, options: Any, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Average (H, W, 3) over blocks and show each block as one color; a small image keeps the published share.

    The blocks are those of Pillow's box filter, as published; enlarged, it shows the nearest block.
    """
    factor = options.factor[severity - 1]
    block = max(1 / factor, scaled(1 / factor, pixels))
    height, width = pixels.shape[:2]
    size = (max(1, int(width / block)), max(1, int(height / block)))
    blocks = Image.fromarray(pixels).resize(size, Image.Resampling.BOX)
    return np.array(blocks.resize((width, height), Image.Resampling.NEAREST))


CORRUPTION = Corruption("pixelate", apply)
