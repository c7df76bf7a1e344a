"""A diffusion pipeline that paints inside a mask: any inpainting or editing pipeline of diffusers.

Inpainting pipelines (Stable Diffusion, SDXL, SD3, Flux, FluxFill, Qwen-Image, ...) take a mask and a description of the
object; editing pipelines (InstructPix2Pix, Flux Kontext, Qwen-Image-Edit, ...) take an instruction and no mask. They
differ in the arguments that they accept, so arguments follow from the signature of the pipeline.

Rösch et al. (ALVR 2024, section 4) painted with Stable Diffusion 2 and kept the decoder's output for the rest of the
image. Here only pixels inside the mask are used (composite.py).
"""

import inspect
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

REMEDY = "give a folder that a diffusers inpainting or editing pipeline was saved to, or the name of one on the hub"


@dataclass(frozen=True)
class Painter:
    """A pipeline, and the options of an operation that uses it."""

    pipeline: Any
    options: DiffusionConfig

    def paint(self, pixels: Pixels, hole: Mask, old: str, thing: str, seeds: Sequence[int]) -> list[Pixels]:
        """One painting (H, W, 3) for each seed; pixels outside the hole must not be used.

        `old` names the object, `thing` what it becomes, with its article.
        """
        height, width = pixels.shape[:2]
        side = _sides(height, width, self.options.side, 2 * int(self.pipeline.vae_scale_factor))
        image = Image.fromarray(pixels).resize(side, Image.Resampling.LANCZOS)
        mask = Image.fromarray(hole).convert("L").resize(side, Image.Resampling.BILINEAR)
        # Drawn on the CPU, so that a seed means the same noise on every device.
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        given = arguments(type(self.pipeline), self.options, old, thing) | {"image": image, "width": side[0]}
        given |= {"height": side[1]}
        if is_editor(type(self.pipeline)):
            calls = [{**given, "generator": generator} for generator in generators]
        else:
            calls = [{**given, "mask_image": mask, "num_images_per_prompt": len(seeds), "generator": generators}]
        accepted = _parameters(type(self.pipeline))
        found = [
            made
            for call in calls
            for made in self.pipeline(**{name: value for name, value in call.items() if name in accepted}).images
        ]
        return [np.asarray(made.resize((width, height), Image.Resampling.LANCZOS).convert("RGB")) for made in found]


def arguments(kind: type, options: DiffusionConfig, old: str, thing: str) -> dict[str, Any]:
    """The arguments of a pipeline class that follow from options; those it does not accept are left out.

    `guidance` is the scale of classifier-free guidance: `true_cfg_scale` where the class has no default for
    `guidance_scale`, which is then that of a distilled model (Qwen-Image).
    """
    accepted = _parameters(kind)
    prompt = options.instruction if is_editor(kind) else options.prompt
    given: dict[str, Any] = {
        "prompt": prompt.format(old=old, thing=thing),
        "negative_prompt": options.negative_prompt,
        "strength": options.strength,
        "num_inference_steps": options.steps,
        "_auto_resize": False,  # Flux Kontext would choose another aspect ratio
    }
    if options.guidance is not None:
        distilled = "true_cfg_scale" in accepted and accepted["guidance_scale"].default is None
        given["true_cfg_scale" if distilled else "guidance_scale"] = options.guidance
    return {name: value for name, value in given.items() if name in accepted}


def is_editor(kind: type) -> bool:
    """Whether a pipeline class edits an image by an instruction: it takes an image, and neither mask nor strength."""
    accepted = _parameters(kind)
    return {"image", "prompt"} <= accepted.keys() and not {"mask_image", "strength"} & accepted.keys()


def painter(options: DiffusionConfig) -> Painter:
    """The pipeline that options name; one is loaded per process and device. InputError where it does not load."""
    return Painter(_loaded(options.pipeline, options.precision, options.device), options)


@lru_cache(maxsize=1)
def _loaded(name: str, precision: str, device_name: str) -> Any:
    import diffusers
    from diffusers.utils import logging

    logging.set_verbosity_error()
    device = device_of(device_name, key="inpaint.operations.diffusion.device")
    half = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[precision]
    local = Path(name).is_dir()
    try:
        saved = diffusers.DiffusionPipeline.load_config(name, local_files_only=local)["_class_name"]
        kind = getattr(diffusers, str(saved), None)
        as_saved = kind is not None and (is_editor(kind) or {"mask_image", "prompt"} <= _parameters(kind).keys())
        loader = diffusers.DiffusionPipeline if as_saved else diffusers.AutoPipelineForInpainting
        pipeline = loader.from_pretrained(
            name, dtype=half if device.type == "cuda" else torch.float32, local_files_only=local
        )
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"the inpainting pipeline does not load: {reason}", file=name, remedy=REMEDY) from None
    if "prompt" not in _parameters(type(pipeline)):
        raise InputError(f"the inpainting pipeline {type(pipeline).__name__} takes no prompt", file=name, remedy=REMEDY)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(device)


def _parameters(kind: type) -> dict[str, inspect.Parameter]:
    """The named parameters of a pipeline's call."""
    return dict(inspect.signature(kind.__call__).parameters)


def _sides(height: int, width: int, longest: int, step: int) -> tuple[int, int]:
    """Width and height at which an image is painted: its longer side is `longest`, both are multiples of `step`."""
    scale = longest / max(height, width)
    across, down = (max(step, round(each * scale / step) * step) for each in (width, height))
    return across, down
