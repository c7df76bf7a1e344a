"""Compositing of edits: faded in at the border, never outside the mask."""

import numpy as np

from nearmiss.engine.images.editing.plan import Pixels
from nearmiss.engine.images.masks import Mask, depth_in


def composite(original: Pixels, edited: np.ndarray, touched: Mask, feather: float) -> Pixels:
    """The original blended with `edited` (H, W, 3, any real type) inside `touched`, faded over `feather` pixels.

    Pixels outside `touched` are byte-identical to the original; a violation raises AssertionError.
    """
    weight = np.clip(depth_in(touched) / (feather + 1.0), 0.0, 1.0)[..., None].astype(np.float32)
    blended = original.astype(np.float32) * (1.0 - weight) + np.clip(edited, 0, 255).astype(np.float32) * weight
    result = np.where(touched[..., None], np.rint(blended).astype(np.uint8), original)
    if changed_outside(original, result, touched):
        raise AssertionError("an edit changed pixels outside its mask")  # raised, so that python -O checks it too
    return result


def changed_outside(original: Pixels, edited: Pixels, touched: Mask) -> int:
    """Number of pixels that differ outside the mask."""
    return int(((original != edited).any(axis=-1) & ~touched).sum())


def extent(mask: Mask) -> float:
    """The side of a square with as many pixels."""
    return float(np.sqrt(mask.sum()))
