"""Images of every kind become 8-bit RGB with the right values, or are refused with a reason."""

import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nearmiss.base.errors import InputError
from nearmiss.base.tables import table
from nearmiss.engine.images import decode
from nearmiss.engine.images.decode import check_images, cut, open_image_bytes, open_rgb, pixel_box

SIXTEEN = np.array([[0, 128, 129, 257], [256, 32767, 32768, 65535]], dtype=np.uint16)
EIGHT = [[0, 0, 1, 1], [1, 127, 128, 255]]  # divided by 257, rounded


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    written = BytesIO()
    image.save(written, form, **options)
    return written.getvalue()


def pgm(values: np.ndarray, top: int) -> bytes:
    height, width = values.shape
    return f"P5\n{width} {height}\n{top}\n".encode() + values.astype(">u2").tobytes()


def bomb(side: int = 20_000) -> bytes:
    """A PNG of a few kilobytes that is side x side pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    "content",
    [
        encoded(Image.fromarray(SIXTEEN), "PNG"),
        encoded(Image.fromarray(SIXTEEN), "TIFF"),
        pgm(SIXTEEN, 65535),
    ],
    ids=["png", "tiff", "pgm"],
)
def test_sixteen_bit_gray_keeps_its_brightness(content):
    pixels = np.asarray(open_image_bytes(content))
    assert pixels.shape == (2, 4, 3)
    assert pixels[..., 0].tolist() == pixels[..., 2].tolist() == EIGHT


def test_a_tiff_with_white_as_zero_is_inverted():
    content = encoded(Image.fromarray(SIXTEEN), "TIFF", tiffinfo={262: 0})
    pixels = np.asarray(open_image_bytes(content))[..., 0]
    assert pixels.tolist() == (255 - np.array([[0, 0, 1, 1], [1, 127, 128, 255]])).tolist()


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_values_without_a_known_range_are_refused(tmp_path, kind):
    file = tmp_path / "deep.tiff"
    Image.fromarray(np.array([[0, 1], [300, 70_000]], dtype=kind)).save(file)
    with pytest.raises(InputError, match="no known range"):
        open_rgb(file)
    row = {"image_id": "1", "file": file.name, "width": 2, "height": 2, "split": "val", "source": "x"}
    with pytest.raises(InputError, match="no known range"):
        check_images(table("images", [row]), tmp_path)


def palette() -> Image.Image:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putdata([0, 1])
    image.info["transparency"] = 0
    return image


@pytest.mark.parametrize(
    ("image", "form", "pixels"),
    [
        (Image.new("1", (1, 1), 1), "PNG", [255, 255, 255]),
        (Image.new("L", (1, 1), 77), "PNG", [77, 77, 77]),
        (Image.new("LA", (1, 1), (77, 0)), "PNG", [77, 77, 77]),
        (Image.new("RGBA", (1, 1), (1, 2, 3, 0)), "PNG", [1, 2, 3]),
        (palette(), "PNG", [10, 20, 30]),
        (palette(), "GIF", [10, 20, 30]),
        (Image.new("CMYK", (1, 1), (0, 255, 255, 0)), "TIFF", [255, 0, 0]),
        (Image.new("RGB", (1, 1), (9, 8, 7)), "PPM", [9, 8, 7]),
        (Image.new("RGB", (1, 1), (9, 8, 7)), "BMP", [9, 8, 7]),
        (Image.new("RGB", (1, 1), (9, 8, 7)), "WEBP", None),
    ],
)
def test_eight_bit_images_are_converted_as_by_pillow(image, form, pixels):
    content = encoded(image, form)
    found = open_image_bytes(content)
    assert found.mode == "RGB"
    assert np.array_equal(np.asarray(found), np.asarray(Image.open(BytesIO(content)).convert("RGB")))
    assert pixels is None or np.asarray(found)[0, 0].tolist() == pixels


def test_animations_give_their_first_frame_and_rotations_are_ignored():
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "blue")]
    moving = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert np.asarray(open_image_bytes(moving))[0, 0].tolist() == [255, 0, 0]
    exif = Image.Exif()
    exif[274] = 6  # turned by a quarter
    assert open_image_bytes(encoded(Image.new("RGB", (8, 4)), "JPEG", exif=exif)).size == (8, 4)


@pytest.mark.parametrize(
    "content",
    [
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
        b"%PDF-1.4\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        encoded(Image.new("RGB", (4, 4)), "ICO"),
        encoded(Image.new("RGB", (4, 4)), "TGA"),
        b"",
        encoded(Image.new("RGB", (64, 64)), "PNG")[:60],
        encoded(Image.fromarray(np.arange(64 * 64 * 3, dtype=np.uint8).reshape(64, 64, 3)), "JPEG")[:900],
    ],
    ids=["eps", "pdf", "svg", "ico", "tga", "empty", "cut png", "cut jpeg"],
)
def test_other_formats_and_truncated_files_are_refused(tmp_path, content):
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(InputError, match="does not decode") as refused:
        open_rgb(tmp_path / "a.jpg")
    assert refused.value.file == tmp_path / "a.jpg"
    assert "0x" not in refused.value.problem  # no address in memory
    with pytest.raises(InputError, match="does not decode"):
        open_image_bytes(content, file="pairs.parquet", record="row 3")


def test_an_image_of_too_many_pixels_is_refused_by_its_header(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(bomb())
    row = {"image_id": "1", "file": "a.png", "width": 20_000, "height": 20_000, "split": "val", "source": "x"}
    for opening in (lambda: open_rgb(tmp_path / "a.png"), lambda: check_images(table("images", [row]), tmp_path)):
        with pytest.raises(InputError, match="too large"):
            opening()
    monkeypatch.setattr(decode, "PIXELS", 15)
    with pytest.raises(InputError, match="4 x 4 pixels, at most 15"):
        open_image_bytes(encoded(Image.new("RGB", (4, 4)), "PNG"))


def test_special_files_are_refused_without_blocking(tmp_path):
    import os

    os.mkfifo(tmp_path / "pipe.jpg")
    for name in ("pipe.jpg", "."):
        with pytest.raises(InputError, match="not a regular file"):
            open_rgb(tmp_path / name)
    with pytest.raises(InputError, match="missing"):
        open_rgb(tmp_path / "none.jpg")
    with pytest.raises(InputError, match="cannot be read"):
        open_rgb(tmp_path / ("x" * 300))


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's own, of damaged tags
@given(
    st.binary(max_size=64), st.integers(0, 200), st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
)
@settings(max_examples=80, deadline=None, derandomize=True)
def test_a_damaged_image_decodes_or_is_refused(noise, place, form):
    content = bytearray(encoded(Image.fromarray(np.full((9, 9, 3), 90, dtype=np.uint8)), form))
    content[place : place + len(noise)] = noise
    try:
        assert open_image_bytes(bytes(content)).mode == "RGB"
    except InputError as error:
        assert error.problem


@pytest.mark.parametrize(
    "crop",
    [
        (1, 1, 0, 5),
        (1, 1, 5, 0),
        (1, 1, -2, 5),
        (1, 1, 0.4, 5),
        (float("nan"), 1, 2, 2),
        (0, 0, float("inf"), 2),
        (0, 0, 1e9, 1e9),
    ],
)
def test_a_box_without_pixels_is_refused(crop):
    with pytest.raises(ValueError, match="box"):
        pixel_box(crop)


def test_a_box_is_rounded_and_black_beyond_the_image():
    image = Image.new("RGB", (4, 4), "white")
    assert pixel_box((0.6, 1.4, 2, 1.2)) == (1, 1, 3, 3)
    pixels = np.asarray(cut(image, (2, 0, 4, 1)))
    assert pixels[..., 0].tolist() == [[255, 255, 0, 0]]


def test_images_are_opened_with_a_list_of_formats():
    """No other call opens an image without it; the codec of a corruption reads what it has written itself."""
    source = Path(decode.__file__).parents[2]
    calls = [
        f"{file.relative_to(source)}: {line.strip()}"
        for file in sorted(source.rglob("*.py"))
        for line in file.read_text(encoding="utf-8").split("\n")
        if "Image.open(" in line and "formats=" not in line
    ]
    assert [call for call in calls if not call.startswith("engine/images/corruptions/jpeg_compression.py")] == []
