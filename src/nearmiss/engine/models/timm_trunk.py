"""Image towers of timm: the preprocessing that their weights were trained with, and the weights of a trunk."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import timm
from huggingface_hub import hf_hub_download
from timm.models import get_pretrained_cfg
from torch import nn

from nearmiss.base.errors import InputError
from nearmiss.engine.models.folder import folder_weights
from nearmiss.engine.models.library_errors import as_input_error
from nearmiss.engine.models.weight_layouts import names_of_timm
from nearmiss.engine.models.weights import fitted, read_weights

ATTENTION_POOLING = ("abs_attn", "rot_attn")
_HEAD_WIDTH = 64  # channels of a head of timm's attention pooling
_HUB_FILE = "model.safetensors"
_KEY = "pretrain.model.image"
_INTERPOLATIONS = ("bicubic", "bilinear")


def vision_configuration(image: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """`vision_cfg` and `preprocess_cfg` of open_clip for the options of an image tower; nothing is downloaded.

    Raises InputError where timm has no such model, and where its features do not fit the pooling or the size.
    """
    name, pooling = image["name"], image["pooling"]
    if not timm.is_model(name.partition(".")[0]) or set(":/\\") & set(name):
        close = timm.list_models(f"*{name.partition('.')[0][:8]}*")[:3]
        raise InputError(
            f"timm has no model '{name}'",
            record=f"{_KEY}.name",
            remedy=f"take one of timm.list_models(), such as {', '.join(close or timm.list_models()[:3])}",
        )
    known = get_pretrained_cfg(name)
    given = known.to_dict() if known is not None else {}
    if pooling in ATTENTION_POOLING and not given.get("pool_size"):
        raise InputError(
            f"'{name}' has no feature grid, which attention pooling needs",
            record=f"{_KEY}.pooling",
            remedy="use a pooling of the timm model, such as avg or token",
        )
    default = int(given.get("input_size", (3, 224, 224))[-1])
    size = image["image_size"] or default
    if given.get("fixed_input_size") and size != default:
        raise InputError(
            f"'{name}' sees images of {default} pixels only",
            record=f"{_KEY}.image_size",
            remedy=f"leave it out, or set it to {default}",
        )
    projection = image["projection"] or ("" if pooling in ATTENTION_POOLING else "linear")
    vision = {
        "image_size": size,
        "timm_model_name": name,
        "timm_model_pretrained": False,
        "timm_pool": pooling,
        "timm_proj": projection,
    }
    interpolation = given.get("interpolation", "bicubic")
    preprocessing = {
        "size": size,
        "mode": "RGB",
        "mean": list(given.get("mean", (0.485, 0.456, 0.406))),
        "std": list(given.get("std", (0.229, 0.224, 0.225))),
        "interpolation": interpolation if interpolation in _INTERPOLATIONS else "bicubic",
        "resize_mode": image["resize_mode"],
        "fill_color": 0,
    }
    return vision, preprocessing


def check_heads(name: str, channels: int, pooling: str) -> None:
    """Raise InputError where attention pooling cannot divide a trunk's channels into heads."""
    if pooling in ATTENTION_POOLING and channels % _HEAD_WIDTH:
        raise InputError(
            f"'{name}' has {channels} channels, which attention pooling cannot divide into heads of {_HEAD_WIDTH}",
            record=f"{_KEY}.pooling",
            remedy="use avg, or another model",
        )


def local_trunk_weights(weights: str) -> Path | None:
    """The file of a trunk's weights on this machine; None for a repository of the hub.

    Raises InputError where a folder has none.
    """
    place = Path(weights)
    if place.is_dir():
        return folder_weights(place)
    return place if place.is_file() else None


def trunk_weights(weights: str) -> Path:
    """The file of a trunk's weights, downloaded where it is the hub's. Raises InputError where it cannot be had."""
    found = local_trunk_weights(weights)
    if found is not None:
        return found
    with as_input_error(
        f"'{weights}' is no file and no folder, and the hub does not give it",
        record=f"{_KEY}.weights",
        remedy="correct the path, or connect to the hub",
    ):
        return Path(hf_hub_download(weights, _HUB_FILE))


def fitted_trunk_weights(file: Path, trunk: nn.Module) -> dict[str, Any]:
    """A file's weights under the names of a trunk, whose classifier is left out; see weight_layouts.py.

    Raises InputError as `fitted` does; `trunk` may be on the meta device.
    """
    expected = trunk.state_dict()
    classifiers = getattr(trunk, "default_cfg", {}).get("classifier") or ()
    heads = tuple(f"{name}." for name in ([classifiers] if isinstance(classifiers, str) else classifiers))
    found = names_of_timm(read_weights(file), expected)
    kept = {name: value for name, value in found.items() if name in expected or not name.startswith(heads)}
    remedy = "give weights of this timm model, or name the model that they belong to"
    return fitted(kept, trunk, file, remedy=remedy)
