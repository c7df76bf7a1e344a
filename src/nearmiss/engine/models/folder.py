"""A checkpoint folder that somebody gives (`local-dir:`): its configuration and which of its files are the weights.

A folder says everything by itself. A configuration that names something on the hub, or that is no configuration of a
model that open_clip builds, is refused before open_clip or transformers sees it, so nothing is fetched for a folder.
"""

import json
import math
from dataclasses import fields
from pathlib import Path
from typing import Any

import timm
from open_clip.model import CLIPTextCfg, CLIPVisionCfg
from pydantic import TypeAdapter, ValidationError

import nearmiss.engine.models  # noqa: F401  (registers our towers)
from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.engine.formats.checkpoint import CONFIG, TEXT_CONFIG, TOKENIZER_FILES, WEIGHTS
from nearmiss.engine.models.hugging_face_text import HF_CONFIG, text_configuration

FUSION_CONFIG, FUSION_WEIGHTS = "fusion_config.json", "fusion.safetensors"
PREFERRED = (
    WEIGHTS,
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
    "open_clip_pytorch_model.pth",
    "model.safetensors",
    "pytorch_model.bin",
    "pytorch_model.pth",
    "model.pth",
)
"""Names of weights in the order in which open_clip takes them."""
_SUFFIXES = (".safetensors", ".bin", ".pth")  # of other names that open_clip takes
_TOKENIZER_OPTIONS = ("clean", "strip_sep_token")  # of open_clip's own; others would reach transformers

_LARGEST = {"layers": 1024, "image_size": 8192, "context_length": 8192, "vocab_size": 2**24}
_LARGEST_OTHER = 2**16  # of widths, heads and sizes
_FREE = ("pad_id", "eos_id")  # token ids, which may be 0
_OPTIONS = ("quick_gelu", "custom_text", "output_dict", "nonscalar_logit_scale")
_NUMBERS = ("init_logit_scale", "init_logit_bias")
_TOWERS = {"vision_cfg": CLIPVisionCfg, "text_cfg": CLIPTextCfg}
_INTERPOLATIONS, _RESIZE_MODES = ("bicubic", "bilinear", "random"), ("shortest", "longest", "squash")


def folder_configuration(folder: Path) -> dict[str, Any]:
    """The content of a folder's `open_clip_config.json`, checked, and under `HF_CONFIG` that of a text model, if any.

    Raises InputError where there is none, where it does not describe a model (`check_configuration`), where its image
    size is not the one that its preprocessing gives, or where something would have to be fetched from the hub.
    """
    folder = Path(folder)
    file = folder / CONFIG
    if not file.is_file():
        raise InputError(
            "this is no checkpoint folder", file=folder, record=CONFIG, remedy="correct the path after local-dir:"
        )
    found = read_json(file)
    check_configuration(found, file=file)
    _check_local(found["model_cfg"], folder, file)
    size = found.get("preprocess_cfg", {}).get("size")
    image = found["model_cfg"]["vision_cfg"].get("image_size", CLIPVisionCfg.image_size)
    if size is not None and _pair(size) != _pair(image):
        raise _wrong(f"the preprocessing gives images of {size} pixels, the model sees {image}", "preprocess_cfg", file)
    if found["model_cfg"]["text_cfg"].get("hf_model_name") is not None:
        return {**found, HF_CONFIG: text_configuration(folder)}
    return dict(found)


def check_configuration(found: Any, *, file: Path | None, origin: str | None = None) -> None:
    """Raise InputError where something is not the content of an `open_clip_config.json` of a dual encoder.

    Keys and types are open_clip's own; sizes are bounded, so that a wrong digit does not take all memory. `origin` is
    named in messages where there is no file.
    """
    given_as = origin if file is None else file
    if not isinstance(found, dict) or not isinstance(found.get("model_cfg"), dict):
        raise _wrong("the checkpoint's configuration lacks 'model_cfg'", "model_cfg", given_as)
    model, preprocessing = found["model_cfg"], found.get("preprocess_cfg", {})
    if not isinstance(preprocessing, dict):
        raise _wrong("the checkpoint's configuration lacks 'preprocess_cfg'", "preprocess_cfg", given_as)
    if "multimodal_cfg" in model:
        raise _wrong("a captioning model (CoCa) has a third tower, which is not used here", "multimodal_cfg", given_as)
    for name, tower in _TOWERS.items():
        if not isinstance(model.get(name), dict):
            kind = "image" if name == "vision_cfg" else "text"
            raise _wrong(f"the checkpoint has no {kind} tower", name, given_as)
        _check_tower(model[name], tower, name, given_as)
    if not _is_size(model.get("embed_dim"), _LARGEST_OTHER):
        raise _wrong(f"embed_dim is {model.get('embed_dim')!r}, not a dimension", "embed_dim", given_as)
    for key, value in model.items():
        if key in ("embed_dim", *_TOWERS) or (key in _OPTIONS and isinstance(value, bool)):
            continue
        if key not in _NUMBERS or not (value is None or _is_number(value)):
            raise _wrong(f"{key}: {value!r} is no option of a model", key, given_as)
    _check_preprocessing(preprocessing, given_as)


