"""The place that a thing leaves when it goes: what of the picture is painted anew, and what was behind it.

A thing takes its shadow along where the ring around it reads as one: where the background that is put there agrees with
the picture at the ring's outer edge. In a busy photograph it does not; then the hole is no wider than it must be.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from nearmiss.engine.images.editing.background import fill
from nearmiss.engine.images.editing.composite import extent
from nearmiss.engine.images.editing.plan import Pixels, Refused, View
from nearmiss.engine.images.editing.spec import Quality
from nearmiss.engine.images.masks import Mask, depth_in, dilated, distance_to, touches_border

_SNUG = 0.03  # width of the ring without a shadow, as a share of the thing's extent
_AGREES = 0.1  # mean difference of log brightness: measured 0.03 to 0.09 in the embedded world, 0.14 on in photographs


@dataclass(frozen=True)
class Emptied:
    """A picture without one thing: `ground` (H, W, 3) float32 differs from the picture in `region` (H, W) alone."""

    region: Mask
    ground: np.ndarray
    shadowed: bool
    """Whether the region holds the thing's shadow."""


def emptied(pixels: Pixels, mask: Mask, others: Mask, quality: Quality) -> Emptied:
    """Take a thing out of a picture. Raises ValueError where there is nothing to fill its place from."""
    if quality.shadow > 0:
        wide = dilated(mask, quality.feather + quality.shadow * extent(mask)) & ~others
        ground = fill(pixels, wide, others)
        if _difference(pixels, ground, mask, wide) <= _AGREES:
            return Emptied(wide, ground, True)
    region = dilated(mask, quality.feather + _SNUG * extent(mask)) & ~others
    return Emptied(region, fill(pixels, region, others), False)


def vacated(pixels: Pixels, view: View, object_id: str) -> Emptied | Refused:
    """A view's picture without one thing; refused where its pixels are not its own or nothing can fill them."""
    if object_id not in view.behind:
        view.behind[object_id] = _vacated(pixels, view, object_id)
    found: Emptied | Refused = view.behind[object_id]
    return found


def _vacated(pixels: Pixels, view: View, object_id: str) -> Emptied | Refused:
    mask = view.thing(object_id).mask
    assert mask is not None
    if touches_border(mask):
        return Refused(object_id, "touches the border")
    others = view.others(object_id)
    if float((mask & others).sum()) > view.quality.overlap * mask.sum():
        return Refused(object_id, "overlaps another thing")
    background = ~(others | dilated(mask, view.quality.feather))
    if float(background.sum()) < view.quality.source * mask.sum():
        return Refused(object_id, "too little background to fill its place from")
    return emptied(pixels, mask, others, view.quality)


def conflict(view: View, object_id: str, place: Mask) -> str | None:
    """Why a thing cannot lie at a place, or None: it would leave the picture or meet another thing."""
    others = view.others(object_id)
    if float((place & others).sum()) > view.quality.overlap * place.sum():
        return "the new place is occupied"
    return "the new place reaches the picture's border" if touches_border(place) else None


def painted(view: View, object_id: str, region: Mask) -> Mask:
    """The mask of an edit: all that it paints, with room for its border to fade out; never another thing."""
    return dilated(region, view.quality.feather) & ~view.others(object_id)


def _difference(pixels: Pixels, ground: np.ndarray, mask: Mask, region: Mask) -> float:
    """Mean difference of smoothed log brightness at the outer edge of a region, where a shadow has run out."""
    reach = max(1.5, extent(mask) / 16)
    band = region & (depth_in(region) <= 2 * reach) & (distance_to(mask) > 1.5)
    weight = band.astype(np.float32)

    def smooth(values: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(values.astype(np.float32) * weight, (0, 0), reach)

    near = band & (smooth(weight) > 0.05)
    if not near.any():
        return float("inf")
    seen, expected = smooth(pixels.mean(axis=-1)), smooth(ground.mean(axis=-1))
    return float(np.abs(np.log((seen[near] + 1) / (expected[near] + 1))).mean())
