"""Names that configurations of a training use."""

from typing import Literal

AugmentationName = Literal["flip", "crop", "light", "hue", "gray"]
