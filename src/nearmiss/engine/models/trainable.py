"""Which weights of a model learn: parts of it by name, freezing, and low-rank adaptation.

Low-rank adaptation keeps the weights and learns a product of two thin matrices next to each (Hu et al., LoRA: Low-Rank
Adaptation of Large Language Models, ICLR 2022, section 4.1: W + (alpha / rank) B A, with A drawn and B zero, so that
training begins at the given weights). It is a parametrization of the weight itself and not a layer around it: whatever
reads the weight (attention's one matrix for three projections, packed texts) reads the sum. peft is not used: it adapts
the forward pass of a layer, which packed texts do not call.
"""

import math
import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from nearmiss.base.errors import InputError
from nearmiss.base.seeding import derive

_BLOCKS = re.compile(r"(image|text)\.blocks\.(\d+)(?:-(\d+))?")
_NUMBERED = re.compile(r"\.(?:resblocks|blocks|stages|layers|layer)\.(\d+)\.")
_OF_NO_TOWER = ("logit_scale", "logit_bias")
_TABLES = ("token_embedding", "positional_embedding", "class_embedding", "pos_embed")


def freeze(model: nn.Module, parts: Sequence[str]) -> None:
    """Take the parts named from what learns. Raises InputError where a part is none, or nothing is left to learn."""
    frozen = parameters_in(model, parts, "arms.NAME.freeze") if parts else set()
    for name, parameter in model.named_parameters():
        if name in frozen:
            parameter.requires_grad_(False)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise InputError("no weight is left to learn", record="arms.NAME.freeze", remedy="freeze less")


def training_mode(model: nn.Module) -> nn.Module:
    """Put a model in training mode, except for modules all of whose weights are frozen, which stay in evaluation mode.

    A frozen trunk then computes what it was trained to compute: batch normalization uses its running statistics and
    does not update them, and dropout is off.
    """
    model.train()
    for module in model.modules():
        weights = list(module.parameters())
        if weights and not any(weight.requires_grad for weight in weights):
            module.eval()
    return model


def adapt_matrices(model: nn.Module, parts: Sequence[str], *, rank: int, alpha: float, seed: int) -> None:
    """Low-rank adaptation of every matrix in the parts named that may still learn, tables of embeddings aside."""
    named = parameters_in(model, parts, "arms.NAME.lora.target_modules")
    matrices = [
        name
        for name, weight in model.named_parameters()
        if name in named
        and weight.requires_grad
        and weight.ndim >= 2
        and min(len(weight), weight[0].numel()) > rank
        and not any(table in name for table in _TABLES)
    ]
    if not matrices:
        raise InputError(
            f"no matrix there has more than {rank} rows and columns",
            record="arms.NAME.lora",
            remedy="lower the rank, or name other parts",
        )
    adapt(model, matrices, rank=rank, alpha=alpha, seed=seed)


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


def parameters_in(model: nn.Module, wanted: Iterable[str], key: str) -> set[str]:
    """Names of the parameters that some word means: `image`, `text`, `image.blocks.0-3`, or a pattern with stars.

    Raises InputError, naming the configuration's `key`, where a word means none.
    """
    names = [name for name, _ in model.named_parameters()]
    found: set[str] = set()
    for word in wanted:
        matched = {name for name in names if _means(word, name)}
        if not matched:
            raise InputError(
                f"'{word}' is no part of the model",
                record=key,
                remedy=f"name a tower, a tower's blocks, or a pattern of names such as {names[0]}",
            )
        found |= matched
    return found


def _means(word: str, name: str) -> bool:
    if word in ("image", "text"):
        return tower_of(name) == word
    blocks = _BLOCKS.fullmatch(word)
    if blocks is None:
        return fnmatchcase(name, word)
    tower, first, last = blocks[1], int(blocks[2]), int(blocks[3] or blocks[2])
    number = _NUMBERED.search(name)
    return tower_of(name) == tower and number is not None and first <= int(number[1]) <= last


def tower_of(name: str) -> str | None:
    """The tower that a parameter belongs to, by its name in open_clip's models; None for the logits' own."""
    if name in _OF_NO_TOWER:
        return None
    return "image" if name.startswith("visual.") else "text"
