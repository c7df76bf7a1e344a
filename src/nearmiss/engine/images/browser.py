"""Images for a web page: only what decodes as a raster image, named by what it is and not by its file's name."""

import base64
from io import BytesIO

from PIL import Image

from nearmiss.base.errors import InputError
from nearmiss.engine.images.decode import as_rgb, opened

_SHOWN = {"PNG": "image/png", "JPEG": "image/jpeg", "MPO": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}


def for_browser(content: bytes) -> tuple[bytes, str] | None:
    """The bytes to send and their media type: PNG, JPEG, WebP and GIF as they are, other raster images as PNG.

    None for everything else: SVG and HTML are documents that can run scripts, whatever their file is called.
    """
    try:
        with opened(content) as image:
            image.load()
            if image.format in _SHOWN:
                return content, _SHOWN[image.format]
            shown = BytesIO()
            as_rgb(image).save(shown, "PNG")
    except (InputError, MemoryError):
        return None
    return shown.getvalue(), _SHOWN["PNG"]


def data_uri(content: bytes, media: str) -> str:
    """An image as a data URI, so that a page needs no other file."""
    return f"data:{media};base64,{base64.b64encode(content).decode('ascii')}"


def thumbnail(image: Image.Image, side: int) -> str:
    """An image, at most `side` pixels long, as a data URI of a JPEG."""
    shown = as_rgb(image)
    shown.thumbnail((side, side))
    out = BytesIO()
    shown.save(out, format="JPEG", quality=88)
    return data_uri(out.getvalue(), "image/jpeg")
