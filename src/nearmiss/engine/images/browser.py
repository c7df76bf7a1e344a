"""Images for a web page: only what decodes as a raster image, named by what it is and not by its file's name."""

from io import BytesIO

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
