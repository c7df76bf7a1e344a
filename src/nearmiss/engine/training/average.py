"""An exponential moving average of a model's weights (Polyak and Juditsky, 1992; the decay is configuration)."""

import torch
from torch import Tensor, nn


class Average:
    """Averaged copies of the floating-point entries of a model's state; the first update copies them."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._model, self._decay = model, decay
        self._kept: dict[str, Tensor] = {}

    @torch.no_grad()
    def update(self) -> None:
        """Take in the model's present weights."""
        for name, value in self._model.state_dict().items():
            if not value.is_floating_point():
                continue
            if name in self._kept:
                self._kept[name].lerp_(value, 1 - self._decay)
            else:
                self._kept[name] = value.clone()

    def apply(self) -> None:
        """Put the averages in place of the weights."""
        self._model.load_state_dict(self._kept, strict=False)

    def tensors(self) -> dict[str, Tensor]:
        """The averages by name."""
        return dict(self._kept)

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Take over averages that `tensors` gave, onto the model's device."""
        state = self._model.state_dict()
        self._kept = {name: value.to(state[name].device, copy=True) for name, value in tensors.items()}
