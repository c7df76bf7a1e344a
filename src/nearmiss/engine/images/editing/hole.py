"""Removal of an object: the region that is filled, and the background behind the object.

The shadow is removed too where the ring around the object looks like one, that is where the filled background agrees
with the image at the ring's outer edge. In a cluttered photograph it does not; then the hole is as narrow as possible.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from nearmiss.engine.images.editing.background import fill
from nearmiss.engine.images.editing.composite import extent
from nearmiss.engine.images.editing.plan import Pixels, Refused, View
from nearmiss.engine.images.editing.spec import Quality
from nearmiss.engine.images.masks import Mask, depth_in, dilated, distance_to, touches_border

_SNUG = 0.03  # width of the ring without a shadow, as a share of the object's extent
_AGREES = 0.1  # mean difference of log brightness; measured: up to 0.09 in the synthetic world, 0.14 in photographs


@dataclass(frozen=True)
class Background:
    """An image without one object: `ground` (H, W, 3) float32 differs from the image in `region` (H, W) only."""

    region: Mask
    ground: np.ndarray
    shadowed: bool
    """Whether the region holds the object's shadow."""


def remove_object(pixels: Pixels, mask: Mask, others: Mask, quality: Quality) -> Background:
    """Remove an object from an image. Raises ValueError where there is no background to fill the hole from."""
    if quality.shadow > 0:
        wide = dilated(mask, quality.feather + quality.shadow * extent(mask)) & ~others
        ground = fill(pixels, wide, others)
        if _difference(pixels, ground, mask, wide) <= _AGREES:
            return Background(wide, ground, True)
    region = dilated(mask, quality.feather + _SNUG * extent(mask)) & ~others
    return Background(region, fill(pixels, region, others), False)


def background_of(pixels: Pixels, view: View, object_id: str) -> Background | Refused:
    """A view's image without one object; refused where its pixels overlap others or the hole cannot be filled."""
    if object_id not in view.backgrounds:
        view.backgrounds[object_id] = _make_background(pixels, view, object_id)
    found: Background | Refused = view.backgrounds[object_id]
    return found


def _make_background(pixels: Pixels, view: View, object_id: str) -> Background | Refused:
    mask = view.get_object(object_id).mask
    assert mask is not None
    if touches_border(mask):
        return Refused(object_id, "touches the border")
    others = view.others(object_id)
    if float((mask & others).sum()) > view.quality.overlap * mask.sum():
        return Refused(object_id, "overlaps another object")
    background = ~(others | dilated(mask, view.quality.feather))
    if float(background.sum()) < view.quality.source * mask.sum():
        return Refused(object_id, "too little background to fill its place from")
    return remove_object(pixels, mask, others, view.quality)


def conflict(view: View, object_id: str, covers: Mask) -> str | None:
    """Why an object cannot cover these pixels, or None: it would touch the border or overlap another object."""
    others = view.others(object_id)
    if float((covers & others).sum()) > view.quality.overlap * covers.sum():
        return "the new place is occupied"
    return "the new position reaches the border of the image" if touches_border(covers) else None


def edit_mask(view: View, object_id: str, region: Mask) -> Mask:
    """The mask of an edit: all changed pixels and a margin to fade out, without other objects."""
    return dilated(region, view.quality.feather) & ~view.others(object_id)


def _difference(pixels: Pixels, ground: np.ndarray, mask: Mask, region: Mask) -> float:
    """Mean difference of smoothed log brightness at the outer edge of a region, beyond a shadow."""
    reach = max(1.5, extent(mask) / 16)
    band = region & (depth_in(region) <= 2 * reach) & (distance_to(mask) > 1.5)
    weight = band.astype(np.float32)

    def smooth(values: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(values.astype(np.float32) * weight, (0, 0), reach)

    valid = band & (smooth(weight) > 0.05)
    if not valid.any():
        return float("inf")
    seen, expected = smooth(pixels.mean(axis=-1)), smooth(ground.mean(axis=-1))
    return float(np.abs(np.log((seen[valid] + 1) / (expected[valid] + 1))).mean())