def folder_weights(folder: Path) -> Path:
    """The file of a folder's weights: open_clip's own choice, where it is a choice by name.

    Raises InputError where there is none (open_clip would draw random weights), and where several files of other names
    could be the weights.
    """
    folder = Path(folder)
    there = sorted(
        file for file in folder.iterdir() if file.suffix in _SUFFIXES and file.name != FUSION_WEIGHTS and file.is_file()
    )
    preferred = sorted((file for file in there if file.name in PREFERRED), key=lambda file: PREFERRED.index(file.name))
    if preferred:
        return preferred[0]
    safe = [file for file in there if file.suffix == _SUFFIXES[0]] or there
    if len(safe) != 1:
        several = f"several files could be the weights: {', '.join(file.name for file in safe)}"
        raise InputError(
            several if safe else "the folder has no weights",
            file=folder,
            remedy=f"put the weights there as {PREFERRED[0]}, or under another name that open_clip reads "
            f"(*{', *'.join(_SUFFIXES)})",
        )
    return safe[0]


def _wrong(problem: str, key: str, file: Path | str | None) -> InputError:
    return InputError(problem, file=file, record=key, remedy=f"correct {CONFIG}, or restore the folder from its source")


def _check_tower(given: dict[str, Any], tower: type, name: str, file: Path | str | None) -> None:
    """Keys and types as open_clip declares them, and sizes that a model can have."""
    known = {field.name for field in fields(tower)}
    unknown = sorted(given.keys() - known)
    if unknown:
        raise _wrong(f"open_clip has no option {', '.join(unknown)} of a tower", f"{name}.{unknown[0]}", file)
    kept = {key: value for key, value in given.items() if value is not None}
    try:
        TypeAdapter(tower).validate_json(json.dumps(kept), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        key = f"{name}.{first['loc'][0]}"
        raise _wrong(f"{key} is {first['input']!r}: {first['msg']}", key, file) from None
    for key, value in kept.items():
        for number in value if isinstance(value, list) else (value,):
            if isinstance(number, float) and not (math.isfinite(number) and abs(number) <= _LARGEST_OTHER):
                raise _wrong(f"{name}.{key} is {value!r}", f"{name}.{key}", file)
            if type(number) is int and key not in _FREE and not _is_size(number, _LARGEST.get(key, _LARGEST_OTHER)):
                raise _wrong(f"{name}.{key} is {value!r}, not a size that a model has", f"{name}.{key}", file)


def _check_local(model: dict[str, Any], folder: Path, file: Path) -> None:
    """Raise InputError where a tower or a tokenizer would be taken from elsewhere."""
    text, trunk = model["text_cfg"], model["vision_cfg"].get("timm_model_name")
    if text.get("hf_model_name") is not None and not (folder / TEXT_CONFIG).is_file():
        raise InputError(
            f"the text tower is built from a configuration on the hub, '{text['hf_model_name']}'",
            file=file,
            record="text_cfg.hf_model_name",
            remedy=f"nothing is fetched for a folder: put the text model's {TEXT_CONFIG} there, or name the model as "
            "open_clip does and give its weights with --pretrained, or name it on the hub (hf-hub:ORGANIZATION/NAME)",
        )
    if trunk is not None and (set(":/\\") & set(trunk) or not timm.is_model(trunk.partition(".")[0])):
        raise InputError(
            f"timm has no image tower '{trunk}' of its own",
            file=file,
            record="vision_cfg.timm_model_name",
            remedy="nothing is fetched for a folder: name one of timm.list_models()",
        )
    words = text.get("hf_tokenizer_name")
    if words is not None and not any((folder / name).is_file() for name in TOKENIZER_FILES):
        raise InputError(
            f"the tokenizer '{words}' is not in the folder",
            file=folder,
            record="text_cfg.hf_tokenizer_name",
            remedy=f"nothing is fetched for a folder: put the tokenizer's files there ({', '.join(TOKENIZER_FILES)})",
        )
    options = sorted((text.get("tokenizer_kwargs") or {}).keys() - set(_TOKENIZER_OPTIONS))
    if options:
        raise _wrong(f"no option of a tokenizer: {', '.join(options)}", "text_cfg.tokenizer_kwargs", file)


def _check_preprocessing(given: dict[str, Any], file: Path | str | None) -> None:
    """What open_clip checks by assertions, or not at all."""
    right = {
        "size": lambda value: all(_is_size(side, _LARGEST["image_size"]) for side in _pair(value)),
        "mode": lambda value: value == "RGB",
        "mean": lambda value: _are_numbers(value, 3),
        "std": lambda value: _are_numbers(value, 3) and all(each > 0 for each in value),
        "interpolation": lambda value: value in _INTERPOLATIONS,
        "resize_mode": lambda value: value in _RESIZE_MODES,
        "fill_color": lambda value: type(value) is int and 0 <= value <= 255,
    }
    for key, value in given.items():
        if key in right and value is not None and not right[key](value):
            raise _wrong(f"preprocess_cfg.{key} is {value!r}", f"preprocess_cfg.{key}", file)


def _pair(size: Any) -> tuple[Any, ...]:
    return tuple(size) if isinstance(size, list | tuple) and len(size) == 2 else (size, size)


def _is_size(value: Any, largest: int) -> bool:
    return type(value) is int and 1 <= value <= largest


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= _LARGEST_OTHER


def _are_numbers(value: Any, count: int) -> bool:
    return isinstance(value, list | tuple) and len(value) == count and all(map(_is_number, value))
