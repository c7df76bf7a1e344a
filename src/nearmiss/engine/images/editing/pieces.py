"""Searches the known background of an image for the piece that fits a position best."""

import cv2
import numpy as np

from nearmiss.engine.images.masks import Mask


class Source:
    """Known texture that is searched for pieces: first at 1 / `coarse` of its size, then around the best match."""

    def __init__(self, texture: np.ndarray, known: Mask, coarse: int) -> None:
        """`texture` (H, W, 3) float32, used where `known` (H, W)."""
        self._texture = np.where(known[..., None], texture, 0).astype(np.float32)
        self._known, self._coarse = known.astype(np.uint8), coarse
        height, width = known.shape
        self._small = self._smaller(self._texture, height, width)
        # a pixel of the small image is known where all its source pixels are
        self._small_known = (self._smaller(self._known.astype(np.float32), height, width) > 0.999).astype(np.uint8)

    def best(self, wanted: np.ndarray, has: Mask) -> np.ndarray | None:
        """The piece most like `wanted` (h, w, 3) where it `has` pixels (h, w); None where no whole piece is known."""
        height, width = has.shape
        if self._coarse == 1:
            corner = _fit(self._texture, self._known, wanted, has.astype(np.float32))
        else:
            weight = self._smaller(has.astype(np.float32), height, width)
            smaller = self._smaller(np.where(has[..., None], wanted, 0).astype(np.float32), height, width)
            smaller = smaller / np.maximum(weight, 1e-3)[..., None]
            rough = _fit(self._small, self._small_known, smaller, (weight > 0.5).astype(np.float32))
            corner = None if rough is None else self._refined(rough, wanted, has)
        if corner is None:
            return None
        return self._texture[corner[0] : corner[0] + height, corner[1] : corner[1] + width]

    def _refined(self, rough: tuple[int, int], wanted: np.ndarray, has: Mask) -> tuple[int, int] | None:
        """The best position at full resolution, around a position on the small image."""
        height, width = has.shape
        most = (self._known.shape[0] - height, self._known.shape[1] - width)
        first = [max(0, min(at * self._coarse - self._coarse, end)) for at, end in zip(rough, most, strict=True)]
        last = [min(end, start + 2 * self._coarse) for start, end in zip(first, most, strict=True)]
        part = np.s_[first[0] : last[0] + height, first[1] : last[1] + width]
        found = _fit(self._texture[part], self._known[part], wanted, has.astype(np.float32))
        return None if found is None else (first[0] + found[0], first[1] + found[1])

    def _smaller(self, values: np.ndarray, height: int, width: int) -> np.ndarray:
        if self._coarse == 1:
            return values
        size = (max(1, width // self._coarse), max(1, height // self._coarse))
        return cv2.resize(values, size, interpolation=cv2.INTER_AREA)


def _fit(source: np.ndarray, known: np.ndarray, wanted: np.ndarray, has: np.ndarray) -> tuple[int, int] | None:
    """Row and column of the whole known piece with the least squared difference; the first one among equals."""
    height, width = has.shape
    if height > known.shape[0] or width > known.shape[1]:
        return None
    whole = cv2.erode(
        known, np.ones((height, width), np.uint8), anchor=(0, 0), borderType=cv2.BORDER_CONSTANT, borderValue=0
    )[: known.shape[0] - height + 1, : known.shape[1] - width + 1]
    if not whole.any():
        return None
    if has.any():
        weight = np.repeat(has[..., None], 3, axis=-1).astype(np.float32)
        misfit = cv2.matchTemplate(source, wanted.astype(np.float32), cv2.TM_SQDIFF, mask=weight)
    else:
        misfit = np.zeros(whole.shape, dtype=np.float32)
    misfit = np.where(whole > 0, np.rint(misfit), np.inf)  # integers: independent of the last bits
    row, column = np.unravel_index(int(np.argmin(misfit)), misfit.shape)
    return int(row), int(column)
