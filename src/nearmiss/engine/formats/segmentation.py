"""Segmentations of COCO, polygons and RLE, as RLE counts of the whole image.

All values are checked before they are passed to pycocotools, which does not check coordinates, lengths and sizes.

A polygon is traced by pycocotools at five times the image's size in 32-bit integers: coordinates of 1e9 overflow, and
outlines of any length take memory in proportion. The limits are our choice, far above those of photographs.
"""

from math import isfinite
from typing import Any

import numpy as np
from pycocotools import mask as rle

MOST_PIXELS = 1 << 16  # of one side
_LONGEST = 2_000_000  # pixels of the outlines of one object
_BITS = 32  # of a run length


def check_size(height: int, width: int) -> None:
    """Raises ValueError if an image is too large to have a mask."""
    if not 0 < min(height, width) <= max(height, width) <= MOST_PIXELS:
        raise ValueError(f"an image of {width} x {height} pixels has no mask")


def check_polygons(polygons: list[Any], height: int, width: int) -> None:
    """Raises ValueError unless each is an even list of finite numbers, three points or more, near the image.

    Points may be outside by at most the size of the image: pycocotools crops the mask to the image.
    """
    traced = 0.0
    for polygon in polygons:
        if not isinstance(polygon, list) or len(polygon) < 6:
            raise ValueError("a polygon is a list of three points or more")
        if len(polygon) % 2:
            raise ValueError(f"a polygon has {len(polygon)} coordinates, an odd number")
        if not all(map(_is_coordinate, polygon)):
            raise ValueError("a coordinate of a polygon is not a finite number")
        xs, ys = polygon[::2], polygon[1::2]
        if min(xs) < -width or max(xs) > 2 * width or min(ys) < -height or max(ys) > 2 * height:
            raise ValueError("a point of a polygon is far outside of the image")
        corners = list(zip(xs, ys, strict=True))
        following = [*corners[1:], corners[0]]
        traced += sum(max(abs(x - u), abs(y - v)) for (x, y), (u, v) in zip(corners, following, strict=True))
        if traced > _LONGEST:
            raise ValueError(f"the outline of a polygon is longer than {_LONGEST} pixels")


def check_rle(segmentation: Any, height: int, width: int) -> None:
    """Raises ValueError unless it is complete RLE (compressed or not) of the image's size."""
    if not isinstance(segmentation, dict) or not {"size", "counts"} <= set(segmentation):
        raise ValueError("it is neither polygons nor RLE with size and counts")
    size, counts = segmentation["size"], segmentation["counts"]
    if not isinstance(size, list) or size != [height, width]:
        raise ValueError(f"its size is {str(size)[:60]}, the image's is {[height, width]}")
    if isinstance(counts, list):
        if not counts or not all(isinstance(run, int) and not isinstance(run, bool) for run in counts):
            raise ValueError("its run lengths are not whole numbers")
        runs = counts
    elif isinstance(counts, str):
        runs = runs_of(counts)
    else:
        raise ValueError("its counts are neither a list nor text")
    if min(runs) < 0 or sum(runs) != height * width:
        raise ValueError("its runs do not add up to the image's pixels")


def runs_of(counts: str) -> list[int]:
    """The run lengths of compressed RLE counts, the first one of background.

    A number is written in groups of five bits, least significant first, one character each from "0" on; bit 32 marks
    that another group follows, bit 16 of the last group is the sign. From the fourth number on, the difference to the
    number before the last is written. Raises ValueError if the text has another form.
    """
    runs: list[int] = []
    value = shift = 0
    for character in counts:
        group = ord(character) - ord("0")
        if not 0 <= group < 64:
            raise ValueError(f"{character!r} is not a character of RLE counts")
        if shift > _BITS:
            raise ValueError("a run length is too large")
        value |= (group & 31) << shift
        shift += 5
        if group & 32:
            continue
        if group & 16:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = shift = 0
    if shift or not runs:
        raise ValueError("its counts are incomplete")
    return runs


def _is_coordinate(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 1 << 53 if isinstance(value, int) else isfinite(value)


def encode_mask(mask: Any) -> str:
    """RLE counts, as COCO writes them, of a boolean mask (height, width)."""
    counts = rle.encode(np.asfortranarray(mask, dtype=np.uint8))["counts"]
    return counts.decode("ascii") if isinstance(counts, bytes) else counts


def mask_counts(segmentation: Any, height: int, width: int) -> str:
    """RLE counts of a segmentation of an image of this size. Raises ValueError if it is malformed."""
    check_size(height, width)
    if isinstance(segmentation, list):
        check_polygons(segmentation, height, width)
    else:
        check_rle(segmentation, height, width)
    try:
        counts = _encoded(segmentation, height, width)["counts"]
    except Exception as error:  # pycocotools raises bare exceptions
        raise ValueError(str(error)) from None
    return counts.decode("ascii") if isinstance(counts, bytes) else str(counts)


def _encoded(segmentation: Any, height: int, width: int) -> dict[str, Any]:
    if isinstance(segmentation, list):
        return rle.merge(rle.frPyObjects(segmentation, height, width))
    return rle.frPyObjects(segmentation, height, width) if isinstance(segmentation["counts"], list) else segmentation
