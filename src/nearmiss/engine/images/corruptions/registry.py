"""The corruptions by name."""

from nearmiss.engine.images.corruptions import (
    brightness,
    contrast,
    defocus_blur,
    downscale,
    elastic_transform,
    fog,
    frost,
    gaussian_blur,
    gaussian_noise,
    glass_blur,
    grayscale,
    impulse_noise,
    jpeg_compression,
    motion_blur,
    occlusion,
    pixelate,
    saturate,
    shot_noise,
    snow,
    spatter,
    speckle_noise,
    zoom_blur,
)
from nearmiss.engine.images.corruptions.corruption import Corruption

CORRUPTIONS: dict[str, Corruption] = {
    each.name: each
    for each in (
        gaussian_noise.CORRUPTION,
        defocus_blur.CORRUPTION,
        jpeg_compression.CORRUPTION,
        contrast.CORRUPTION,
        shot_noise.CORRUPTION,
        impulse_noise.CORRUPTION,
        speckle_noise.CORRUPTION,
        gaussian_blur.CORRUPTION,
        glass_blur.CORRUPTION,
        motion_blur.CORRUPTION,
        zoom_blur.CORRUPTION,
        snow.CORRUPTION,
        frost.CORRUPTION,
        fog.CORRUPTION,
        brightness.CORRUPTION,
        saturate.CORRUPTION,
        spatter.CORRUPTION,
        elastic_transform.CORRUPTION,
        pixelate.CORRUPTION,
        occlusion.CORRUPTION,
        downscale.CORRUPTION,
        grayscale.CORRUPTION,
    )
}
