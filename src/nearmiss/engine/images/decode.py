"""Image files: opened, decoded to 8-bit RGB and cropped.

The only decoder for images of users. Only raster formats whose decoders start no other program are opened, regardless
of the file name: Pillow would pass a PostScript file to Ghostscript. 8-bit images are converted to RGB by Pillow, as in
the papers' code: alpha is dropped, an animation gives its first frame, EXIF rotation is not applied. A path may
lead into a tar archive (members.py).
"""

import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from PIL import Image, UnidentifiedImageError

from nearmiss.base.errors import InputError
from nearmiss.engine.images.members import read_content, split_member, stat_of

REMEDY = "restore the file from its source"
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""Formats that are opened, by Pillow's names. A photograph with several frames (MPO) is a JPEG."""
PIXELS = 178_956_970
"""Maximum number of pixels of an image: twice Pillow's limit, where it raises a decompression bomb error."""

_BITS, _PHOTOMETRIC, _WHITE_IS_ZERO = 258, 262, 0  # tags of TIFF
_SIXTEEN = ("PNG", "PPM")  # formats whose mode I holds 0 to 65535


def open_rgb(path: Path) -> Image.Image:
    """The whole image of a file, decoded, as 8-bit RGB. Raises InputError where it is missing or does not decode."""
    with open_image(Path(path)) as image:
        return as_rgb(image)


def open_image_bytes(content: bytes, *, file: object = None, record: object = None) -> Image.Image:
    """As `open_rgb`, of the bytes of an image file; `file` and `record` name their origin in messages."""
    with open_image(content, file=file, record=record) as image:
        return as_rgb(image)


@contextmanager
def open_image(source: Path | bytes, *, file: object = None, record: object = None) -> Iterator[Image.Image]:
    """The image of a file or of its bytes: header read, pixels not yet.

    Raises InputError where a file is missing or is no regular one, where its format is not in `FORMATS` or it has more
    than `PIXELS` pixels, and where the block fails, for example on decoding a truncated file.
    """
    if isinstance(source, Path):
        file = source if file is None else file
        _regular(source, file, record)
        if split_member(source) is not None:
            source = read_content(source)
    try:
        with Image.open(BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS) as image:
            if image.width * image.height > PIXELS:
                raise InputError(
                    f"an image is too large: {image.width} x {image.height} pixels, at most {PIXELS:,} in all",
                    file=file,
                    record=record,
                    remedy="make it smaller",
                )
            yield image
    except (InputError, MemoryError):  # a lack of memory is not a fault of the file
        raise
    except Image.DecompressionBombError:
        raise InputError(
            f"an image is too large: more than {PIXELS:,} pixels", file=file, record=record, remedy="make it smaller"
        ) from None
    except Exception as error:  # decoders raise any exception on a damaged file
        raise InputError(
            f"an image does not decode: {_reason(error)}", file=file, record=record, remedy=REMEDY
        ) from None


def as_rgb(image: Image.Image) -> Image.Image:
    """An open image as 8-bit RGB (pixels decoded).

    Gray of 16 bits is scaled from its whole range, 0 to 65535 (TIFF: that of its bits), so 257 becomes 1. Our choice,
    which follows the PNG specification; Pillow would clip to white. A file that uses a small part of that range, as
    depth maps do, stays dark. 32-bit integers and floats have no known range: they raise ValueError, so that
    `open_image` rejects them.
    """
    return Image.fromarray(_eight_bits(image)).convert("RGB") if _is_deep(image) else image.convert("RGB")


def _is_deep(image: Image.Image) -> bool:
    """Whether an image is gray of 16 bits. Raises ValueError where its values have no known range."""
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in _SIXTEEN):
        return True
    if image.mode in ("I", "F"):
        raise ValueError(f"its values have no known range (mode {image.mode}); save it with 8 or 16 bits")
    return False


def _eight_bits(image: Image.Image) -> np.ndarray:
    """(H, W) uint8 of gray of 16 bits, rounded."""
    tags: Any = getattr(image, "tag_v2", {})
    top = (1 << int(tags.get(_BITS, (16,))[0])) - 1
    values = np.asarray(image).astype(np.int64)
    if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        values = top - values
    return ((values * 255 + top // 2) // top).clip(0, 255).astype(np.uint8)


def check_images(images: pl.DataFrame, root: Path) -> None:
    """Check that every file of table `images` exists, can be read as RGB, and has the size in the table.

    Reads headers only, so that it is cheap to call before compute.
    """
    for image_id, file, width, height in images.select("image_id", "file", "width", "height").iter_rows():
        path = Path(root) / file
        with open_image(path, record=image_id) as image:
            _is_deep(image)
            size = image.size
        if size != (width, height):
            raise InputError(
                f"an image is {size[0]} x {size[1]} pixels, its record states {width} x {height}",
                file=path,
                record=image_id,
                remedy=REMEDY,
            )


def pixel_box(crop: Sequence[float]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom in whole pixels of a box x, y, w, h, rounded as in Pillow; it may exceed the image.

    Raises ValueError, with the reason, where a number is not finite, where no pixel is left, and where there are more
    than `PIXELS`.
    """
    if len(crop) != 4 or not all(map(isfinite, crop)):
        raise ValueError("a box is not four finite numbers")
    x, y, w, h = crop
    left, top, right, bottom = round(x), round(y), round(x + w), round(y + h)
    if right <= left or bottom <= top:
        raise ValueError("a box holds no pixel")
    if (right - left) * (bottom - top) > PIXELS:
        raise ValueError("a box is larger than any image")
    return left, top, right, bottom


def cut(image: Image.Image, crop: Sequence[float] | None) -> Image.Image:
    """The part of an image that a box x, y, w, h covers; black outside the image, as in Pillow's crop."""
    return image if crop is None else image.crop(pixel_box(crop))


def _regular(path: Path, file: object, record: object) -> None:
    """Reject what is no regular file: reading a pipe would block."""
    try:
        regular = stat.S_ISREG(stat_of(path).st_mode)
    except FileNotFoundError:
        raise InputError("an image is missing", file=file, record=record, remedy=REMEDY) from None
    except (OSError, ValueError) as error:
        raise InputError(f"an image cannot be read: {_reason(error)}", file=file, record=record) from None
    if not regular:
        raise InputError("an image is not a regular file", file=file, record=record, remedy=REMEDY)


def _reason(error: Exception) -> str:
    """The first line of an exception, without memory addresses."""
    if isinstance(error, UnidentifiedImageError):
        return f"its format is none of {', '.join(FORMATS)}"
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
