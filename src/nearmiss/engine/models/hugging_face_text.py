"""Text towers of Hugging Face transformers: their folder, configuration, pooling rule, tokenizer and weights.

open_clip builds such a tower from the model's `config.json` (`text_cfg.hf_model_name`) and computes a pooling and a
projection over it. Supported are encoders whose architecture open_clip supports (`MODEL_TYPES`).
"""

from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from open_clip.tokenizer import HFTokenizer
from tokenizers import Tokenizer
from torch import nn

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.engine.formats.checkpoint import TEXT_CONFIG, TOKENIZER_FILES
from nearmiss.engine.models.library_errors import as_input_error
from nearmiss.engine.models.tokenization import Tokenization
from nearmiss.engine.models.weights import fitted, read_weights

HF_CONFIG = "hf_config"
"""The key of a text model's configuration, the content of `config.json`, in a configuration in memory."""
MODEL_TYPES = ("bert", "roberta", "xlm-roberta")
POOLERS = {"mean": "mean_pooler", "cls": "cls_last_hidden_state_pooler", "cls_pooler": "cls_pooler"}
"""open_clip's names of the poolings."""
POOLING_RULE = "1_Pooling/config.json"
"""Where sentence-transformers keeps the pooling of a model."""
THIS_FOLDER = "."
"""`hf_model_name` of a checkpoint whose text model was a folder: the checkpoint folder, which holds a copy of its
configuration. Plain open_clip reads it relative to the current directory."""
WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
_FILES = [TEXT_CONFIG, "*token*", "vocab*", "merges.txt", "*.model", POOLING_RULE]
_LARGEST = {"num_hidden_layers": 1024, "hidden_size": 2**16, "intermediate_size": 2**18, "vocab_size": 2**24}
_SIZES = (*_LARGEST, "num_attention_heads", "max_position_embeddings")
_LEFT_OUT = ("_name_or_path", "torch_dtype", "auto_map", "quantization_config")  # of config.json
_HEADS = ("cls.", "lm_head.", "pooler.", "classifier.", "qa_outputs.")  # of pretraining tasks, not part of a tower


def text_folder(name: str, *, weights: bool = False) -> Path:
    """The folder of a text model: `name` itself, or the hub's repository of that name, which is downloaded.

    Only the configuration and the tokenizer are downloaded, and the weights on request. Raises InputError where it
    cannot be had.
    """
    if Path(name).is_dir():
        return Path(name)
    with as_input_error(
        f"'{name}' is no folder, and the hub does not give a model of this name",
        record="pretrain.model.text.name",
        remedy="correct the path, or connect to the hub",
    ):
        return Path(snapshot_download(name, allow_patterns=[*_FILES, *(WEIGHT_FILES[:1] if weights else ())]))


def text_weights(folder: Path) -> Path:
    """The weight file of a text model's folder. Raises InputError where there is none."""
    found = next((folder / name for name in WEIGHT_FILES if (folder / name).is_file()), None)
    if found is None:
        raise InputError(
            "the text model has no weights", file=folder, remedy=f"put them there as {' or '.join(WEIGHT_FILES)}"
        )
    return found


def text_configuration(folder: Path) -> dict[str, Any]:
    """The content of a folder's `config.json`, without dropout and in float32.

    Dropout is 0 because a training must give the same result after an interruption (our choice). Raises InputError
    where the file is missing, or describes a model that is not supported or has no possible size.
    """
    file = Path(folder) / TEXT_CONFIG
    if not file.is_file():
        raise InputError(
            "the folder has no configuration of a text model", file=file, remedy="correct the path of the text model"
        )
    found = read_json(file)
    kind = found.get("model_type") if isinstance(found, dict) else None
    if kind not in MODEL_TYPES:
        raise InputError(
            f"a text tower of model type {kind!r} is not supported",
            file=file,
            record="model_type",
            remedy=f"use a model of type {', '.join(MODEL_TYPES)}",
        )
    for name in _SIZES:
        size = found.get(name)
        if type(size) is not int or not 1 <= size <= _LARGEST.get(name, 2**16):
            raise InputError(f"{name} is {size!r}, not a size that a model has", file=file, record=name)
    kept = {name: value for name, value in found.items() if name not in _LEFT_OUT}
    zero = {name: 0.0 for name, value in kept.items() if "dropout" in name and isinstance(value, int | float)}
    return {**kept, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, **zero, "dtype": "float32"}


def pooling_of(folder: Path, pooling: str | None) -> str:
    """open_clip's name of a pooling; by default that of the folder's own rule. InputError where it has none."""
    if pooling is not None:
        return POOLERS[pooling]
    file = Path(folder) / POOLING_RULE
    rule = read_json(file) if file.is_file() else {}
    known = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}
    modes = [name for name, value in rule.items() if name.startswith("pooling_mode") and value is True]
    if len(modes) != 1 or modes[0] not in known:
        raise InputError(
            f"the text model pools by {' and '.join(modes)}" if modes else "the text model has no pooling rule",
            file=file,
            record="pretrain.model.text.pooling",
            remedy="set pretrain.model.text.pooling to mean, cls or cls_pooler",
        )
    return POOLERS[known[modes[0]]]


def text_tokenizer(folder: Path, context: int) -> HFTokenizer:
    """open_clip's tokenizer of a text model's folder, from its files only. Raises InputError where it does not open."""
    remedy = f"give a folder with {' and '.join(TOKENIZER_FILES)}"
    with as_input_error("the text model's tokenizer does not open", file=folder, remedy=remedy):
        return HFTokenizer(str(folder), context_length=context, local_files_only=True, trust_remote_code=False)


def text_tokenization(theirs: HFTokenizer, context: int, *, vocabulary: int, file: Path) -> Tokenization:
    """The tokenization of open_clip's tokenizer. Raises InputError where it is not a fast one, or has other words."""
    backend = getattr(theirs.tokenizer, "backend_tokenizer", None)
    if backend is None or theirs.tokenizer.pad_token_id is None:
        raise InputError("the text model's tokenizer is not a fast one", file=file, remedy="take another model")
    tokenizer = Tokenizer.from_str(backend.to_str())
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length=context)
    if tokenizer.get_vocab_size() > vocabulary:
        raise InputError(
            f"the tokenizer has {tokenizer.get_vocab_size()} tokens, the text model {vocabulary}",
            file=file,
            remedy="give a tokenizer and weights that belong together",
        )
    return Tokenization(tokenizer, context, int(theirs.tokenizer.pad_token_id), theirs.clean_fn)


def fitted_text_weights(file: Path, transformer: nn.Module) -> dict[str, Any]:
    """A file's weights under the names of a transformer of transformers, whose heads of other tasks are left out.

    Raises InputError as `fitted` does; `transformer` may be on the meta device.
    """
    expected = transformer.state_dict()
    prefix = f"{getattr(transformer, 'base_model_prefix', '')}."
    renamed = {name.removeprefix(prefix): value for name, value in read_weights(file).items()}
    kept = {
        name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias"): value
        for name, value in renamed.items()
        if name in expected or not (name.startswith(_HEADS) or name.endswith(".position_ids"))
    }
    return fitted(kept, transformer, file, remedy="give the weights of the model that config.json describes")
