"""Names and typed options of the image corruptions, with ImageNet-C's parameters for severities 1 to 5.

Hendrycks and Dietterich, ICLR 2019, define them for images of 224 pixels. Lengths are scaled by the shorter side over
224 (our choice), so that a severity means the same on small images.
"""

from typing import Annotated, Literal

from pydantic import Field

from nearmiss.base.typed import Typed

Positive = Annotated[float, Field(gt=0)]
Quality = Annotated[int, Field(ge=1, le=95)]
Lengths = Annotated[list[Positive], Field(min_length=5, max_length=5)]
Qualities = Annotated[list[Quality], Field(min_length=5, max_length=5)]
Shares = Annotated[list[Annotated[float, Field(gt=0, le=1)]], Field(min_length=5, max_length=5)]
Amounts = Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=5, max_length=5)]
Counts = Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=5, max_length=5)]
Liquids = Annotated[list[Literal["water", "mud"]], Field(min_length=5, max_length=5)]


class GaussianNoiseConfig(Typed):
    """Noise of a normal distribution on every channel."""

    corruption: Literal["gaussian_noise"] = "gaussian_noise"
    deviation: Lengths = Field(
        [0.08, 0.12, 0.18, 0.26, 0.38], description="Standard deviation by severity; the whole range is 1."
    )


class DefocusBlurConfig(Typed):
    """Blur with a disk, as by an unfocused lens."""

    corruption: Literal["defocus_blur"] = "defocus_blur"
    radius: Lengths = Field([3, 4, 6, 8, 10], description="Radius of the disk by severity, in pixels of a side of 224.")
    alias_blur: Lengths = Field(
        [0.1, 0.5, 0.5, 0.5, 0.5],
        description="Deviation of the blur on the disk's edge by severity, in pixels of a side of 224.",
    )


class JpegCompressionConfig(Typed):
    """Compression as JPEG."""

    corruption: Literal["jpeg_compression"] = "jpeg_compression"
    quality: Qualities = Field([25, 18, 15, 10, 7], description="JPEG quality by severity.")


class ContrastConfig(Typed):
    """Less contrast around the mean of each channel."""

    corruption: Literal["contrast"] = "contrast"
    factor: Lengths = Field([0.4, 0.3, 0.2, 0.1, 0.05], description="Factor by severity.")


class ShotNoiseConfig(Typed):
    """Poisson noise, as of few photons."""

    corruption: Literal["shot_noise"] = "shot_noise"
    photons: Lengths = Field([60, 25, 12, 5, 3], description="Photons of a white value by severity.")


class ImpulseNoiseConfig(Typed):
    """Values replaced by black or white."""

    corruption: Literal["impulse_noise"] = "impulse_noise"
    share: Shares = Field([0.03, 0.06, 0.09, 0.17, 0.27], description="Share of values replaced, by severity.")


class SpeckleNoiseConfig(Typed):
    """Noise in proportion to the value."""

    corruption: Literal["speckle_noise"] = "speckle_noise"
    deviation: Lengths = Field(
        [0.15, 0.2, 0.35, 0.45, 0.6], description="Standard deviation by severity, as a factor of the value."
    )


class GaussianBlurConfig(Typed):
    """Blur with a Gaussian."""

    corruption: Literal["gaussian_blur"] = "gaussian_blur"
    deviation: Lengths = Field([1, 2, 3, 4, 6], description="Deviation by severity, in pixels of a side of 224.")


class GlassBlurConfig(Typed):
    """Blur as by frosted glass."""

    corruption: Literal["glass_blur"] = "glass_blur"
    deviation: Lengths = Field(
        [0.7, 0.9, 1, 1.1, 1.5], description="Deviation of both blurs by severity, in pixels of a side of 224."
    )
    reach: Lengths = Field(
        [1, 2, 2, 3, 4], description="Reach of an exchange by severity, in pixels of a side of 224; at least one pixel."
    )
    iterations: Counts = Field([2, 1, 3, 2, 2], description="Exchanges by severity.")


