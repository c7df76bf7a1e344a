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


CorruptionConfig = GaussianNoiseConfig | DefocusBlurConfig | JpegCompressionConfig | ContrastConfig
AnyCorruption = Annotated[CorruptionConfig, Field(discriminator="corruption")]


def default_corruptions() -> list[AnyCorruption]:
    """Every corruption with its defaults."""
    return [GaussianNoiseConfig(), DefocusBlurConfig(), JpegCompressionConfig(), ContrastConfig()]
