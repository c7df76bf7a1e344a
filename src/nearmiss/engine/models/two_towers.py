"""A model of two towers from anywhere: an image tower of timm and a text tower of transformers, each with its weights.

It is open_clip's CustomTextCLIP. Its checkpoint folder holds everything: `open_clip_config.json`, the weights, and of
the text model its configuration and tokenizer. Locked-image tuning (Zhai et al., LiT, CVPR 2022) joins pretrained
towers in this way; pooling and projections are new, with random weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from nearmiss.base.errors import InputError
from nearmiss.base.files import sha256
from nearmiss.engine.models.architecture import Architecture
from nearmiss.engine.models.checkpoint import built_model, save_checkpoint
from nearmiss.engine.models.hugging_face_text import (
    HF_CONFIG,
    THIS_FOLDER,
    fitted_text_weights,
    pooling_of,
    text_configuration,
    text_folder,
    text_tokenization,
    text_tokenizer,
    text_weights,
)
from nearmiss.engine.models.timm_trunk import (
    check_heads,
    fitted_trunk_weights,
    local_trunk_weights,
    trunk_weights,
    vision_configuration,
)


@dataclass(frozen=True)
class TwoTowers(Architecture):
    """Two towers before their training. `image` and `text` are the options of `pretrain.model`."""

    image: Mapping[str, Any] | None = None
    text: Mapping[str, Any] | None = None

    @property
    def weights_description(self) -> str:
        """Where the first weights come from, for people."""
        assert self.image is not None and self.text is not None
        return f"{self.image['weights'] or 'random weights'}, {self.text['name']}"

    def weight_files(self) -> dict[str, Path]:
        """The files of the first weights by tower, downloaded where they are the hub's."""
        assert self.image is not None and self.text is not None
        image = {} if self.image["weights"] is None else {"weights/image": trunk_weights(self.image["weights"])}
        return image | {"weights/text": text_weights(text_folder(self.text["name"], weights=True))}

    def is_pretrained(self, name: str) -> bool:
        """Whether a weight is one of the trunk's or the text model's; pooling and projections are new."""
        assert self.image is not None
        return name.startswith(("text.transformer.", *(["visual.trunk."] if self.image["weights"] else [])))

    def begun(self, seed: int) -> Any:
        """The model with the weights of its towers; pooling and projections are random by the seed.

        Raises InputError where weights cannot be had, are damaged, of another architecture, or have another SHA-256.
        """
        assert self.image is not None and self.text is not None
        files = self.weight_files()
        for tower, options in (("image", self.image), ("text", self.text)):
            if options["sha256"] is not None and f"weights/{tower}" in files:
                _check_digest(files[f"weights/{tower}"], options["sha256"], f"pretrain.model.{tower}.sha256")
        outline = self._outline()
        check_heads(self.image["name"], outline.visual.trunk.num_features, self.image["pooling"])
        text = fitted_text_weights(files["weights/text"], outline.text.transformer)
        trunk = fitted_trunk_weights(files["weights/image"], outline.visual.trunk) if "weights/image" in files else {}
        model = self.fresh(seed)
        model.text.transformer.load_state_dict(text)
        if trunk:
            model.visual.trunk.load_state_dict(trunk)
        return model

    def fresh(self, seed: int) -> Any:
        """The model with random weights."""
        assert self.image is not None
        return built_model(self.config, seed, self.image["name"])

    def save(self, folder: Path, model: Any) -> None:
        """Write a checkpoint folder that open_clip opens as `local-dir:FOLDER`."""
        assert self.text is not None
        save_checkpoint(folder, model, self.config, None)
        text_tokenizer(text_folder(self.text["name"]), self.tokenization.context).tokenizer.save_pretrained(folder)

    def _outline(self) -> Any:
        """The model without memory for its weights; some timm models cannot be built so, and take it."""
        try:
            with torch.device("meta"):
                return self.fresh(0)
        except InputError:
            return self.fresh(0)


def two_towers(image: Mapping[str, Any], text: Mapping[str, Any], embed_dim: int) -> TwoTowers:
    """The architecture for the options of `pretrain.model`; only a configuration and a tokenizer are downloaded.

    Raises InputError where a tower or its tokenizer cannot be had or built, and where the text model has no pooling
    rule.
    """
    folder = text_folder(text["name"])
    config = two_tower_configuration(image, text, embed_dim)
    context, words = text["context_length"], config[HF_CONFIG]["vocab_size"]
    theirs = text_tokenizer(folder, context)
    return TwoTowers(config, text_tokenization(theirs, context, vocabulary=words, file=folder), image=image, text=text)


def two_tower_configuration(image: Mapping[str, Any], text: Mapping[str, Any], embed_dim: int) -> dict[str, Any]:
    """`model_cfg`, `preprocess_cfg` and `hf_config` of two towers, without reading a tokenizer or weights."""
    vision, preprocessing = vision_configuration(image)
    folder = text_folder(text["name"])
    configuration = text_configuration(folder)
    if text["context_length"] > configuration["max_position_embeddings"]:
        raise InputError(
            f"the text model has {configuration['max_position_embeddings']} positions",
            record="pretrain.model.text.context_length",
            remedy="lower it",
        )
    if text["projection"] is None and embed_dim != configuration["hidden_size"]:
        raise InputError(
            f"without a projection, embeddings have the text model's {configuration['hidden_size']} dimensions",
            record="pretrain.model.embed_dim",
            remedy=f"set it to {configuration['hidden_size']}, or set pretrain.model.text.projection to linear",
        )
    named = THIS_FOLDER if Path(text["name"]).is_dir() else text["name"]
    return {
        "model_cfg": {
            "embed_dim": embed_dim,
            "custom_text": True,
            "vision_cfg": vision,
            "text_cfg": {
                "context_length": text["context_length"],
                "vocab_size": configuration["vocab_size"],
                "hf_model_name": named,
                "hf_model_pretrained": False,
                "hf_tokenizer_name": named,
                "hf_pooler_type": pooling_of(folder, text["pooling"]),
                "hf_proj_type": text["projection"],
            },
        },
        "preprocess_cfg": preprocessing,
        HF_CONFIG: configuration,
    }


def local_weight_files(image: Mapping[str, Any], text: Mapping[str, Any]) -> dict[str, Path]:
    """The files of the towers' first weights that are on this machine by their path, by tower."""
    found = {} if image["weights"] is None else {"weights/image": local_trunk_weights(image["weights"])}
    if Path(text["name"]).is_dir():
        found["weights/text"] = text_weights(Path(text["name"]))
    return {name: file for name, file in found.items() if file is not None}


def _check_digest(file: Path, digest: str, key: str) -> None:
    if sha256(file) != digest:
        raise InputError(
            "the weights are not those that the configuration names",
            file=file,
            record=f"sha256: {digest}",
            remedy=f"restore the file, or correct {key}",
        )
