"""Low-rank adaptation: weights stay as they are, and a product of two thin matrices is learned beside each.

Hu et al., LoRA: Low-Rank Adaptation of Large Language Models (ICLR 2022), section 4.1: W + (alpha / rank) B A, with A
drawn and B zero, so that training begins at the given weights. It is a parametrization of the weight itself and not a
layer around it: whatever reads the weight (attention's one matrix for three projections, packed texts) reads the sum.
peft is not used: it adapts the forward pass of a layer, which packed texts do not call.
"""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from nearmiss.base.errors import InputError
from nearmiss.base.seeding import derive


class LowRank(nn.Module):
    """Adds (alpha / rank) B A to a weight (out, ...), whose further dimensions are taken as one."""

    def __init__(self, weight: Tensor, rank: int, alpha: float, seed: int) -> None:
        super().__init__()
        out, inside = weight.shape[0], weight[0].numel()
        drawn = torch.rand(rank, inside, generator=torch.Generator().manual_seed(seed)) * 2 - 1
        # Uniform as nn.Linear draws its weights, which is what the paper's own code does.
        self.down = nn.Parameter((drawn / math.sqrt(inside)).to(weight))
        self.up = nn.Parameter(weight.new_zeros(out, rank))
        self.strength = alpha / rank

    def forward(self, weight: Tensor) -> Tensor:
        return weight + (self.strength * self.up @ self.down).view_as(weight)


def adapt(model: nn.Module, names: Iterable[str], *, rank: int, alpha: float, seed: int) -> None:
    """Freeze every parameter of a model but its logit scale and bias, and adapt those of `names` (by parameter name).

    Raises InputError where a name is no matrix, or has a side that is not longer than `rank`.
    """
    wanted = sorted(names)
    weights = dict(model.named_parameters())
    for name in wanted:
        if name not in weights or weights[name].ndim < 2 or min(len(weights[name]), weights[name][0].numel()) <= rank:
            raise InputError(
                f"a low-rank update of rank {rank} cannot be learned for {name}",
                record=f"shape {tuple(weights[name].shape)}" if name in weights else "no parameter has this name",
                remedy="lower arms.NAME.lora.rank, or name other matrices in arms.NAME.lora.target_modules",
            )
    for name, weight in weights.items():
        weight.requires_grad_(name in ("logit_scale", "logit_bias"))
    for name in wanted:
        owner, _, last = name.rpartition(".")
        update = LowRank(weights[name].detach(), rank, alpha, derive(seed, "lora", name))
        parametrize.register_parametrization(model.get_submodule(owner), last, update)


def merged(model: nn.Module) -> nn.Module:
    """The same model with each update added to its weight for good: plain parameters under their old names."""
    for module in list(model.modules()):
        if parametrize.is_parametrized(module):
            for name in [*module.parametrizations]:  # type: ignore[misc]  # a ModuleDict, which torch types as a Tensor
                parametrize.remove_parametrizations(module, name, leave_parametrized=True)
    return model
