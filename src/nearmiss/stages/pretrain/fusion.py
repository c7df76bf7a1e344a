"""The fusion of an arm that trains a cross-encoder: whether one is wanted, whether it can be, and how it starts."""

from typing import Any

from nearmiss.base.errors import InputError
from nearmiss.engine.models.cross_encoder import CrossEncoder, fresh_fusion
from nearmiss.engine.models.text import packable
from nearmiss.engine.objectives.spec import needs_fusion
from nearmiss.engine.training.matched import check_whole
from nearmiss.stages.pretrain.inputs import BASE, Run


def check_fusion(run: Run) -> None:
    """Raise InputError, before any compute, where an arm's matching term cannot be trained as configured."""
    if not needs_fusion(run.arm.objective):
        return
    shape = run.shared.fusion
    if run.arm_name == BASE:
        raise InputError(
            "the base is a dual encoder, but its objective has a matching term",
            record="arms.base.objective",
            remedy="take image_text_matching out; an arm that continues from the base may have it",
        )
    if shape.width % shape.heads:
        raise InputError(
            f"a fusion {shape.width} wide has no {shape.heads} equal heads",
            record="pretrain.fusion.heads",
            remedy="take a number of heads that divides the width",
        )
    check_whole(run.shared.grad_cache_chunks * run.shared.num_processes, run.shared.compile)


def with_fusion(run: Run, dual: Any) -> Any:
    """The model that a run trains: the dual encoder, or, for a matching term, that with a random fusion."""
    if not needs_fusion(run.arm.objective):
        return dual
    if not packable(dual):
        raise InputError(
            "a cross-encoder needs a causal text tower that is read out at the end token; this one is another",
            record="pretrain.model",
            remedy="take another model, or leave image_text_matching out",
        )
    side, shape = run.architecture.side, run.shared.fusion
    fusion = fresh_fusion(dual, side=side, width=shape.width, heads=shape.heads, layers=shape.layers, seed=run.seed)
    return CrossEncoder(dual, fusion)