class MotionBlurConfig(Typed):
    """Blur along a line."""

    corruption: Literal["motion_blur"] = "motion_blur"
    radius: Lengths = Field(
        [10, 15, 15, 15, 20], description="Half of the line's length by severity, in pixels of a side of 224."
    )
    deviation: Lengths = Field(
        [3, 5, 8, 12, 15], description="Deviation along the line by severity, in pixels of a side of 224."
    )


class ZoomBlurConfig(Typed):
    """Blur as by a zoom while the shutter is open."""

    corruption: Literal["zoom_blur"] = "zoom_blur"
    end: Lengths = Field(
        [1.11, 1.16, 1.21, 1.26, 1.31], description="End of the zoom's factors by severity, itself left out."
    )
    step: Lengths = Field([0.01, 0.01, 0.02, 0.02, 0.03], description="Step between factors by severity.")


class SnowConfig(Typed):
    """Falling snow."""

    corruption: Literal["snow"] = "snow"
    mean: Lengths = Field([0.1, 0.2, 0.55, 0.55, 0.55], description="Mean of the noise by severity.")
    deviation: Lengths = Field([0.3, 0.3, 0.3, 0.3, 0.3], description="Deviation of the noise by severity.")
    zoom: Lengths = Field(
        [3, 2, 4, 4.5, 2.5], description="Size of a flake by severity, in pixels of a side of 224; at least one pixel."
    )
    threshold: Lengths = Field([0.5, 0.5, 0.9, 0.85, 0.85], description="Noise below it is no flake, by severity.")
    radius: Lengths = Field(
        [10, 12, 12, 12, 12], description="Half of the fall's length by severity, in pixels of a side of 224."
    )
    blur: Lengths = Field(
        [4, 4, 8, 8, 12], description="Deviation along the fall by severity, in pixels of a side of 224."
    )
    image_weight: Shares = Field(
        [0.8, 0.7, 0.7, 0.65, 0.55], description="Weight of the image against its paler form by severity."
    )


class FrostConfig(Typed):
    """A texture of ice over the image."""

    corruption: Literal["frost"] = "frost"
    image_weight: Shares = Field([1, 0.8, 0.7, 0.65, 0.6], description="Weight of the image by severity.")
    ice_weight: Shares = Field([0.4, 0.6, 0.7, 0.7, 0.75], description="Weight of the ice by severity.")


class FogConfig(Typed):
    """Fog of fractal noise."""

    corruption: Literal["fog"] = "fog"
    amount: Lengths = Field(
        [1.5, 2, 2.5, 2.5, 3], description="Amount of fog by severity; the whole range of the image is 1."
    )
    decay: Lengths = Field(
        [2, 2, 1.7, 1.5, 1.4], description="How fast the displacement falls with each halving of the grid, by severity."
    )


class BrightnessConfig(Typed):
    """More brightness."""

    corruption: Literal["brightness"] = "brightness"
    added: Shares = Field([0.1, 0.2, 0.3, 0.4, 0.5], description="Added to the value in HSV, by severity.")


class SaturateConfig(Typed):
    """Less saturation (severities 1 and 2) or more (3 to 5)."""

    corruption: Literal["saturate"] = "saturate"
    factor: Lengths = Field([0.3, 0.1, 2, 5, 20], description="Factor of the saturation in HSV by severity.")
    added: Amounts = Field([0, 0, 0, 0.1, 0.2], description="Added to the saturation in HSV by severity.")


class SpatterConfig(Typed):
    """Drops on the lens."""

    corruption: Literal["spatter"] = "spatter"
    mean: Lengths = Field([0.65, 0.65, 0.65, 0.65, 0.67], description="Mean of the noise by severity.")
    deviation: Lengths = Field([0.3, 0.3, 0.3, 0.3, 0.4], description="Deviation of the noise by severity.")
    blur: Lengths = Field(
        [4, 3, 2, 1, 1], description="Deviation of the blur that makes drops by severity, in pixels of a side of 224."
    )
    threshold: Lengths = Field([0.69, 0.68, 0.68, 0.65, 0.65], description="Noise below it is no drop, by severity.")
    strength: Lengths = Field(
        [0.6, 0.6, 0.5, 1.5, 1.5],
        description="By severity: brightness of water, or deviation of the blur of mud in pixels of a side of 224.",
    )
    liquid: Liquids = Field(["water", "water", "water", "mud", "mud"], description="Liquid by severity.")


