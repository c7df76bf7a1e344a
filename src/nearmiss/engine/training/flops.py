"""How much a training computes, and how much of it this machine could: FLOPs and model FLOPs utilisation (MFU)."""

import time

import torch
from open_clip import CLIP
from torch.utils.flop_counter import FlopCounterMode

BACKWARD = 2  # the backward computes two products for each of the forward's


def image_flops(model: CLIP, side: int) -> int:
    """Floating-point operations of the image tower's forward for one image of `side` pixels."""
    image = torch.zeros(1, 3, side, side, device=model.logit_scale.device)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.encode_image(image)
    return int(counter.get_total_flops())


def matrix_rate(device: torch.device, precision: torch.dtype) -> float:
    """Operations a second of a square matrix product on this device and these threads: the best of five, measured.

    It represents the peak in MFU (our choice): a data sheet does not depend on the threads of a job.
    """
    side, best = (4096 if device.type == "cuda" else 1024), float("inf")
    left = torch.ones(side, side, device=device, dtype=precision)
    for _ in range(5):
        start = time.perf_counter()
        product = left @ left
        product[0, 0].item()
        best = min(best, time.perf_counter() - start)
    return 2 * side**3 / best
