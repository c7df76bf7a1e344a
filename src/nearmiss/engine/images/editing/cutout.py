"""An object cut out of an image with its soft outline and its shadow, to be pasted elsewhere."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from nearmiss.engine.images.editing.composite import extent
from nearmiss.engine.images.editing.hole import Background
from nearmiss.engine.images.editing.plan import Pixels
from nearmiss.engine.images.masks import Mask, box_of, depth_in, distance_to

_DARKEST = 0.35  # the darkest shadow, as a factor on the ground's light
_LOOSE = 0.04  # of an object's extent: how far inside of a drawn outline its background may still show


@dataclass(frozen=True)
class Cutout:
    """An object and its effect on its surroundings, in one patch (h, w)."""

    color: np.ndarray
    """(h, w, 3) float32; extends beyond the outline."""
    inside: np.ndarray
    """(h, w) float32: pixels from the outline, negative outside, so that an outline stays sharp at any scale."""
    shade: np.ndarray
    """(h, w) float32: the factor by which the object's shadow darkens the ground."""
    region: np.ndarray
    """(h, w) float32: 1 where the object or its shadow may be."""
    center: tuple[float, float]
    """x, y of the center of the mask's box, in the patch."""


def cut_out(pixels: Pixels, mask: Mask, without: Background) -> Cutout:
    """Cut an object out of its image; `without` is the image without it."""
    region = without.region
    x, y, w, h = box_of(region)
    part = np.s_[y : y + h, x : x + w]
    depth = depth_in(mask)
    sure = depth > max(1.5, _LOOSE * extent(mask))
    color = _continued(pixels.astype(np.float32), sure if sure.any() else mask)
    left, top, width, height = box_of(mask)
    return Cutout(
        color=color[part],
        inside=_inside(mask)[part],
        shade=_shade(pixels, mask, without)[part],
        region=region[part].astype(np.float32),
        center=(left + width / 2 - x, top + height / 2 - y),
    )


def brightness(pixels: Pixels) -> float:
    """The mean brightness of an image, 1 to 256, over all channels."""
    return float(pixels.mean()) + 1.0


def relit(cutout: Cutout, factor: float) -> Cutout:
    """The same object under `factor` times the light."""
    return cutout if factor == 1.0 else replace(cutout, color=cutout.color * np.float32(factor))


def pasted_mask(mask: Mask, center: tuple[float, float], scale: float, shape: tuple[int, int]) -> Mask:
    """The mask of an object pasted with its center at `center` (x, y), scaled: (H, W) bool."""
    x, y, w, h = box_of(mask)
    inside = _inside(mask)[y : y + h, x : x + w]
    return _warped(inside, _affine((w / 2, h / 2), center, scale), shape, cv2.INTER_LINEAR, -1.0) > 0


def paste(ground: np.ndarray, cutout: Cutout, center: tuple[float, float], scale: float) -> tuple[np.ndarray, Mask]:
    """Paste an object on `ground` (H, W, 3) with its center at `center` (x, y), scaled.

    Returns the image as float32 and the mask of all pixels that the object or its shadow changes.
    """
    affine, shape = _affine(cutout.center, center, scale), ground.shape[:2]
    fine = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_LINEAR
    color = _warped(_shrinkable(cutout.color, scale), affine, shape, fine, None)
    inside = _warped(cutout.inside, affine, shape, cv2.INTER_LINEAR, -1e3)
    shade = _warped(cutout.shade, affine, shape, cv2.INTER_LINEAR, 1.0)
    region = _warped(cutout.region, affine, shape, cv2.INTER_LINEAR, 0.0)
    alpha = np.clip(inside * scale + 0.5, 0, 1)[..., None]
    pasted = ground.astype(np.float32) * shade[..., None] * (1 - alpha) + color * alpha
    return pasted, (alpha[..., 0] > 0) | (region > 0)


def _inside(mask: Mask) -> np.ndarray:
    return np.where(mask, depth_in(mask) - 0.5, 0.5 - distance_to(mask)).astype(np.float32)


def _affine(own: tuple[float, float], to: tuple[float, float], scale: float) -> np.ndarray:
    """The affine map (2, 3) that scales a patch and moves its point `own` to `to`."""
    # pixel centers lie at halves; OpenCV counts them as whole numbers
    across, down = (there - 0.5 - scale * (here - 0.5) for here, there in zip(own, to, strict=True))
    return np.array([[scale, 0, across], [0, scale, down]], dtype=np.float32)


def _warped(
    values: np.ndarray, affine: np.ndarray, shape: tuple[int, int], how: int, beyond: float | None
) -> np.ndarray:
    """Values warped into an image, padded with `beyond`, or with their own edge where it is None."""
    border = cv2.BORDER_REPLICATE if beyond is None else cv2.BORDER_CONSTANT
    around = (beyond or 0.0,) * 4
    return cv2.warpAffine(values, affine, shape[::-1], flags=how, borderMode=border, borderValue=around)


def _shrinkable(color: np.ndarray, scale: float) -> np.ndarray:
    """The colors, smoothed before strong downscaling to prevent aliasing."""
    return cv2.GaussianBlur(color, (0, 0), 0.4 / scale) if scale < 0.6 else color


def _continued(pixels: np.ndarray, inside: Mask) -> np.ndarray:
    """Colors of the inside, continued outwards by the nearest pixel, so that the outline shows no old background."""
    _, nearest = cv2.distanceTransformWithLabels(
        (~inside).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    color_of = np.zeros((int(nearest.max()) + 1, 3), dtype=np.float32)
    color_of[nearest[inside]] = pixels[inside]
    return np.where(inside[..., None], pixels, color_of[nearest])


def _shade(pixels: Pixels, mask: Mask, without: Background) -> np.ndarray:
    """How much darker the ring around an object is than the background; 1 at the ring's edge and beyond."""
    if not without.shadowed:
        return np.ones(mask.shape, dtype=np.float32)
    ring = (without.region & (distance_to(mask) > 1.5)).astype(np.float32)
    reach = max(1.5, extent(mask) / 16)

    def smooth(values: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(values.astype(np.float32) * ring, (0, 0), reach)

    seen, expected = smooth(pixels.mean(axis=-1)), smooth(without.ground.mean(axis=-1))
    ratio = np.where(smooth(np.ones_like(ring)) > 0.02, (seen + 1e-3) / (expected + 1e-3), 1.0)
    fade = np.clip(depth_in(without.region) / (2 * reach), 0, 1)
    return (1 - fade * (1 - np.clip(ratio, _DARKEST, 1.0))).astype(np.float32)
