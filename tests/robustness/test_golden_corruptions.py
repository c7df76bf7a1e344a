"""Golden pixels: a corruption that comes out otherwise is another corruption.

Contrast is integers and correctly rounded sums and products: its bytes are the same everywhere. The others lean on
OpenCV, Pillow's JPEG and NumPy's normal distribution, whose last bit may differ between machines: they may be one off.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from nearmiss.base.seeding import array_rng
from nearmiss.engine.images.corruptions.registry import CORRUPTIONS
from nearmiss.engine.images.corruptions.spec import DownscaleConfig, GrayscaleConfig, OcclusionConfig, imagenet_c

GOLDEN = json.loads((Path(__file__).parent / "golden_pixels.json").read_text())
GOLDEN_CONTRAST = {1: "6de9fe5dfbf1a66d", 3: "a1c416b8668199ea", 5: "fa20b5c59c1de35c"}
OPTIONS = {
    options.corruption: options for options in (*imagenet_c(), OcclusionConfig(), DownscaleConfig(), GrayscaleConfig())
}


def corrupted(name, severity, image_id="golden"):
    y, x = np.mgrid[0:24, 0:24]
    ball = (x - 8) ** 2 + (y - 14) ** 2 < 25
    drawn = [np.where(ball, 200, x * 8), np.where(ball, 60, y * 4), np.where(ball, 40, 120)]
    rng = array_rng(0, "corruption", name, severity, image_id)
    return CORRUPTIONS[name].apply(np.stack(drawn, -1).astype(np.uint8), OPTIONS[name], severity, rng)


def off(pixels, golden):
    """The largest difference on a grid of every sixth pixel."""
    return int(np.abs(pixels[::6, ::6].reshape(-1).astype(int) - np.asarray(golden)).max())


def test_every_corruption_has_golden_pixels():
    assert {name.rpartition("-")[0] for name in GOLDEN} == set(CORRUPTIONS)


@pytest.mark.parametrize("key", sorted(GOLDEN))
def test_pixels_equal_the_golden_values(key):
    name, _, severity = key.rpartition("-")
    assert off(corrupted(name, int(severity)), GOLDEN[key]) <= 1


@pytest.mark.parametrize("severity", sorted(GOLDEN_CONTRAST))
def test_contrast_is_reproducible_to_the_byte(severity):
    digest = hashlib.sha256(corrupted("contrast", severity).tobytes()).hexdigest()
    assert digest[:16] == GOLDEN_CONTRAST[severity]


@pytest.mark.parametrize("name", sorted(CORRUPTIONS))
def test_another_severity_differs_from_the_golden_values(name):
    assert off(corrupted(name, 4), GOLDEN[f"{name}-3"]) > 1


def test_noise_of_another_image_differs_from_the_golden_values():
    assert off(corrupted("gaussian_noise", 3, "another"), GOLDEN["gaussian_noise-3"]) > 1
