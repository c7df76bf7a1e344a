"""Fills the hole of a removed object with pieces of the image's background.

Our choice, based on image quilting (Efros and Freeman, SIGGRAPH 2001): tile by tile, the piece of background that best
fits the known pixels around the tile is copied. Only the residual over the smooth light is copied; the light itself is
continued from around the hole, so that tiles have no brightness edges. Where the image has no complete piece of
background that is large enough, tiles shrink.
"""

import cv2
import numpy as np

from nearmiss.engine.images.editing.pieces import Source
from nearmiss.engine.images.editing.plan import Pixels
from nearmiss.engine.images.masks import Mask, box_of, depth_in

_TILES = 6  # tiles along the hole's longer side
_SMALLEST, _LARGEST = 8, 40  # pixels: the step from tile to tile
_FINE = 5  # pixels of a tile's step in the image of the coarse search
_COARSE = 32  # pixels: the hole's longer side where its light is continued
_SEARCHED = 320  # pixels: the longer side of the part of an image that is searched


def fill(pixels: Pixels, hole: Mask, avoid: Mask) -> np.ndarray:
    """The image with its hole filled: (H, W, 3) float32. Nothing is copied from `avoid` or the hole.

    Raises ValueError where no background is left to copy from.
    """
    known = ~(hole | avoid)
    if not known.any():
        raise ValueError("the image has no background to copy from")
    top, left, bottom, right = _window(hole)
    part = np.s_[top:bottom, left:right]
    filled = pixels.astype(np.float32)
    if known[part].sum() >= hole.sum() / 4:
        filled[part] = _fill(filled[part], hole[part], known[part])
    else:
        filled = _fill(filled, hole, known)
    return filled


def _window(hole: Mask) -> tuple[int, int, int, int]:
    """The part of a large image around a hole that is searched for background."""
    x, y, w, h = box_of(hole)
    margin = max(_SEARCHED // 2, w, h)
    height, width = hole.shape
    return max(0, y - margin), max(0, x - margin), min(height, y + h + margin), min(width, x + w + margin)


def _fill(image: np.ndarray, hole: Mask, known: Mask) -> np.ndarray:
    light = _light(image, known, max(box_of(hole)[2:]))
    texture = _quilt(image - light, hole, known)
    return np.where(hole[..., None], np.clip(light + texture, 0, 255), image)


def _light(image: np.ndarray, known: Mask, size: int) -> np.ndarray:
    """The smooth part of the background, continued over all unknown pixels: coarse where no known pixel is close.

    Computed on a smaller image, as it has no fine detail: `size`, the hole's longer side, is scaled to `_COARSE`.
    """
    height, width = known.shape
    less = min(1.0, _COARSE / size)
    small = (max(2, round(width * less)), max(2, round(height * less)))
    weight = cv2.resize(known.astype(np.float32), small, interpolation=cv2.INTER_AREA)
    total = cv2.resize(image * known[..., None].astype(np.float32), small, interpolation=cv2.INTER_AREA)
    found: np.ndarray = np.zeros_like(total)
    missing: np.ndarray = np.ones_like(weight)
    sigma = max(2.0, size * less / 6)
    for _ in range(4):
        spread = cv2.GaussianBlur(weight, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
        mean = cv2.GaussianBlur(total, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
        share = np.clip(spread * 4, 0, 1) * missing
        found = found + share[..., None] * mean / np.maximum(spread, 1e-6)[..., None]
        missing = missing - share
        sigma *= 2
    found = found + missing[..., None] * image[known].mean(axis=0)
    return cv2.resize(found.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)


def _quilt(texture: np.ndarray, hole: Mask, known: Mask) -> np.ndarray:
    """Texture for the hole, copied in overlapping tiles from where it is known."""
    done = known.copy()
    result = np.where(known[..., None], texture, 0).astype(np.float32)
    step = _step(hole, known)
    source = Source(texture, known, coarse=max(1, step // _FINE))
    waiting = {center: int(done[_tile(center, step, done.shape)].sum()) for center in _centers(hole, step)}
    while waiting:
        # the tile with the most known pixels; the first one among equals
        y, x = max(waiting, key=lambda center: (waiting[center], -center[0], -center[1]))
        del waiting[y, x]
        tile = _tile((y, x), step, done.shape)
        piece = source.best(result[tile], done[tile])
        if piece is None:
            continue
        fresh = hole[tile]
        settled = done[tile] & fresh  # filled by an earlier tile: the new one fades in over it
        depth = depth_in(np.pad(np.ones(fresh.shape, dtype=bool), 1))[1:-1, 1:-1]
        weight = np.where(settled, np.clip(depth / step, 0, 1), 1.0)[..., None]
        result[tile] = np.where(fresh[..., None], result[tile] * (1 - weight) + piece * weight, result[tile])
        done[tile] |= fresh
        for center in waiting:
            if max(abs(center[0] - y), abs(center[1] - x)) < 2 * step:  # it overlaps this one
                waiting[center] = int(done[_tile(center, step, done.shape)].sum())
    return result


def _step(hole: Mask, known: Mask) -> int:
    """The step from tile to tile: by the hole's size, smaller where no background is large enough for a tile."""
    step = int(np.clip(max(box_of(hole)[2:]) // _TILES, _SMALLEST, _LARGEST))
    while (
        step > 2
        and not cv2.erode(
            known.astype(np.uint8),
            np.ones((2 * step, 2 * step), np.uint8),
            borderType=cv2.BORDER_CONSTANT,
            borderValue=0,
        ).any()
    ):
        step //= 2
    return step


def _centers(hole: Mask, step: int) -> list[tuple[int, int]]:
    """Centers of a grid of tiles that covers the hole."""
    x, y, w, h = box_of(hole)
    rows = range(y + step // 2, y + h + step // 2, step)
    columns = range(x + step // 2, x + w + step // 2, step)
    candidates = [(row, column) for row in rows for column in columns]
    return [center for center in candidates if hole[_tile(center, step, hole.shape)].any()]


def _tile(center: tuple[int, int], step: int, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """A tile of twice the step, cropped to the image."""
    (row, column), (height, width) = center, shape[:2]
    return (
        slice(max(0, min(row - step, height - 1)), min(height, row + step)),
        slice(max(0, min(column - step, width - 1)), min(width, column + step)),
    )
