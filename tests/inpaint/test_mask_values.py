"""Masks as annotation tools write them: of 0 and 255, of 0 and 1, of one bit, of a palette, colored; and their rows."""

from io import BytesIO

import numpy as np
import polars as pl
import pytest
from PIL import Image

from nearmiss.engine.benchmarks.benchmark import Options
from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.engine.benchmarks.registry import reader
from nearmiss.engine.formats import inpaintcoco
from nearmiss.engine.images.masks import from_image

INSIDE = np.zeros((8, 8), dtype=bool)
INSIDE[2:5, 3:7] = True


def gray(inside: int, outside: int = 0, kind: type = np.uint8) -> Image.Image:
    return Image.fromarray(np.where(INSIDE, inside, outside).astype(kind))


def palette(*colors: tuple[int, int, int], numbers: np.ndarray | None = None) -> Image.Image:
    image = Image.fromarray(INSIDE.astype(np.uint8) if numbers is None else numbers, mode="P")
    image.putpalette([value for color in colors for value in color])
    return image


def colored(mode: str, inside: tuple[int, ...], outside: tuple[int, ...]) -> Image.Image:
    return Image.fromarray(np.where(INSIDE[..., None], inside, outside).astype(np.uint8), mode=mode)


MASKS = {
    "0 and 255": gray(255),
    "0 and 1": gray(1),
    "0 and 128": gray(128),
    "one bit": Image.fromarray(INSIDE),
    "16 bits, 0 and 1": gray(1, kind=np.uint16),
    "16 bits, 0 and 255": gray(255, kind=np.uint16),
    "16 bits, 0 and 65535": gray(65535, kind=np.uint16),
    "palette of red": palette((0, 0, 0), (255, 0, 0)),
    "palette of dark colors": palette((0, 0, 0), (64, 0, 0)),
    "palette of gray": palette((0, 0, 0), (1, 1, 1)),
    "palette whose first color is white": palette((255, 255, 255), (0, 0, 0), numbers=(~INSIDE).astype(np.uint8)),
    "RGB": colored("RGB", (255, 255, 255), (0, 0, 0)),
    "RGB of 0 and 1": colored("RGB", (1, 1, 1), (0, 0, 0)),
    "blue": colored("RGB", (0, 0, 255), (0, 0, 0)),
    "RGBA": colored("RGBA", (255, 255, 255, 255), (0, 0, 0, 255)),
    "gray with alpha": colored("LA", (255, 9), (0, 255)),
}


@pytest.mark.parametrize("name", MASKS)
def test_masks_of_every_form_have_the_same_pixels(name):
    assert np.array_equal(from_image(MASKS[name]), INSIDE)


@pytest.mark.parametrize(("shade", "inside"), [(1, False), (127, False), (128, True), (254, True)])
def test_soft_mask_edges_are_thresholded_at_one_half(shade, inside):
    pixels = np.where(INSIDE, 255, 0).astype(np.uint8)
    pixels[0, 0] = shade
    assert from_image(Image.fromarray(pixels))[0, 0] == inside


def test_all_object_indices_are_part_of_the_mask():
    pixels = INSIDE.astype(np.uint8)
    pixels[0, 0] = 20
    assert from_image(Image.fromarray(pixels)).sum() == INSIDE.sum() + 1


def png(image: Image.Image) -> dict[str, object]:
    written = BytesIO()
    image.save(written, "PNG")
    return {"bytes": written.getvalue(), "path": None}


def row(mask: object, **other: object) -> dict[str, object]:
    pictures = {
        name: png(Image.new("RGB", (8, 8), color)) for name, color in (("coco_image", 9), ("inpaint_image", 90))
    }
    texts = {"concept": "color", "coco_caption": "A red bus.", "inpaint_caption": "A blue bus."}
    return {**texts, **pictures, "mask": mask, **other}


def write(root, rows: list[dict[str, object]]):
    file = root / "inpaintcoco" / "test.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(rows).write_parquet(file)
    return file


def test_pairs_with_masks_of_every_form_are_scored(tmp_path):
    rows, rejected = inpaintcoco.read(write(tmp_path, [row(png(mask)) for mask in MASKS.values()]))
    assert not rejected
    assert all(np.array_equal(each.mask, INSIDE) for each in rows)


@pytest.mark.parametrize("mask", [gray(0), gray(255, 255), gray(1, 1), palette((7, 7, 7), (7, 7, 7))])
def test_a_mask_of_nothing_or_of_everything_makes_the_benchmark_incomplete(tmp_path, mask):
    write(tmp_path, [row(png(gray(255))), row(png(mask))])
    benchmark = reader("inpaintcoco").load(DataRoot(tmp_path), Options())
    assert benchmark.items.height == 1
    assert [(each.file, each.record, each.reason) for each in benchmark.coverage.malformed] == [
        ("inpaintcoco/test.parquet", "row 1", "degenerate mask")
    ]


def test_unsafe_image_formats_and_sizes_are_excluded(tmp_path):
    eps = {"bytes": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\nshowpage\n", "path": "a.png"}
    huge = {"bytes": b"P5\n30000 30000\n255\n", "path": "a.png"}
    _, rejected = inpaintcoco.read(
        write(tmp_path, [row(png(gray(255)), coco_image=eps), row(huge), row(png(gray(255)), inpaint_image=huge)])
    )
    assert [reason for _, reason in rejected] == ["image does not decode"] * 3


def test_dictionary_encoded_texts_are_read(tmp_path):
    file = write(tmp_path, [row(png(gray(255)))])
    pl.read_parquet(file).with_columns(pl.col("concept", "coco_caption").cast(pl.Categorical)).write_parquet(file)
    (read,), _ = inpaintcoco.read(file)
    assert (read.concept, read.coco_caption) == ("color", "A red bus.")
