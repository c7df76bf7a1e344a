"""JPEG compression (ImageNet-C), colors at half resolution."""

from typing import Any

import cv2
import numpy as np

from nearmiss.engine.images.corruptions.corruption import Corruption


def apply(pixels: np.ndarray, options: Any, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Write (H, W, 3) as JPEG of the severity's quality and read it back.

    OpenCV writes with the tables and the subsampling of Pillow, which ImageNet-C uses, in less time.
    """
    settings = (cv2.IMWRITE_JPEG_QUALITY, options.quality[severity - 1])
    _, written = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), settings)
    read = cv2.imdecode(written, cv2.IMREAD_COLOR)
    assert read is not None  # it was just written
    return cv2.cvtColor(read, cv2.COLOR_BGR2RGB)


CORRUPTION = Corruption("jpeg_compression", apply)
