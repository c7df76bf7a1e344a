"""A contact sheet: pairs of images side by side with their captions, the edit outlined, a title for each."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from nearmiss.base.display import single_line

_TILE, _GAP, _LINES, _LINE = 300, 10, 3, 14  # pixels; lines of a caption
_COLUMNS = 2  # pairs per row
_TITLE, _CAPTION = 120, 2 * _LINES * _TILE // 6  # characters that are considered; fewer fit
_MARK = (255, 0, 200)


@dataclass(frozen=True)
class SheetPair:
    """A pair on a contact sheet: images (H, W, 3) uint8, the mask of the edit (H, W) bool, the captions, a title."""

    original: np.ndarray
    changed: np.ndarray
    mask: np.ndarray
    captions: tuple[str, str]
    title: str


def contact_sheet(pairs: Sequence[SheetPair]) -> Image.Image:
    """The pairs in rows of two; each shows the original with the edit's outline, and the changed image."""
    width, height = 2 * _TILE + _GAP, _TILE + (_LINES + 1) * _LINE + 2 * _GAP
    rows = -(-len(pairs) // _COLUMNS)
    page = Image.new("RGB", (_COLUMNS * (width + 2 * _GAP), max(1, rows) * height), "white")
    for number, pair in enumerate(pairs):
        left, top = (number % _COLUMNS) * (width + 2 * _GAP) + _GAP, (number // _COLUMNS) * height
        _draw(page, pair, left, top)
    return page


def _draw(page: Image.Image, pair: SheetPair, left: int, top: int) -> None:
    drawing, font = ImageDraw.Draw(page), ImageFont.load_default(12)
    drawing.text((left, top + 2), single_line(pair.title)[:_TITLE], fill="black", font=font)
    for column, (image, caption) in enumerate(zip((_outlined(pair), pair.changed), pair.captions, strict=True)):
        across = left + column * (_TILE + _GAP)
        tile = Image.fromarray(image)
        tile.thumbnail((_TILE, _TILE))
        page.paste(tile, (across, top + _LINE + 4))
        lines = textwrap.wrap(single_line(caption[:_CAPTION]), _TILE // 6)[:_LINES]
        for line, words in enumerate(lines):
            drawing.text((across, top + _LINE + 4 + _TILE + 2 + line * _LINE), words, fill="black", font=font)


def _outlined(pair: SheetPair) -> np.ndarray:
    outlines, _ = cv2.findContours(pair.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    width = max(1, round(max(pair.mask.shape) / _TILE))
    return cv2.drawContours(pair.original.copy(), outlines, -1, _MARK, width)
