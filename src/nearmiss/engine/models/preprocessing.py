"""What a model sees of an image: open_clip's own transform, cut in two so that pixels can be kept as bytes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from torch import Tensor
from torchvision.transforms import ToTensor


def preprocessing(side: int) -> dict[str, Any]:
    """The `preprocess_cfg` of our models: squashed to `side` pixels, bicubic, CLIP's mean and deviation.

    Squashing keeps all of an image (our choice): a center crop would cut off what a caption places at its edge.
    """
    return {
        "size": side,
        "mode": "RGB",
        "mean": list(OPENAI_DATASET_MEAN),
        "std": list(OPENAI_DATASET_STD),
        "interpolation": "bicubic",
        "resize_mode": "squash",
        "fill_color": 0,
    }


def resizing(config: dict[str, Any]) -> Callable[[Image.Image], np.ndarray]:
    """The part of open_clip's evaluation transform before `ToTensor`: an image to uint8 pixels (side, side, 3)."""
    steps = image_transform_v2(PreprocessCfg(**config), is_train=False).transforms
    first = next(number for number, step in enumerate(steps) if isinstance(step, ToTensor))

    def resize(image: Image.Image) -> np.ndarray:
        for step in steps[:first]:
            image = step(image)
        return np.asarray(image, dtype=np.uint8)

    return resize


class Normalization:
    """The part of open_clip's transform from `ToTensor` on, for batches of bytes on the model's device.

    uint8 (N, S, S, 3) -> float32 (N, 3, S, S) in channels-last memory, equal in every bit to open_clip's transform.
    """

    def __init__(self, config: dict[str, Any], device: torch.device) -> None:
        self._mean = torch.tensor(config["mean"], device=device).view(1, 3, 1, 1)
        self._std = torch.tensor(config["std"], device=device).view(1, 3, 1, 1)

    def __call__(self, pixels: Tensor) -> Tensor:
        return pixels.permute(0, 3, 1, 2).float().div_(255).sub_(self._mean).div_(self._std)
