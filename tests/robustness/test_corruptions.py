"""Corruptions of images: seeded by name, stronger by severity, scaled to the image; a new one is one file."""

import numpy as np
import pytest
from pydantic import ValidationError

from nearmiss.base.seeding import array_rng
from nearmiss.engine.images.corruptions import defocus_blur
from nearmiss.engine.images.corruptions.registry import CORRUPTIONS
from nearmiss.engine.images.corruptions.spec import (
    DownscaleConfig,
    GaussianNoiseConfig,
    GrayscaleConfig,
    OcclusionConfig,
    imagenet_c,
)
from nearmiss.stages.robustness.config import RobustnessConfig

OPTIONS = {
    options.corruption: options for options in (*imagenet_c(), OcclusionConfig(), DownscaleConfig(), GrayscaleConfig())
}

UNORDERED = {
    "elastic_transform": "severities 1 and 2 move pixels far and smoothly, 3 to 5 near and roughly",
    "frost": "severity 4 has the ice of severity 3 and less of the image, so that fewer values are cut off at white",
    "glass_blur": "severity 2 exchanges pixels once, severity 1 twice; severity 3 three times, severity 4 twice",
    "saturate": "severities 1 and 2 remove color, 3 to 5 add it",
}
"""Corruptions whose published parameters do not grow with the severity, and why."""


@pytest.fixture(scope="module")
def natural():
    """Images of 224 pixels with the spectrum of photographs, amplitude in inverse proportion to the frequency."""
    return [natural_image(number) for number in range(6)]


def natural_image(number, side=224):
    rng = np.random.default_rng(number)
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    frequency[0, 0] = np.inf  # no mean
    drawn = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((4, side, side))) / frequency)
    channels = drawn[0] + 0.4 * drawn[1:]  # mostly gray
    return np.clip(110 + 50 * channels / channels.std(), 0, 255).astype(np.uint8).transpose(1, 2, 0).copy()


@pytest.fixture(scope="module")
def picture():
    """An image with edges and smooth parts, drawn from integers only."""
    y, x = np.mgrid[0:96, 0:96]
    ball = (x - 30) ** 2 + (y - 60) ** 2 < 300
    return np.stack([np.where(ball, 200, x * 2), np.where(ball, 60, y), np.where(ball, 40, 120)], -1).astype(np.uint8)


def corrupted(name, picture, severity, image_id="one"):
    rng = array_rng(0, "corruption", name, severity, image_id)
    return CORRUPTIONS[name].apply(picture, OPTIONS[name], severity, rng)


def distance(one, other):
    return float(((one.astype(float) - other.astype(float)) ** 2).mean())


def test_every_corruption_has_options_and_a_function():
    assert set(OPTIONS) == set(CORRUPTIONS)


def changes(name, images):
    """The mean squared change of the images by severity."""
    return [
        np.mean([distance(corrupted(name, each, severity, str(number)), each) for number, each in enumerate(images)])
        for severity in range(1, 6)
    ]


@pytest.mark.parametrize("name", sorted(CORRUPTIONS))
def test_every_severity_changes_images(name, natural):
    assert min(changes(name, natural)) > 0


@pytest.mark.parametrize("name", sorted(set(CORRUPTIONS) - set(UNORDERED)))
def test_each_severity_changes_images_more(name, natural):
    measured = changes(name, natural)
    assert measured == sorted(set(measured))


def test_imagenet_c_selects_all_nineteen_and_the_default_stays_at_four():
    selected = RobustnessConfig.model_validate({"corruptions": "imagenet_c"}).corruptions
    assert len({each.corruption for each in selected}) == 19
    assert len(RobustnessConfig().corruptions) == 4


@pytest.mark.parametrize("shape", [(1, 1), (1, 200), (200, 1), (3, 300), (31, 97)])
@pytest.mark.parametrize("name", sorted(CORRUPTIONS))
def test_any_size_is_corrupted_and_twice_alike(name, shape):
    for value in (0, 255):
        plain = np.full((*shape, 3), value, np.uint8)
        made = corrupted(name, plain, 5)
        assert made.shape == plain.shape and made.dtype == np.uint8
        assert np.array_equal(made, corrupted(name, plain, 5))


def test_impulse_noise_replaces_the_published_share():
    gray = np.full((128, 128, 3), 128, np.uint8)
    made = corrupted("impulse_noise", gray, 5)
    assert (made == 0).mean() == pytest.approx(0.135, rel=0.05)
    assert (made == 255).mean() == pytest.approx(0.135, rel=0.05)


