"""Checkpoint folders: open_clip's configuration, weights as safetensors, tokenizer files. open_clip opens them as
`local-dir:FOLDER` once this package has been imported."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip import CLIP, CustomTextCLIP
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from tokenizers import Tokenizer

import nearmiss.engine.models  # noqa: F401  (registers our towers)
from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, replacing, write_json
from nearmiss.base.seeding import derive
from nearmiss.engine.models.preprocessing import preprocessing
from nearmiss.engine.models.tokenizer import FILES as TOKENIZER_FILES
from nearmiss.engine.models.tokenizer import NAME, save_tokenizer

CONFIG, WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"
FILES = (CONFIG, WEIGHTS, *TOKENIZER_FILES)


def configuration(
    *,
    image_tower: str,
    image_size: int,
    embed_dim: int,
    text_width: int,
    text_layers: int,
    text_heads: int,
    context_length: int,
    vocabulary: int,
) -> dict[str, Any]:
    """The content of `open_clip_config.json` for a CLIP with one of our towers and `vocabulary` tokens."""
    return {
        "model_cfg": {
            "embed_dim": embed_dim,
            "vision_cfg": {
                "image_size": image_size,
                "timm_model_name": image_tower,
                "timm_model_pretrained": False,
                "timm_pool": "",  # the tower reads out by itself
                "timm_proj": "",
            },
            "text_cfg": {
                "context_length": context_length,
                "vocab_size": vocabulary,
                "width": text_width,
                "heads": text_heads,
                "layers": text_layers,
                "hf_tokenizer_name": NAME,
            },
        },
        "preprocess_cfg": preprocessing(image_size),
    }


def fresh_model(config: dict[str, Any], seed: int) -> Any:
    """A model with random weights that depend on the configuration (`configuration`'s) and the seed alone.

    A CLIP, or the CustomTextCLIP that open_clip makes of such a configuration. Raises ValueError for another kind.
    """
    given = deepcopy(config["model_cfg"])
    if "multimodal_cfg" in given:
        raise ValueError("a captioning model (CoCa) has a third tower, which is not trained here")
    custom = given.pop("custom_text", False) or "hf_model_name" in given["text_cfg"]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "models", "weights"))
        return (CustomTextCLIP if custom else CLIP)(**given)


def files_of(config: dict[str, Any]) -> tuple[str, ...]:
    """The files of a checkpoint folder: with CLIP's own words it needs no tokenizer files."""
    words = config.get("model_cfg", {}).get("text_cfg", {})
    return FILES if "hf_tokenizer_name" in words else (CONFIG, WEIGHTS)


def save_checkpoint(folder: Path, model: Any, config: dict[str, Any], tokenizer: Tokenizer | None) -> None:
    """Write a checkpoint folder; equal weights give equal bytes. `tokenizer` is one of ours, or None."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    write_json(folder / CONFIG, config)
    with replacing(folder / WEIGHTS) as partial:
        partial.write_bytes(save(weights))
    if tokenizer is not None:
        save_tokenizer(tokenizer, folder, config["model_cfg"]["text_cfg"]["context_length"])


def check_checkpoint(folder: Path, config: dict[str, Any]) -> None:
    """Raise InputError where a folder is no checkpoint of a model with this configuration."""
    folder = Path(folder)
    missing = [name for name in files_of(config) if not (folder / name).is_file()]
    if missing:
        raise InputError(
            f"this is no checkpoint folder: {', '.join(missing)} missing",
            file=folder,
            remedy="train the base first, or correct the path",
        )
    found = read_json(folder / CONFIG)
    for part in ("model_cfg", "preprocess_cfg"):
        for key, value in config[part].items():
            if found.get(part, {}).get(key) != value:
                raise InputError(
                    f"the checkpoint's model is another: {key} is {found.get(part, {}).get(key)}, not {value}",
                    file=folder / CONFIG,
                    record=f"{part}.{key}",
                    remedy="train the base again with this configuration and these words",
                )


def load_weights(folder: Path, model: Any) -> None:
    """Put a checkpoint folder's weights into a model of the same configuration."""
    file = Path(folder) / WEIGHTS
    try:
        model.load_state_dict(load_file(file))
    except (SafetensorError, RuntimeError, OSError) as error:
        raise InputError(f"the weights do not load: {error}", file=file, remedy="train the checkpoint again") from None


def open_checkpoint(folder: Path) -> Any:
    """Model, preprocessing and tokenizer of a checkpoint folder, opened by open_clip itself."""
    name = f"local-dir:{Path(folder)}"
    model, _, transform = open_clip.create_model_and_transforms(name)
    return model, transform, open_clip.get_tokenizer(name)
