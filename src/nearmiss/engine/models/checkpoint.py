"""Checkpoint folders: open_clip's configuration, weights as safetensors, tokenizer files. open_clip opens them as
`local-dir:FOLDER` once this package has been imported."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from open_clip import CLIP, CustomTextCLIP
from open_clip.transform import PreprocessCfg, image_transform_v2, merge_preprocess_dict
from safetensors.torch import save
from tokenizers import Tokenizer

import nearmiss.engine.models  # noqa: F401  (registers our towers)
from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, replacing, write_json
from nearmiss.base.seeding import derive
from nearmiss.engine.formats.checkpoint import CONFIG, TEXT_CONFIG, WEIGHTS, checkpoint_files
from nearmiss.engine.models import weights
from nearmiss.engine.models.folder import folder_configuration, folder_weights
from nearmiss.engine.models.hugging_face_text import HF_CONFIG
from nearmiss.engine.models.library_errors import as_input_error
from nearmiss.engine.models.preprocessing import preprocessing
from nearmiss.engine.models.tokenization import NAME, local_tokenizer, save_tokenizer


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
    """A model with random weights that depend on the configuration (`configuration`'s) and the seed only.

    A CLIP, or the CustomTextCLIP that open_clip makes of such a configuration. Raises ValueError for another kind.
    """
    given = deepcopy(config["model_cfg"])
    if "multimodal_cfg" in given:
        raise ValueError("a captioning model (CoCa) has a third tower, which is not trained here")
    custom = given.pop("custom_text", False) or "hf_model_name" in given["text_cfg"]
    with torch.random.fork_rng(devices=[]), _text_config_in_a_folder(config, given["text_cfg"]):
        torch.manual_seed(derive(seed, "models", "weights"))
        return (CustomTextCLIP if custom else CLIP)(**given)


@contextmanager
def _text_config_in_a_folder(config: dict[str, Any], text_cfg: dict[str, Any]) -> Iterator[None]:
    """Lets `text_cfg` name a folder with the text model's configuration while open_clip builds it, if it has one."""
    if HF_CONFIG not in config:
        yield
        return
    with TemporaryDirectory() as folder:
        write_json(Path(folder) / TEXT_CONFIG, config[HF_CONFIG])
        text_cfg |= {"hf_model_name": folder, "hf_model_pretrained": False}
        yield


def files_of(config: dict[str, Any]) -> tuple[str, ...]:
    """The files of a checkpoint folder: with CLIP's own words it needs no tokenizer files."""
    words = config.get("model_cfg", {}).get("text_cfg", {})
    return checkpoint_files(tokenizer="hf_tokenizer_name" in words, text_config=HF_CONFIG in config)


def save_checkpoint(folder: Path, model: Any, config: dict[str, Any], tokenizer: Tokenizer | None) -> None:
    """Write a checkpoint folder; equal weights give equal bytes. `tokenizer` is one of ours, or None."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    write_json(folder / CONFIG, {key: value for key, value in config.items() if key != HF_CONFIG})
    if HF_CONFIG in config:
        write_json(folder / TEXT_CONFIG, config[HF_CONFIG])
    with replacing(folder / WEIGHTS) as partial:
        partial.write_bytes(save(tensors))
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
    if HF_CONFIG in config and read_json(folder / TEXT_CONFIG) != config[HF_CONFIG]:
        raise InputError(
            "the checkpoint's text model is another",
            file=folder / TEXT_CONFIG,
            remedy="train the base again with this configuration",
        )


def load_weights(folder: Path, model: Any) -> None:
    """Put a checkpoint folder's weights into a model of the same configuration.

    Raises InputError where the file is damaged or does not fit (weights.py).
    """
    weights.load_weights(Path(folder) / WEIGHTS, model, remedy="train the checkpoint again")


def built_model(config: dict[str, Any], seed: int, name: str) -> Any:
    """`fresh_model` of a configuration that is not ours. Raises InputError where open_clip does not build it."""
    remedy = "take another model, or correct its configuration"
    with as_input_error("the model cannot be built", record=name, remedy=remedy):
        return fresh_model(config, seed)


def model_with_weights(config: dict[str, Any], seed: int, name: str, file: Path) -> Any:
    """`built_model` with a file's weights, which are compared with its outline before memory is taken for the model.

    Raises InputError where the model cannot be built, and as weights.py does.
    """
    file = Path(file)
    try:
        with torch.device("meta"):
            outline = built_model(config, seed, name)
    except InputError:  # some towers compute while they are built; any other reason is met again below
        outline = None
    if outline is None or file.suffix in (".npz", ".npy"):
        model = built_model(config, seed, name)
        weights.load_weights(file, model)
        return model
    fitted = weights.fitted(weights.read_weights(file), outline, file)
    model = built_model(config, seed, name)
    model.load_state_dict(fitted)
    return model


def open_checkpoint(folder: Path, *, device: str = "cpu") -> Any:
    """Model, preprocessing and tokenizer of a checkpoint folder, as open_clip opens it, but nothing is fetched.

    Raises InputError as folder.py and weights.py do, and where the tokenizer does not open.
    """
    folder = Path(folder)
    config = folder_configuration(folder)
    config["model_cfg"]["vision_cfg"].pop("timm_model_pretrained", None)
    model = model_with_weights(config, 0, f"local-dir:{folder}", folder_weights(folder)).to(device)
    cut = merge_preprocess_dict(PreprocessCfg(), config.get("preprocess_cfg", {})) | {"size": model.visual.image_size}
    transform = image_transform_v2(PreprocessCfg(**cut), is_train=False)
    return model, transform, local_tokenizer(folder, config["model_cfg"]["text_cfg"])
