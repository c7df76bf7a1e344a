"""What a model computes, counted on a copy without weights; nothing is downloaded."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nearmiss.base.errors import InputError
from nearmiss.stages.pretrain.config import AnyModelConfig, FusionConfig, OpenClipConfig, TwoTowerConfig

_WORDS = 2000  # words of a small model, before the captions are known


@dataclass(frozen=True)
class ModelCost:
    """Operations of the forward, weights, and the units that activations are estimated from."""

    image_flops: int
    token_flops: float
    parameters: int
    side: int
    image_units: int
    """Layers x tokens x width of the image tower; 0 where it is no transformer."""
    token_units: int
    """Layers x width of the text tower."""
    patches: int = 0
    """Patches of an image that a fusion reads; 0 where it cannot read the image tower."""
    patch_width: int = 0
    text_width: int = 0

    def fusion_flops(self, shape: FusionConfig, *, images: int, texts: int, tokens: int, pairs: int) -> int:
        """Operations of a fusion's forward for pairs of these images and texts; 0 where it cannot read the tower."""
        import torch

        from nearmiss.engine.models.fusion import Fusion

        if not self.patches:
            return 0
        with torch.device("meta"):
            fusion = Fusion(
                width=shape.width,
                heads=shape.heads,
                layers=shape.layers,
                text_width=self.text_width,
                patch_width=self.patch_width,
                patches=self.patches,
            )
        return fusion.forward_flops(images=images, texts=texts, tokens=tokens, pairs=pairs)


def model_cost(model: AnyModelConfig) -> ModelCost | None:
    """The cost of a model; None for one with a part on the hub, whose configuration would be downloaded."""
    import torch

    from nearmiss.engine.models.architecture import configuration_of
    from nearmiss.engine.models.checkpoint import configuration, fresh_model
    from nearmiss.engine.models.text import padded_flops
    from nearmiss.engine.models.two_towers import two_tower_configuration
    from nearmiss.engine.training.flops import image_flops

    if isinstance(model, OpenClipConfig) and model.name.startswith("hf-hub:"):
        return None
    if isinstance(model, TwoTowerConfig):
        if not Path(model.text.name).is_dir():
            return None
        config = two_tower_configuration(model.image.model_dump(), model.text.model_dump(), model.embed_dim)
    elif isinstance(model, OpenClipConfig):
        config = configuration_of(model.name, model.pretrained)
    else:
        config = configuration(**model.model_dump(), vocabulary=_WORDS)
    with torch.device("meta"):  # shapes only: nothing is drawn or computed
        built = fresh_model(config, 0).eval()
    size = config["preprocess_cfg"]["size"]
    side = size if isinstance(size, int) else int(size[0])
    text: dict[str, Any] = config["model_cfg"].get("text_cfg", {})
    patches, patch_width = _patches(built, side)
    context = int(text.get("context_length") or built.context_length)
    with torch.no_grad():
        return ModelCost(
            image_flops=image_flops(built, side),
            token_flops=padded_flops(built, 1, context) / context,
            parameters=sum(parameter.numel() for parameter in built.parameters()),
            side=side,
            image_units=_image_units(config["model_cfg"].get("vision_cfg", {}), side),
            token_units=int(text.get("layers", 0)) * int(text.get("width", 0)),
            patches=patches,
            patch_width=patch_width,
            text_width=int(text.get("width", 0)),
        )


def _patches(built: Any, side: int) -> tuple[int, int]:
    """Number and width of the patch features of an image; zeros for a tower that a fusion cannot read."""
    import torch

    from nearmiss.engine.models.cross_encoder import encode_patches

    try:
        with torch.no_grad():
            _, patches = encode_patches(built.visual, torch.zeros(1, 3, side, side, device="meta"))
    except InputError:
        return 0, 0
    return patches.shape[1], patches.shape[2]


def _image_units(vision: dict[str, Any], side: int) -> int:
    layers, patch = vision.get("layers"), vision.get("patch_size")
    if not isinstance(layers, int) or not isinstance(patch, int):
        return 0
    return layers * int(vision.get("width", 768)) * ((side // patch) ** 2 + 1)
