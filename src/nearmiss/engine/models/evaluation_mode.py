"""Evaluation mode for a while: forward passes that only measure something must not change batch statistics."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Put a model into evaluation mode, and at the end every module back into the mode that it had.

    In training mode, batch normalization adds each image to its statistics, also those of frozen weights.
    """
    trained = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in trained:
            module.training = True
