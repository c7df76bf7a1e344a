"""The corruptions by name."""

from nearmiss.engine.images.corruptions import contrast, defocus_blur, gaussian_noise, jpeg_compression
from nearmiss.engine.images.corruptions.corruption import Corruption

CORRUPTIONS: dict[str, Corruption] = {
    each.name: each
    for each in (
        gaussian_noise.CORRUPTION,
        defocus_blur.CORRUPTION,
        jpeg_compression.CORRUPTION,
        contrast.CORRUPTION,
    )
}
