"""Models that open_clip knows: by name with a tag or a file of weights, from a folder (`local-dir:`) or from the hub.

What is kept of one is the content of `open_clip_config.json`, so that a checkpoint says by itself how its pictures are
cut and which activation its weights were trained with (QuickGELU or GELU: the wrong one costs points and says nothing).
"""

import difflib
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import open_clip
from open_clip.factory import _get_hf_config, parse_model_name
from open_clip.pretrained import download_pretrained, download_pretrained_from_hf
from open_clip.transform import PreprocessCfg, merge_preprocess_dict

from nearmiss.base.errors import InputError
from nearmiss.base.files import sha256
from nearmiss.engine.models.checkpoint import model_with_weights
from nearmiss.engine.models.folder import check_configuration, folder_configuration, folder_weights
from nearmiss.engine.models.weights import in_one_line


def configuration_of(name: str, pretrained: str | None) -> dict[str, Any]:
    """`model_cfg` and `preprocess_cfg` of a model with these weights; nothing but a hub's configuration is downloaded.

    Raises InputError where there is no such model or tag, or where the tag's weights need the other activation.
    """
    kind, place = parse_model_name(name)
    if kind is not None:
        if pretrained is not None:
            raise InputError(
                "a folder or a hub's model has weights of its own",
                record=f"pretrained: {pretrained}",
                remedy="leave pretrain.model.pretrained out",
            )
        return _completed(folder_configuration(Path(place)) if kind == "local-dir" else _of_hub(place), {})
    model = open_clip.get_model_config(name)
    if model is None:
        near = difflib.get_close_matches(name, open_clip.list_models(), n=3, cutoff=0.5)
        raise InputError(
            f"open_clip has no model '{name}'",
            record="pretrain.model.name",
            remedy=f"take one of open_clip.list_models(), such as {', '.join(near or open_clip.list_models()[:3])}",
        )
    tag = _tag(name, pretrained)
    quick = bool(model.get("quick_gelu", False))
    if tag is not None and bool(tag.get("quick_gelu", False)) is not quick:
        theirs, ours = ("GELU", "QuickGELU") if quick else ("QuickGELU", "GELU")
        other = name.removesuffix("-quickgelu") if quick else f"{name}-quickgelu"
        raise InputError(
            f"the weights '{pretrained}' were trained with {theirs}, the model '{name}' computes {ours}",
            record="pretrain.model.name",
            remedy=f"name the model {other}",
        )
    return _completed({"model_cfg": model}, tag or {})


def pretrained_model(
    config: dict[str, Any], name: str, pretrained: str | None, seed: int, digest: str | None = None
) -> Any:
    """A model of a configuration (`configuration_of`'s) with the weights that its name stands for.

    They are read from a file, or downloaded first where they are a tag's or a hub's. Raises InputError where weights
    cannot be had, are damaged, of another architecture, or hold more than tensors, and where `digest` is given and the
    file's SHA-256 is another.
    """
    file = weights_file(name, pretrained) or _downloaded(name, pretrained)
    if digest is not None and sha256(file) != digest:
        raise InputError(
            "the weights are not those that the configuration names",
            file=file,
            record=f"sha256: {digest}",
            remedy="restore the file, or correct pretrain.model.sha256",
        )
    return model_with_weights(config, seed, name, file)


def weights_file(name: str, pretrained: str | None) -> Path | None:
    """The file of weights on this machine that a model is read from; None for random ones, tags and hubs.

    Raises InputError where a local folder has none.
    """
    kind, place = parse_model_name(name)
    if kind == "local-dir":
        return folder_weights(Path(place))
    return Path(pretrained) if pretrained is not None and kind is None and _is_file(pretrained) else None


def _downloaded(name: str, pretrained: str | None) -> Path:
    """The file that a tag or a hub's model stands for, in the hub's cache."""
    kind, place = parse_model_name(name)
    try:
        if kind == "hf-hub":
            return Path(download_pretrained_from_hf(place))
        return Path(download_pretrained(open_clip.get_pretrained_cfg(name, pretrained)))
    except Exception as error:  # whatever the network and the hub raise
        raise InputError(
            f"the model's weights cannot be had: {in_one_line(error)}",
            record=f"{name}, pretrained: {pretrained}",
            remedy="connect to the hub, or give a file of weights",
        ) from None


def _tag(name: str, pretrained: str | None) -> dict[str, Any] | None:
    """What open_clip knows of a tag; None for a file or no weights."""
    if pretrained is None or _is_file(pretrained):
        return None
    tag = open_clip.get_pretrained_cfg(name, pretrained)
    if not tag:
        known = open_clip.list_pretrained_tags_by_model(name)
        raise InputError(
            f"'{pretrained}' is neither a file nor a tag of '{name}'",
            record="pretrain.model.pretrained",
            remedy=f"give a file, or one of: {', '.join(known) or 'no tag exists'}",
        )
    return dict(tag)


def _is_file(pretrained: str) -> bool:
    return Path(pretrained).is_file()


def _of_hub(place: str) -> dict[str, Any]:
    try:
        found = _get_hf_config(place)
    except Exception as error:  # whatever the network and the hub raise
        raise InputError(
            f"the hub does not give the model's configuration: {in_one_line(error)}",
            record=place,
            remedy="connect to the hub, or give a folder with local-dir:",
        ) from None
    check_configuration(found, file=None, place=f"hf-hub:{place}")
    return dict(found)


def _completed(found: dict[str, Any], tag: dict[str, Any]) -> dict[str, Any]:
    """The configuration with every preprocessing key written out and no tower that would load weights by itself."""
    model = deepcopy(found["model_cfg"])
    vision = model["vision_cfg"]
    if "timm_model_name" in vision:
        vision["timm_model_pretrained"] = False
    if "hf_model_name" in model["text_cfg"]:
        model["text_cfg"]["hf_model_pretrained"] = False
    given = merge_preprocess_dict(asdict(PreprocessCfg()), found.get("preprocess_cfg", {}))
    cut = merge_preprocess_dict(given, tag)
    if "size" not in found.get("preprocess_cfg", {}):
        cut["size"] = vision.get("image_size", 224)
    for key, value in cut.items():
        cut[key] = list(value) if isinstance(value, tuple) else value
    return {"model_cfg": model, "preprocess_cfg": cut}
