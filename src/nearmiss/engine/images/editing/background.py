"""What was behind a thing: its hole is filled with pieces of the picture's own background.

Our choice, in the manner of image quilting (Efros and Freeman, SIGGRAPH 2001): tile by tile, the piece of background
that fits best to what is already known around the tile is copied. Only what stands out from the smooth light is
copied; the light itself is continued from around the hole, so that no tile has an edge of brightness. Where the picture
has no whole piece of background that is large enough, tiles shrink.
"""

import cv2
import numpy as np

from nearmiss.engine.images.editing.pieces import Source
from nearmiss.engine.images.editing.plan import Pixels
from nearmiss.engine.images.masks import Mask, box_of, depth_in

_TILES = 6  # tiles along the hole's longer side
_SMALLEST, _LARGEST = 8, 40  # pixels: the step from tile to tile
_FINE = 5  # pixels of a tile's step in the picture on which pieces are looked for first
_COARSE = 32  # pixels: the hole's longer side where its light is continued
_SEARCHED = 320  # pixels: the longer side of the part of a picture in which a piece is looked for


def fill(pixels: Pixels, hole: Mask, avoid: Mask) -> np.ndarray:
    """The picture with its hole filled: (H, W, 3) float32. Nothing is copied from `avoid` or from the hole itself.

    Raises ValueError where nothing is left to copy from.
    """
    known = ~(hole | avoid)
    if not known.any():
        raise ValueError("the picture has no background to copy from")
    top, left, bottom, right = _window(hole)
    part = np.s_[top:bottom, left:right]
    filled = pixels.astype(np.float32)
    if known[part].sum() >= hole.sum() / 4:
        filled[part] = _fill(filled[part], hole[part], known[part])
    else:
        filled = _fill(filled, hole, known)
    return filled


def _window(hole: Mask) -> tuple[int, int, int, int]:
    """The part of a large picture around a hole in which its background is looked for."""
    x, y, w, h = box_of(hole)
    margin = max(_SEARCHED // 2, w, h)
    height, width = hole.shape
    return max(0, y - margin), max(0, x - margin), min(height, y + h + margin), min(width, x + w + margin)


def _fill(picture: np.ndarray, hole: Mask, known: Mask) -> np.ndarray:
    light = _light(picture, known, max(box_of(hole)[2:]))
    texture = _quilt(picture - light, hole, known)
    return np.where(hole[..., None], np.clip(light + texture, 0, 255), picture)


def _light(picture: np.ndarray, known: Mask, size: int) -> np.ndarray:
    """The smooth part of the background, continued over all that is not known: coarse where nothing is near.

    It is found on a smaller picture, as nothing of it is fine: `size`, the hole's longer side, is `_COARSE` there.
    """
    height, width = known.shape
    less = min(1.0, _COARSE / size)
    small = (max(2, round(width * less)), max(2, round(height * less)))
    weight = cv2.resize(known.astype(np.float32), small, interpolation=cv2.INTER_AREA)
    total = cv2.resize(picture * known[..., None].astype(np.float32), small, interpolation=cv2.INTER_AREA)
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
    found = found + missing[..., None] * picture[known].mean(axis=0)
    return cv2.resize(found.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)


def _quilt(texture: np.ndarray, hole: Mask, known: Mask) -> np.ndarray:
    """Texture for the hole, copied in overlapping tiles from where it is known."""
    done = known.copy()
    result = np.where(known[..., None], texture, 0).astype(np.float32)
    step = _step(hole, known)
    source = Source(texture, known, coarse=max(1, step // _FINE))
    waiting = {center: int(done[_tile(center, step, done.shape)].sum()) for center in _centers(hole, step)}
    while waiting:
        # the tile of which the most is known already; the first one among equals
        y, x = max(waiting, key=lambda center: (waiting[center], -center[0], -center[1]))
        del waiting[y, x]
        place = _tile((y, x), step, done.shape)
        piece = source.best(result[place], done[place])
        if piece is None:
            continue
        fresh = hole[place]
        settled = done[place] & fresh  # laid by an earlier tile: the new one fades in over it
        depth = depth_in(np.pad(np.ones(fresh.shape, dtype=bool), 1))[1:-1, 1:-1]
        weight = np.where(settled, np.clip(depth / step, 0, 1), 1.0)[..., None]
        result[place] = np.where(fresh[..., None], result[place] * (1 - weight) + piece * weight, result[place])
        done[place] |= fresh
        for center in waiting:
            if max(abs(center[0] - y), abs(center[1] - x)) < 2 * step:  # it shares pixels with this one
                waiting[center] = int(done[_tile(center, step, done.shape)].sum())
    return result


def _step(hole: Mask, known: Mask) -> int:
    """The step from tile to tile: by the hole's size, smaller where there is no background for a whole tile."""
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
    """Centers of a lattice of tiles that covers the hole."""
    x, y, w, h = box_of(hole)
    rows = range(y + step // 2, y + h + step // 2, step)
    columns = range(x + step // 2, x + w + step // 2, step)
    near = [(row, column) for row in rows for column in columns]
    return [center for center in near if hole[_tile(center, step, hole.shape)].any()]


def _tile(center: tuple[int, int], step: int, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """A tile of twice the step, cut at the picture's edge."""
    (row, column), (height, width) = center, shape[:2]
    return (
        slice(max(0, min(row - step, height - 1)), min(height, row + step)),
        slice(max(0, min(column - step, width - 1)), min(width, column + step)),
    )
