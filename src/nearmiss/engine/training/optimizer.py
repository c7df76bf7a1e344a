"""AdamW with a learning rate for each tower, its schedule, and the moving average of the weights."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

BETAS = (0.9, 0.98)  # CLIP's (Radford et al., ICML 2021, table 18)
EPSILON = 1e-8  # torch's; CLIP's 1e-6 slows a small model
_OBJECTIVE = "objective."
_STATE = ("step", "exp_avg", "exp_avg_sq")


@dataclass(frozen=True)
class Schedule:
    """Learning rate schedule: linear warm-up, constant, linear decay to 0 over the last `cooldown_steps`.

    The form is that of Zhai et al. (Scaling Vision Transformers, CVPR 2022, section 3); lengths are our choice.
    """

    steps: int
    warmup_steps: int = 0
    cooldown_steps: int = 0

    def share(self, number: int) -> float:
        """Share of the full rate at step `number`, counted from 0; above 0 at every step of the run."""
        rising = (number + 1) / self.warmup_steps if self.warmup_steps else 1.0
        falling = (self.steps - number) / (self.cooldown_steps + 1)
        return min(1.0, rising, falling)


class TowerOptimizer:
    """One AdamW over both towers, with weight decay on matrices only.

    Only parameters that require a gradient are included. The logit scale and the parameters of an objective have the
    image tower's rate; a cross-encoder's fusion has the text tower's.
    """

    def __init__(
        self,
        model: nn.Module,
        objective: nn.Module | None = None,
        *,
        image_lr: float,
        text_lr: float,
        weight_decay: float,
        schedule: Schedule,
        epsilon: float = EPSILON,
    ) -> None:
        """`objective` is one with parameters, or None."""
        self.schedule = schedule
        learned = list(model.named_parameters())
        if objective is not None:
            learned += [(f"{_OBJECTIVE}{name}", parameter) for name, parameter in objective.named_parameters()]
        self._rates, groups, self._names = [], [], []
        for image in (True, False):
            for decayed in (True, False):
                members = [
                    (name, parameter)
                    for name, parameter in learned
                    if parameter.requires_grad and _of_image_tower(name) is image and (parameter.ndim >= 2) is decayed
                ]
                if not members:
                    continue
                groups.append(
                    {
                        "params": [parameter for _, parameter in members],
                        "weight_decay": weight_decay if decayed else 0.0,
                    }
                )
                self._names += [name for name, _ in members]
                self._rates.append(image_lr if image else text_lr)
        self._adamw = torch.optim.AdamW(groups, lr=image_lr, betas=BETAS, eps=epsilon, fused=True)

    def step(self, number: int) -> None:
        """Apply the gradients of step `number`, counted from 0, at the schedule's share of the rates."""
        share = self.schedule.share(number)
        for group, rate in zip(self._adamw.param_groups, self._rates, strict=True):
            group["lr"] = rate * share
        self._adamw.step()
        self._adamw.zero_grad(set_to_none=True)

    def tensors(self) -> dict[str, Tensor]:
        """The state as tensors by parameter and kind; empty before the first step."""
        return {
            f"{name}|{kind}": self._adamw.state[parameter][kind]
            for name, parameter in self._parameters()
            for kind in _STATE
            if parameter in self._adamw.state
        }

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Load a state from `tensors`."""
        state: dict[int, Any] = {
            number: {kind: tensors[f"{name}|{kind}"] for kind in _STATE}
            for number, (name, _) in enumerate(self._parameters())
        }
        self._adamw.load_state_dict({"state": state, "param_groups": self._adamw.state_dict()["param_groups"]})

    def _parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        parameters = (parameter for group in self._adamw.param_groups for parameter in group["params"])
        return zip(self._names, parameters, strict=True)


def _of_image_tower(name: str) -> bool:
    name = name.removeprefix("dual.")
    return name.startswith(("visual.", _OBJECTIVE)) or name == "logit_scale"


class Average:
    """An exponential moving average of a model's weights (Polyak and Juditsky, 1992).

    It has copies of the floating-point entries of the model's state, which the first update creates.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._model, self._decay = model, decay
        self._kept: dict[str, Tensor] = {}

    @torch.no_grad()
    def update(self) -> None:
        """Add the model's current weights to the average."""
        for name, value in self._model.state_dict().items():
            if not value.is_floating_point():
                continue
            if name in self._kept:
                self._kept[name].lerp_(value, 1 - self._decay)
            else:
                self._kept[name] = value.clone()

    def apply(self) -> None:
        """Replace the weights by their averages."""
        self._model.load_state_dict(self._kept, strict=False)

    def tensors(self) -> dict[str, Tensor]:
        """The averages by name."""
        return dict(self._kept)

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Load averages from `tensors` to the model's device."""
        state = self._model.state_dict()
        self._kept = {name: value.to(state[name].device, copy=True) for name, value in tensors.items()}
