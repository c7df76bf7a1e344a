"""Image files: found, opened and decoded, or named."""

from pathlib import Path

import polars as pl
from PIL import Image, UnidentifiedImageError

from nearmiss.base.errors import InputError

REMEDY = "restore the file from its source"


def open_rgb(path: Path) -> Image.Image:
    """The whole image, decoded, as RGB. A missing or broken file is an InputError."""
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except FileNotFoundError:
        raise InputError("an image is missing", file=path, remedy=REMEDY) from None
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise InputError(f"an image does not decode: {error}", file=path, remedy=REMEDY) from None


def check_images(images: pl.DataFrame, root: Path) -> None:
    """Every file of table `images` is there, is an image, and has the size that the table says.

    Reads headers only, so that it is cheap before compute is spent.
    """
    for image_id, file, width, height in images.select("image_id", "file", "width", "height").iter_rows():
        path = Path(root) / file
        try:
            with Image.open(path) as image:
                size = image.size
        except FileNotFoundError:
            raise InputError("an image is missing", file=path, record=image_id, remedy=REMEDY) from None
        except (UnidentifiedImageError, OSError, SyntaxError) as error:
            raise InputError(f"an image does not decode: {error}", file=path, record=image_id, remedy=REMEDY) from None
        if size != (width, height):
            raise InputError(
                f"an image is {size[0]} x {size[1]} pixels, its record says {width} x {height}",
                file=path,
                record=image_id,
                remedy=REMEDY,
            )
