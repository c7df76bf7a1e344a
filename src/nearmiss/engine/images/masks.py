"""Masks of objects: decoding of COCO run lengths, and measures of their shape. A mask is (H, W) bool."""

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image

Mask = np.ndarray


class MaskError(ValueError):
    """A mask that cannot be used; its message is the reason."""


def decode(runs: Sequence[int], height: int, width: int) -> Mask:
    """Decode COCO run lengths: background first, column by column.

    Raises MaskError "mask of another size" where they do not sum to the number of pixels, "empty mask" where no
    pixel is set.
    """
    if min(runs, default=0) < 0 or sum(runs) != height * width:
        raise MaskError("mask of another size")
    values = np.arange(len(runs)) % 2 == 1
    mask = np.repeat(values, runs).reshape((height, width), order="F")
    if not mask.any():
        raise MaskError("empty mask")
    return np.ascontiguousarray(mask)


def from_image(image: Image.Image) -> Mask:
    """The mask in an image of any mode: pixels that are not black are inside.

    For a palette, its colors count, not its indices. Where some value lies in the upper half of the range, gray is the
    soft rim of a mask of 0 and 255, and the lower half is outside (our choice; 127 is the last value outside, as for
    the published masks of InpaintCOCO). Otherwise the values are 0 and 1 or indices of several objects, and all but 0
    is inside. Alpha is ignored.
    """
    if image.mode in ("1", "L", "LA", "La", "I", "F") or image.mode.startswith("I;"):
        values = np.asarray(image.getchannel(0) if len(image.getbands()) > 1 else image)
    else:
        colors = np.asarray(image.convert("RGB"))
        if image.mode.startswith("P") and (colors != colors[..., :1]).any():
            return np.asarray(colors.any(axis=-1))  # colors name objects and have no soft rim
        values = colors.max(axis=-1)
    half = 32767 if image.mode == "I" or image.mode.startswith("I;") else 127
    return np.asarray(values > (half if values.max() > half else 0))


def box_of(mask: Mask) -> tuple[int, int, int, int]:
    """x, y, w, h of the smallest box around the set pixels of a mask that is not empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1] - columns[0] + 1), int(rows[-1] - rows[0] + 1)


def box_mask(box: tuple[float, float, float, float], height: int, width: int) -> Mask:
    """The pixels that a box x, y, w, h covers fully or partly."""
    x, y, w, h = box
    covered = np.zeros((height, width), dtype=bool)
    covered[max(0, int(y)) : max(0, int(np.ceil(y + h))), max(0, int(x)) : max(0, int(np.ceil(x + w)))] = True
    return covered


def overlap_of_boxes(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> float:
    """Intersection over union of two boxes x, y, w, h; 0 where both are empty."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    shared = max(width, 0.0) * max(height, 0.0)
    union = one[2] * one[3] + other[2] * other[3] - shared
    return shared / union if union > 0 else 0.0


def touches_border(mask: Mask) -> bool:
    """Whether the object touches the image border, so that it may be truncated."""
    return bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())


def largest_part(mask: Mask) -> float:
    """The share of a mask's pixels in its largest connected component (8-connected)."""
    sizes = np.bincount(cv2.connectedComponents(mask.astype(np.uint8))[1].ravel())[1:]
    return float(sizes.max() / sizes.sum())


def dilated(mask: Mask, pixels: float) -> Mask:
    """The mask dilated by a Euclidean distance of `pixels`."""
    return distance_to(mask) <= pixels


def distance_to(mask: Mask) -> np.ndarray:
    """(H, W) float32: each pixel's distance to the nearest set pixel; 0 on the mask, infinite where it is empty."""
    if not mask.any():
        return np.full(mask.shape, np.inf, dtype=np.float32)
    return cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def depth_in(mask: Mask) -> np.ndarray:
    """(H, W) float32: distance of each pixel to the outside of the mask, 1 on its rim; not to the image border."""
    if mask.all():
        return np.full(mask.shape, np.inf, dtype=np.float32)
    return cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def shifted(mask: Mask, across: int, down: int) -> Mask:
    """The mask moved by whole pixels, cropped to the image."""
    height, width = mask.shape
    moved = np.zeros_like(mask)
    moved[max(0, down) : height + min(0, down), max(0, across) : width + min(0, across)] = mask[
        max(0, -down) : height - max(0, down), max(0, -across) : width - max(0, across)
    ]
    return moved
