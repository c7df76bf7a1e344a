"""Whether two image files are the same photograph: by its number in a published collection, or by a perceptual hash.

Benchmarks and training sets are drawn from few collections. File names of COCO and Visual Genome have the number of the
photograph in every release: COCO_val2014_000000391895.jpg and 000000391895.jpg are one photograph. About half of Visual
Genome is in COCO under other numbers, which only the content shows.
"""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import PurePosixPath

import numpy as np
from PIL import Image
from scipy.fft import dctn

from nearmiss.base.errors import InputError

COLLECTIONS = {
    "coco": "coco",
    "vg": "visual_genome",
    "visual_genome": "visual_genome",
    "gqa": "visual_genome",
    "aro": "visual_genome",
    "bla": "visual_genome",
    "vsr": "coco",
    "flickr8k": "flickr",
    "flickr30k": "flickr",
}
"""First folder below a data root, or name of a data source -> collection. Photographs of Flickr share one numbering."""

DISTANCE = 4
"""Bits of 64 in which hashes of one photograph differ at most. Our choice: of 1,200 photographs of COCO, copies at 256
pixels differ from the originals in 0 or 2 bits, and different photographs in 12 or more."""

_SIDE, _KEPT = 32, 8
_ROWS = 256  # hashes that are compared with all others at once


def photograph_key(collection: str, file: str) -> str | None:
    """`COLLECTION:NUMBER` of an image file; None where the collection is unknown or the name has no number.

    `collection` is a key of `COLLECTIONS`.
    """
    name = COLLECTIONS.get(collection)
    stem = PurePosixPath(file).stem
    # Flickr8k's names go on behind the number (1000268201_693b08cb0e.jpg), COCO's of 2014 end with it.
    number = re.match(r"\d+", stem) if name == "flickr" else re.fullmatch(r"(?:COCO_\w+_)?(\d+)", stem)
    return None if name is None or number is None else f"{name}:{int(number[number.lastindex or 0])}"


def photograph_keys(collection: str, file: str, further: str | None) -> list[str]:
    """All numbers of an image: that of its file, and its `COLLECTION:NUMBER` in a further collection."""
    return [key for key in (photograph_key(collection, file), further) if key is not None]


def perceptual_hash(image: Image.Image) -> int:
    """64 bits: which of the 8 x 8 lowest frequencies of the image, at 32 x 32 pixels in gray, are above their median.

    The discrete cosine transform hash of Zauner (2010), as the package ImageHash computes it.
    """
    gray = image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    low = dctn(np.asarray(gray, dtype=np.float64))[:_KEPT, :_KEPT]
    bits = (low > np.median(low)).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def decoded_hash(image: Image.Image) -> int:
    """Perceptual hash of an open image whose pixels are not decoded yet; decodes them.

    A large JPEG is decoded at a fraction of its size. All of its data is read, so that a damaged file raises whatever
    Pillow's decoder raises.
    """
    image.draft("L", (2 * _SIDE, 2 * _SIDE))
    return perceptual_hash(image)


def hash_of(opened: Callable[[], AbstractContextManager[Image.Image]]) -> int | None:
    """Perceptual hash of an image file that `opened` opens; None where it does not exist or does not decode."""
    try:
        with opened() as image:
            return decoded_hash(image)
    except InputError:
        return None


def similar(hashes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Pairs (row of `hashes`, row of `others`) that differ in at most `DISTANCE` bits: (pairs, 2) int.

    Both are uint64 arrays, of N and M hashes.
    """
    found = [np.empty((0, 2), dtype=np.int64)]
    for start in range(0, len(hashes), _ROWS):
        distance = np.bitwise_count(hashes[start : start + _ROWS, None] ^ others[None])
        found.append(np.argwhere(distance <= DISTANCE) + np.asarray([start, 0]))
    return np.concatenate(found)
