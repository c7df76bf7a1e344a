"""ImageNet-C's parameters: the defaults equal those of the released code, and what needs no random numbers its pixels.

The table is of `ImageNet-C/create_c/make_imagenet_c.py` of the repository hendrycks/robustness: for each corruption the
names of our options in the order of the published tuples, and the tuple of each severity.
"""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from nearmiss.engine.images.corruptions.registry import CORRUPTIONS
from nearmiss.engine.images.corruptions.spec import imagenet_c

OPTIONS = {options.corruption: options for options in imagenet_c()}
SIDE = 244  # of the released elastic transform, whose comment says that 224 was meant

PUBLISHED = {
    "gaussian_noise": (("deviation",), [(0.08,), (0.12,), (0.18,), (0.26,), (0.38,)]),
    "shot_noise": (("photons",), [(60,), (25,), (12,), (5,), (3,)]),
    "impulse_noise": (("share",), [(0.03,), (0.06,), (0.09,), (0.17,), (0.27,)]),
    "speckle_noise": (("deviation",), [(0.15,), (0.2,), (0.35,), (0.45,), (0.6,)]),
    "gaussian_blur": (("deviation",), [(1,), (2,), (3,), (4,), (6,)]),
    "glass_blur": (
        ("deviation", "reach", "iterations"),
        [(0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)],
    ),
    "defocus_blur": (("radius", "alias_blur"), [(3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)]),
    "motion_blur": (("radius", "deviation"), [(10, 3), (15, 5), (15, 8), (15, 12), (20, 15)]),
    "zoom_blur": (("end", "step"), [(1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)]),
    "fog": (("amount", "decay"), [(1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)]),
    "frost": (("image_weight", "ice_weight"), [(1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)]),
    "snow": (
        ("mean", "deviation", "zoom", "threshold", "radius", "blur", "image_weight"),
        [
            (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
            (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
            (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
            (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
            (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
        ],
    ),
    "spatter": (
        ("mean", "deviation", "blur", "threshold", "strength", "liquid"),
        [
            (0.65, 0.3, 4, 0.69, 0.6, "water"),
            (0.65, 0.3, 3, 0.68, 0.6, "water"),
            (0.65, 0.3, 2, 0.68, 0.5, "water"),
            (0.65, 0.3, 1, 0.65, 1.5, "mud"),
            (0.67, 0.4, 1, 0.65, 1.5, "mud"),
        ],
    ),
    "contrast": (("factor",), [(0.4,), (0.3,), (0.2,), (0.1,), (0.05,)]),
    "brightness": (("added",), [(0.1,), (0.2,), (0.3,), (0.4,), (0.5,)]),
    "saturate": (("factor", "added"), [(0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2)]),
    "jpeg_compression": (("quality",), [(25,), (18,), (15,), (10,), (7,)]),
    "pixelate": (("factor",), [(0.6,), (0.5,), (0.4,), (0.3,), (0.25,)]),
    "elastic_transform": (
        ("displacement", "smoothness", "shear"),
        [
            (SIDE * 2, SIDE * 0.7, SIDE * 0.1),
            (SIDE * 2, SIDE * 0.08, SIDE * 0.2),
            (SIDE * 0.05, SIDE * 0.01, SIDE * 0.02),
            (SIDE * 0.07, SIDE * 0.01, SIDE * 0.02),
            (SIDE * 0.12, SIDE * 0.01, SIDE * 0.02),
        ],
    ),
}


def test_the_preset_is_the_published_list():
    assert set(OPTIONS) == set(PUBLISHED)


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_the_defaults_are_the_published_parameters(name):
    keys, published = PUBLISHED[name]
    assert set(keys) == set(type(OPTIONS[name]).model_fields) - {"corruption"}
    ours = zip(*(getattr(OPTIONS[name], key) for key in keys), strict=True)
    for found, expected in zip(ours, published, strict=True):
        words = [each for each in expected if isinstance(each, str)]
        assert [each for each in found if isinstance(each, str)] == words
        assert [each for each in found if not isinstance(each, str)] == pytest.approx(expected[: -len(words) or None])


def as_jpeg(image, quality):
    written = BytesIO()
    image.save(written, "JPEG", quality=quality)
    return Image.open(written)


def in_blocks(image, factor):
    size = (int(224 * factor), int(224 * factor))
    return image.resize(size, Image.Resampling.BOX).resize((224, 224), Image.Resampling.BOX)


@pytest.mark.parametrize(("name", "released"), [("jpeg_compression", as_jpeg), ("pixelate", in_blocks)])
@pytest.mark.parametrize("severity", range(1, 6))
def test_pixels_equal_those_of_the_released_code(name, released, severity):
    y, x = np.mgrid[0:224, 0:224]
    drawn = np.stack([x, y, (x * y) % 256, (x - 90) ** 2 // 40 % 256], -1)[:, :, [0, 2, 3]].astype(np.uint8)
    (parameter,) = PUBLISHED[name][1][severity - 1]
    found = CORRUPTIONS[name].apply(drawn, OPTIONS[name], severity, np.random.default_rng(0))
    assert np.array_equal(found, np.asarray(released(Image.fromarray(drawn), parameter)))
