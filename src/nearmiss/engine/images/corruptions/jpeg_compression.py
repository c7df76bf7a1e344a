"""JPEG compression (ImageNet-C), colors at half resolution as Pillow does by default."""

from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from nearmiss.engine.images.corruptions.corruption import Corruption


def apply(pixels: np.ndarray, options: Any, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Write (H, W, 3) as JPEG of the severity's quality and read it back."""
    written = BytesIO()
    Image.fromarray(pixels).save(written, "JPEG", quality=options.quality[severity - 1])
    with Image.open(written) as image:
        return np.asarray(image.convert("RGB"))


CORRUPTION = Corruption("jpeg_compression", apply)
