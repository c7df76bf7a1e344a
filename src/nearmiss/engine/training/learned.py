"""Which of a model's weights learn."""

from collections.abc import Sequence

from torch import nn

from nearmiss.base.errors import InputError
from nearmiss.engine.models.low_rank import adapt
from nearmiss.engine.models.selection import parameters_in

_TABLES = ("token_embedding", "positional_embedding", "class_embedding", "pos_embed")


def freeze(model: nn.Module, parts: Sequence[str]) -> None:
    """Take the parts named from what learns. Raises InputError where a part is none, or nothing is left to learn."""
    frozen = parameters_in(model, parts, "arms.NAME.freeze") if parts else set()
    for name, parameter in model.named_parameters():
        if name in frozen:
            parameter.requires_grad_(False)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise InputError("no weight is left to learn", record="arms.NAME.freeze", remedy="freeze less")


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