def test_shot_noise_has_the_variance_of_a_poisson_distribution():
    gray = np.full((128, 128, 3), 102, np.uint8)
    assert (corrupted("shot_noise", gray, 1) / 255.0).var() == pytest.approx(0.4 / 60, rel=0.05)


def test_full_grayscale_leaves_no_color_and_keeps_the_luma(picture):
    made = corrupted("grayscale", picture, 5)
    assert (made == made[:, :, :1]).all()
    assert made[:, :, 0] == pytest.approx(picture @ [0.299, 0.587, 0.114], abs=1)


def test_occlusion_covers_the_share_it_names():
    white = np.full((200, 100, 3), 255, np.uint8)
    assert (corrupted("occlusion", white, 5) != 255).mean() == pytest.approx(0.4, abs=0.02)


@pytest.mark.parametrize("name", sorted(CORRUPTIONS))
def test_type_and_shape_are_kept_and_the_input_is_not_changed(name, picture):
    before = picture.copy()
    made = corrupted(name, picture, 5)
    assert made.dtype == np.uint8 and made.shape == picture.shape
    assert np.array_equal(picture, before)


def test_noise_depends_on_the_image_and_not_on_the_order(picture):
    one = corrupted("gaussian_noise", picture, 3, "one")
    other = corrupted("gaussian_noise", picture, 3, "other")
    assert not np.array_equal(one, other)
    assert np.array_equal(one, corrupted("gaussian_noise", picture, 3, "one"))


def test_noise_has_the_published_standard_deviation():
    gray = np.full((128, 128, 3), 128, np.uint8)
    made = corrupted("gaussian_noise", gray, 1)
    assert (made / 255.0).std() == pytest.approx(0.08, rel=0.02)


def test_contrast_keeps_the_mean_and_shrinks_the_spread(picture):
    made = corrupted("contrast", picture, 1).astype(float)
    assert made.mean() == pytest.approx(picture.mean(), abs=1)
    assert made.std(axis=(0, 1)) == pytest.approx(0.4 * picture.std(axis=(0, 1)), abs=1)


@pytest.mark.parametrize("side", [56, 224, 448])
def test_the_disk_scales_with_the_image(side):
    point = np.zeros((side, side, 3), np.uint8)
    point[side // 2, side // 2] = 255
    blurred = defocus_blur.apply(point, OPTIONS["defocus_blur"], 5, None)
    assert point.sum() > 0
    spread = defocus_blur.disk(10 * side / 224, 0.5 * side / 224)
    covered = (spread > spread.max() / 2).sum()
    assert covered == pytest.approx(np.pi * (10 * side / 224) ** 2, rel=0.2)
    assert blurred.shape == point.shape


def test_a_disk_of_tiny_radius_is_a_point():
    kernel = defocus_blur.disk(0.001, 0.001)
    assert np.isfinite(kernel).all()
    assert kernel[kernel.shape[0] // 2, kernel.shape[1] // 2] == pytest.approx(1)


def test_a_disk_smaller_than_a_pixel_changes_little(picture):
    kernel = defocus_blur.disk(0.3, 0.05)
    assert kernel.sum() == pytest.approx(1)
    assert kernel[kernel.shape[0] // 2, kernel.shape[1] // 2] > 0.9


@pytest.mark.parametrize(
    "wrong",
    [
        {"corruptions": [{"corruption": "mist"}]},
        {"severities": [0]},
        {"severities": [6]},
        {"severities": []},
        {"corruptions": [{"corruption": "gaussian_noise", "deviation": [0.1]}]},
        {"corruptions": [{"corruption": "jpeg_compression", "quality": [25, 18, 15, 10, 0]}]},
    ],
)
def test_an_unknown_corruption_or_severity_is_refused(wrong):
    with pytest.raises(ValidationError):
        RobustnessConfig.model_validate(wrong)


def test_the_parameters_are_configuration(picture):
    loud = GaussianNoiseConfig(deviation=[0.5] * 5)
    rng = array_rng(0, "corruption", "gaussian_noise", 1, "one")
    assert distance(CORRUPTIONS["gaussian_noise"].apply(picture, loud, 1, rng), picture) > distance(
        corrupted("gaussian_noise", picture, 5), picture
    )
