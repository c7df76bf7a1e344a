"""Interpolation between the weights that a training began from and those that it ended with (WiSE-FT).

theta(alpha) = (1 - alpha) theta_base + alpha theta_arm for every weight of both towers, the projections and the
temperature (Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022, section 3). A cross-encoder's fusion is
interpolated like its towers where both checkpoints have one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, replacing, write_json
from nearmiss.engine.models.architecture import Architecture, named_architecture
from nearmiss.engine.models.cross_encoder import has_fusion
from nearmiss.engine.models.folder import FUSION_CONFIG, FUSION_WEIGHTS

Weights = Mapping[str, Tensor]
_REMEDY = "give the checkpoint that the training of the arm began from"


@dataclass(frozen=True)
class Interpolation:
    """A base and an arm of one architecture, between which weights are interpolated."""

    architecture: Architecture
    base: Weights
    arm: Weights
    fusion: dict[str, Any] | None
    """The content of `fusion_config.json` of cross-encoders."""
    base_fusion: Weights
    arm_fusion: Weights

    def save(self, folder: Path, alpha: float) -> None:
        """Write the checkpoint folder of theta(alpha). Equal inputs give equal bytes."""
        model = self.architecture.fresh(0)
        model.load_state_dict(interpolated(self.base, self.arm, alpha))
        self.architecture.save(folder, model)
        if self.fusion is not None:
            write_json(folder / FUSION_CONFIG, self.fusion)
            with replacing(folder / FUSION_WEIGHTS) as partial:
                save_file(interpolated(self.base_fusion, self.arm_fusion, alpha), partial)


def interpolated(base: Weights, arm: Weights, alpha: float) -> dict[str, Tensor]:
    """(1 - alpha) base + alpha arm by name, in the type of each weight of the arm.

    At 0 and 1 the result has the bits of the base and of the arm, and so has every value that both share at any alpha,
    such as those of frozen layers. Buffers of integers, such as the steps that a batch normalization counts, are the
    arm's, except at 0.
    """
    if alpha in (0, 1):
        return {name: (arm if alpha else base)[name].clone() for name in arm}
    return {name: _between(base[name], value, alpha) for name, value in arm.items()}


def _between(base: Tensor, arm: Tensor, alpha: float) -> Tensor:
    if not arm.is_floating_point():
        return arm.clone()
    mixed = (1 - alpha) * base.double() + alpha * arm.double()
    return torch.where(base == arm, arm, mixed.to(arm.dtype))


def open_interpolation(base: str, arm: Path, *, pretrained: str | None = None) -> Interpolation:
    """The interpolation between a base, by open_clip's name or `local-dir:FOLDER`, and the checkpoint folder of an arm.

    Raises InputError where one of them does not load, where they differ in architecture, preprocessing or tokenizer,
    and where only one of them has a fusion.
    """
    ours, theirs = named_architecture(f"local-dir:{arm}", None), named_architecture(base, pretrained)
    given = Path(base.removeprefix("local-dir:"))
    _refuse_other_architecture(theirs, ours, base, arm)
    base_folder = given if base.startswith("local-dir:") else None
    fusion: dict[str, Any] | None = None
    fusions: tuple[Weights, Weights] = ({}, {})
    if has_fusion(arm) or (base_folder is not None and has_fusion(base_folder)):
        fusion, fusions = _fusions(base_folder, base, arm)
    base_weights, arm_weights = (each.begun(0).state_dict() for each in (theirs, ours))
    return Interpolation(ours, base_weights, arm_weights, fusion, *fusions)


def _refuse_other_architecture(base: Architecture, arm: Architecture, name: str, folder: Path) -> None:
    one, other = _flat(base.config), _flat(arm.config)
    differing = sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))
    if differing:
        key = differing[0]
        raise InputError(
            f"the base has another architecture: {key} is {one.get(key)}, that of the arm {other.get(key)}",
            file=folder,
            record=f"base {name}",
            remedy=_REMEDY,
        )
    read = [(each.tokenization.context, each.tokenization.tokenizer.to_str()) for each in (base, arm)]
    if read[0] != read[1]:
        raise InputError("the base has another tokenizer", file=folder, record=f"base {name}", remedy=_REMEDY)


def _flat(values: Any, before: str = "") -> dict[str, Any]:
    """Dotted keys of nested values, without those that are None."""
    if not isinstance(values, dict):
        return {} if values is None else {before: values}
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= _flat(value, f"{before}.{key}" if before else str(key))
    return found


def _fusions(base: Path | None, name: str, arm: Path) -> tuple[dict[str, Any], tuple[Weights, Weights]]:
    """The shape of both fusions, and the weights of the base's and the arm's."""
    for folder, lacking, having in ((base, "base", "arm"), (arm, "arm", "base")):
        if folder is None or not has_fusion(folder):
            raise InputError(
                f"the {having} is a cross-encoder, and the {lacking} has no fusion to interpolate with",
                file=folder or arm,
                record=f"base {name}",
                remedy="interpolate arms whose objective needs no fusion, or train the base with one",
            )
    assert base is not None
    shapes = [read_json(folder / FUSION_CONFIG) for folder in (base, arm)]
    if shapes[0] != shapes[1]:
        raise InputError("the fusion of the base has another shape", file=base / FUSION_CONFIG, remedy=_REMEDY)
    weights = (load_file(base / FUSION_WEIGHTS), load_file(arm / FUSION_WEIGHTS))
    return dict(shapes[1]), weights
