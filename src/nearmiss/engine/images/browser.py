"""Images for a web page: only what decodes as a raster image, named by what it is and not by its file's name."""

import struct
from io import BytesIO

from PIL import Image, UnidentifiedImageError

_SHOWN = {"PNG": "image/png", "JPEG": "image/jpeg", "MPO": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}
_CONVERTED = (
    "AVIF",
    "BMP",
    "JPEG2000",
    "PPM",
    "TIFF",
)  # decoded and sent as PNG; no other decoder is tried on files of unknown origin
_MOST_PIXELS = 89_478_485  # Pillow's own limit, at which it only warns
_BROKEN = (
    UnidentifiedImageError,
    Image.DecompressionBombError,
    OSError,
    SyntaxError,
    ValueError,
    ArithmeticError,
    LookupError,
    TypeError,
    EOFError,
    MemoryError,
    struct.error,
)


def decoded(content: bytes) -> Image.Image | None:
    """The image (its first frame), decoded; None for what is none, is broken, or has too many pixels."""
    try:
        image = Image.open(BytesIO(content), formats=[name for name in (*_SHOWN, *_CONVERTED) if name != "MPO"])
        if image.width * image.height > _MOST_PIXELS:
            return None
        image.load()
    except _BROKEN:
        return None
    return image


def for_browser(content: bytes) -> tuple[bytes, str] | None:
    """The bytes to send and their media type: PNG, JPEG, WebP and GIF as they are, others as PNG.

    None for everything else: SVG and HTML are documents that can run scripts, whatever their file is called.
    """
    image = decoded(content)
    if image is None:
        return None
    if image.format in _SHOWN:
        return content, _SHOWN[image.format]
    shown = BytesIO()
    image.convert("RGB").save(shown, "PNG")
    return shown.getvalue(), _SHOWN["PNG"]
