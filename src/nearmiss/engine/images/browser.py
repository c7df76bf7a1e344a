"""Images for a web page: only what decodes as a raster image, with the media type of its content, not its file name."""

import base64
from io import BytesIO

from PIL import Image

from nearmiss.base.errors import InputError
from nearmiss.engine.images.decode import as_rgb, open_image

_SHOWN = {"PNG": "image/png", "JPEG": "image/jpeg", "MPO": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}


def for_browser(content: bytes) -> tuple[bytes, str] | None:
    """The bytes to send and their media type: PNG, JPEG, WebP and GIF as they are, other raster images as PNG.

    None for everything else: SVG and HTML can run scripts, whatever the file name is.
    """
    try:
        with open_image(content) as image:
            image.load()
            if image.format in _SHOWN:
                return content, _SHOWN[image.format]
            shown = BytesIO()
            as_rgb(image).save(shown, "PNG")
    except (InputError, MemoryError):
        return None
    return shown.getvalue(), _SHOWN["PNG"]


def data_uri(content: bytes, media: str) -> str:
    """An image as a data URI, for a self-contained page."""
    return f"data:{media};base64,{base64.b64encode(content).decode('ascii')}"


def thumbnail(image: Image.Image, side: int) -> str:
    """An image, at most `side` pixels long, as a data URI of a JPEG."""
    shown = as_rgb(image)
    shown.thumbnail((side, side))
    out = BytesIO()
    shown.save(out, format="JPEG", quality=88)
    return data_uri(out.getvalue(), "image/jpeg")
