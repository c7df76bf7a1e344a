"""FLOPs of a training run and model FLOPs utilization (MFU)."""

import time
from typing import Any

import torch
from open_clip import CLIP
from torch.utils.flop_counter import FlopCounterMode

from nearmiss.engine.models.attention_pooling import encode_images
from nearmiss.engine.models.evaluation_mode import evaluation_mode
from nearmiss.engine.models.frozen_parts import Cut, image_embeddings

BACKWARD = 2  # the backward pass computes two products for each one of the forward pass


def image_flops(model: CLIP, side: int) -> int:
    """Floating-point operations of the image tower's forward pass for one image of `side` pixels."""
    image = torch.zeros(1, 3, side, side, device=model.logit_scale.device)
    with evaluation_mode(model), torch.no_grad(), FlopCounterMode(display=False) as counter:
        encode_images(model, image)
    return int(counter.get_total_flops())


def embedding_flops(model: Any, cut: Cut, shape: tuple[int, ...]) -> int:
    """The same of what remains of the image tower behind its frozen part, whose features of an image have `shape`."""
    features = torch.zeros(1, *shape, device=model.logit_scale.device)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        image_embeddings(model, cut, features)
    return int(counter.get_total_flops())


def matrix_rate(device: torch.device, precision: torch.dtype) -> float:
    """Measured operations per second of a square matrix product on this device and these threads: the best of five.

    It is the peak rate in MFU (our choice), because the rate of a data sheet does not depend on the threads of a job.
    """
    side, best = (4096 if device.type == "cuda" else 1024), float("inf")
    left = torch.ones(side, side, device=device, dtype=precision)
    for _ in range(5):
        start = time.perf_counter()
        product = left @ left
        product[0, 0].item()
        best = min(best, time.perf_counter() - start)
    return 2 * side**3 / best
