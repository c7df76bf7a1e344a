"""What a model computes, counted on a copy without weights; nothing is downloaded."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nearmiss.base.errors import InputError
from nearmiss.base.files import write_json
from nearmiss.plan.data_files import data_sizes
from nearmiss.stages.pretrain.config import AnyModelConfig, FusionConfig, OpenClipConfig, TwoTowerConfig

_FLOAT16 = 2  # bytes of a cached feature
_WORDS = 2000  # words of a small model, before the captions are known


@dataclass(frozen=True)
class CachedCost:
    """What a training computes behind cached features of frozen parts."""

    image_flops: int
    token_flops: float
    image_bytes: int
    """Bytes of the features of an image; 0 where the image tower has no cached part."""
    token_bytes: int


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
    whole_texts: bool = False
    """Whether texts that begin alike are each computed whole."""
    cached: CachedCost | None = None

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


def model_cost(model: AnyModelConfig, frozen: Sequence[str] = ()) -> ModelCost | None:
    """The cost of a model; None for one with a part on the hub, whose configuration would be downloaded.

    `frozen` are the parts whose features are cached.
    """
    if not isinstance(model, TwoTowerConfig):
        return _model_cost(model, frozen, None)
    with _text_folder(model.text.name) as folder:
        return None if folder is None else _model_cost(model, frozen, folder)


@contextmanager
def _text_folder(name: str) -> Iterator[str | None]:
    """The folder of a text model, a temporary one of a model whose configuration is known; None for any other."""
    known = data_sizes().text_models.get(name)
    if Path(name).is_dir() or known is None:
        yield name if Path(name).is_dir() else None
        return
    with TemporaryDirectory() as folder:
        write_json(Path(folder) / "config.json", known)
        yield folder


def _model_cost(model: AnyModelConfig, frozen: Sequence[str], text_folder: str | None) -> ModelCost | None:
    """`text_folder` is that of a model of two towers."""
    import torch

    from nearmiss.engine.models.architecture import configuration_of
    from nearmiss.engine.models.checkpoint import configuration, fresh_model
    from nearmiss.engine.models.text import has_token_features, packable, padded_flops, token_width
    from nearmiss.engine.models.two_towers import two_tower_configuration
    from nearmiss.engine.training.flops import image_flops

    if isinstance(model, OpenClipConfig) and model.name.startswith("hf-hub:"):
        return None
    if isinstance(model, TwoTowerConfig):
        own = {**model.text.model_dump(), "name": text_folder, "pooling": model.text.pooling or "mean"}
        config = two_tower_configuration(model.image.model_dump(), own, model.embed_dim)
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
            text_width=token_width(built) if has_token_features(built) else 0,
            whole_texts=not packable(built),
            cached=_cached(built, frozen, side, context) if frozen else None,
        )


def _cached(built: Any, frozen: Sequence[str], side: int, context: int) -> CachedCost:
    from nearmiss.engine.models.frozen_parts import cut_of, feature_shape
    from nearmiss.engine.models.text import padded_flops, text_tower
    from nearmiss.engine.training.flops import embedding_flops, image_flops

    cut = cut_of(built, frozen)
    shape = None if cut.image is None else feature_shape(built, cut, side)
    return CachedCost(
        image_flops=image_flops(built, side) if shape is None else embedding_flops(built, cut, shape),
        token_flops=padded_flops(built, 1, context, skipped=cut.layers or 0) / context,
        image_bytes=0 if shape is None else _FLOAT16 * prod(shape),
        token_bytes=0 if cut.layers is None else _FLOAT16 * int(text_tower(built).config.hidden_size),
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