class ElasticTransformConfig(Typed):
    """A smooth random displacement of the pixels."""

    corruption: Literal["elastic_transform"] = "elastic_transform"
    displacement: Lengths = Field(
        [488, 488, 12.2, 17.08, 29.28],
        description="Factor of the smoothed displacement by severity, in pixels of a side of 224.",
    )
    smoothness: Lengths = Field(
        [170.8, 19.52, 2.44, 2.44, 2.44],
        description="Deviation of the displacement's blur by severity, in pixels of a side of 224.",
    )
    shear: Lengths = Field(
        [24.4, 48.8, 4.88, 4.88, 4.88],
        description="How far the affine map moves a corner by severity, in pixels of a side of 224.",
    )


class PixelateConfig(Typed):
    """Blocks of one color."""

    corruption: Literal["pixelate"] = "pixelate"
    factor: Shares = Field(
        [0.6, 0.5, 0.4, 0.3, 0.25], description="Resolution that is left of a side of 224 by severity."
    )


class OcclusionConfig(Typed):
    """A gray rectangle over a part of the image."""

    corruption: Literal["occlusion"] = "occlusion"
    share: Shares = Field([0.05, 0.1, 0.2, 0.3, 0.4], description="Share of the image that is covered, by severity.")


class DownscaleConfig(Typed):
    """A lower resolution."""

    corruption: Literal["downscale"] = "downscale"
    side: Lengths = Field(
        [112, 80, 56, 40, 28],
        description="Shorter side that is kept by severity, in pixels of a side of 224 or more; a smaller image keeps "
        "the same share.",
    )


class GrayscaleConfig(Typed):
    """Less color."""

    corruption: Literal["grayscale"] = "grayscale"
    share: Shares = Field([0.6, 0.7, 0.8, 0.9, 1.0], description="Share of the color that is removed, by severity.")


CorruptionConfig = (
    GaussianNoiseConfig
    | DefocusBlurConfig
    | JpegCompressionConfig
    | ContrastConfig
    | ShotNoiseConfig
    | ImpulseNoiseConfig
    | SpeckleNoiseConfig
    | GaussianBlurConfig
    | GlassBlurConfig
    | MotionBlurConfig
    | ZoomBlurConfig
    | SnowConfig
    | FrostConfig
    | FogConfig
    | BrightnessConfig
    | SaturateConfig
    | SpatterConfig
    | ElasticTransformConfig
    | PixelateConfig
    | OcclusionConfig
    | DownscaleConfig
    | GrayscaleConfig
)
AnyCorruption = Annotated[CorruptionConfig, Field(discriminator="corruption")]


def default_corruptions() -> list[AnyCorruption]:
    """One corruption of each of ImageNet-C's groups (noise, blur, digital) and contrast, with its parameters."""
    return [GaussianNoiseConfig(), DefocusBlurConfig(), JpegCompressionConfig(), ContrastConfig()]


def imagenet_c() -> list[AnyCorruption]:
    """The 15 corruptions of ImageNet-C in the order of its paper, then its 4 extra ones."""
    return [
        GaussianNoiseConfig(),
        ShotNoiseConfig(),
        ImpulseNoiseConfig(),
        DefocusBlurConfig(),
        GlassBlurConfig(),
        MotionBlurConfig(),
        ZoomBlurConfig(),
        SnowConfig(),
        FrostConfig(),
        FogConfig(),
        BrightnessConfig(),
        ContrastConfig(),
        ElasticTransformConfig(),
        PixelateConfig(),
        JpegCompressionConfig(),
        SpeckleNoiseConfig(),
        GaussianBlurConfig(),
        SpatterConfig(),
        SaturateConfig(),
    ]
