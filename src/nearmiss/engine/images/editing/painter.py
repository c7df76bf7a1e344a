"""A diffusion pipeline that paints inside a mask: any inpainting pipeline of diffusers, from a folder or the hub.

Rösch et al. (ALVR 2024, section 4) painted with Stable Diffusion 2 and kept the decoder's output for the rest of the
image. Here only pixels inside the mask are used (composite.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from nearmiss.base.device import device_of
from nearmiss.base.errors import InputError
from nearmiss.engine.images.editing.plan import Pixels
from nearmiss.engine.images.editing.spec import DiffusionConfig
from nearmiss.engine.images.masks import Mask


@dataclass(frozen=True)
class Painter:
    """A pipeline on its device."""

    pipeline: Any
    device: torch.device
    options: DiffusionConfig

    def paint(self, pixels: Pixels, hole: Mask, prompt: str, seeds: Sequence[int]) -> list[Pixels]:
        """One painting (H, W, 3) for each seed, made in one batch; pixels outside the hole must not be used."""
        height, width = pixels.shape[:2]
        side = _sides(height, width, self.options.side, 2 * int(self.pipeline.vae_scale_factor))
        count = len(seeds)
        found = self.pipeline(
            prompt=[prompt] * count,
            negative_prompt=[self.options.negative_prompt] * count,
            image=[Image.fromarray(pixels).resize(side, Image.Resampling.LANCZOS)] * count,
            mask_image=[Image.fromarray(hole).convert("L").resize(side, Image.Resampling.BILINEAR)] * count,
            width=side[0],
            height=side[1],
            num_inference_steps=self.options.steps,
            guidance_scale=self.options.guidance,
            # Drawn on the CPU, so that a seed means the same noise on every device.
            generator=[torch.Generator().manual_seed(seed) for seed in seeds],
        ).images
        return [np.asarray(image.resize((width, height), Image.Resampling.LANCZOS).convert("RGB")) for image in found]


@lru_cache(maxsize=1)
def painter(options: DiffusionConfig) -> Painter:
    """The pipeline that options name, loaded once per process. Raises InputError where it does not load."""
    from diffusers import AutoPipelineForInpainting
    from diffusers.utils import logging

    logging.set_verbosity_error()
    device = device_of(options.device, key="inpaint.operations.diffusion.device")
    half = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[options.precision]
    name = options.pipeline
    try:
        pipeline = AutoPipelineForInpainting.from_pretrained(
            name, dtype=half if device.type == "cuda" else torch.float32, local_files_only=Path(name).is_dir()
        )
    except (OSError, ValueError) as error:
        raise InputError(
            f"the inpainting pipeline does not load: {str(error).splitlines()[0]}",
            file=name,
            remedy="give a folder that a diffusers inpainting pipeline was saved to, or the name of one on the hub",
        ) from None
    pipeline.set_progress_bar_config(disable=True)
    return Painter(pipeline.to(device), device, options)


def _sides(height: int, width: int, longest: int, step: int) -> tuple[int, int]:
    """Width and height at which an image is painted: its longer side is `longest`, both are multiples of `step`."""
    scale = longest / max(height, width)
    across, down = (max(step, round(each * scale / step) * step) for each in (width, height))
    return across, down
