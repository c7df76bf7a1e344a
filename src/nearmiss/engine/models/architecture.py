"""What is trained or evaluated: a small model of ours, or one that open_clip has by name, from a folder or the hub.

What is kept of a model is the content of `open_clip_config.json`, so that a checkpoint records how its images
are cut and which activation its weights were trained with (QuickGELU or GELU: the wrong one costs points and no error).
"""

import difflib
from copy import deepcopy
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import open_clip
from open_clip.factory import _get_hf_config, parse_model_name
from open_clip.pretrained import download_pretrained, download_pretrained_from_hf
from open_clip.transform import PreprocessCfg, merge_preprocess_dict

from nearmiss.base.errors import InputError
from nearmiss.base.files import sha256
from nearmiss.engine.models.checkpoint import (
    built_model,
    configuration,
    fresh_model,
    model_with_weights,
    save_checkpoint,
)
from nearmiss.engine.models.folder import check_configuration, folder_configuration, folder_weights
from nearmiss.engine.models.hugging_face_text import HF_CONFIG
from nearmiss.engine.models.library_errors import as_input_error
from nearmiss.engine.models.tokenization import Tokenization, local_tokenizer, tokenization_of, word_tokenizer


@dataclass(frozen=True)
class Architecture:
    """A model before its training. `config` is the content of `open_clip_config.json`."""

    config: dict[str, Any]
    tokenization: Tokenization
    name: str | None = None
    """open_clip's name of it; None for a small one of ours, with words of its own."""
    pretrained: str | None = None
    digest: str | None = None

    @property
    def side(self) -> int:
        """Pixels of a side of the images that it sees. Raises InputError where they are no squares."""
        size = self.config["preprocess_cfg"]["size"]
        sides = {size} if isinstance(size, int) else set(size)
        if len(sides) != 1:
            raise InputError(f"the model sees images of {size} pixels, not squares", record=str(self.name))
        return int(sides.pop())

    @cached_property
    def weights(self) -> Path | None:
        """The file of the first weights, downloaded where a tag's or a hub's is not there; None for random ones."""
        if self.name is None or (self.pretrained is None and parse_model_name(self.name)[0] is None):
            return None
        return weights_file(self.name, self.pretrained) or _downloaded(self.name, self.pretrained)

    @property
    def weights_description(self) -> str:
        """Where the first weights come from, for people."""
        if self.pretrained is not None:
            return self.pretrained
        return "random weights" if self.name is None or parse_model_name(self.name)[0] is None else "its own weights"

    def weight_files(self) -> dict[str, Path]:
        """The files of the first weights by name, downloaded where they are not there; none for random ones."""
        return {} if self.weights is None else {"weights": self.weights}

    def is_pretrained(self, name: str) -> bool:
        """Whether a weight of the model, by its name, is one of the first weights' files, and not random."""
        return self.weights is not None

    def fresh(self, seed: int) -> Any:
        """The model with random weights, into which a checkpoint's are loaded."""
        return fresh_model(self.config, seed)

    def begun(self, seed: int) -> Any:
        """The model with its initial weights: those of its name, or random ones by the seed.

        Raises InputError where weights cannot be had, are damaged, of another architecture, or hold more than tensors,
        and where `digest` is given and the file's SHA-256 is another.
        """
        if self.name is None:
            return fresh_model(self.config, seed)
        if self.weights is None:
            return built_model(self.config, seed, self.name)
        if self.digest is not None and sha256(self.weights) != self.digest:
            raise InputError(
                "the weights are not those that the configuration names",
                file=self.weights,
                record=f"sha256: {self.digest}",
                remedy="restore the file, or correct pretrain.model.sha256",
            )
        return model_with_weights(self.config, seed, self.name, self.weights)

    def save(self, folder: Path, model: Any) -> None:
        """Write a checkpoint folder that open_clip opens as `local-dir:FOLDER`."""
        own = self.tokenization.tokenizer if self.name is None else None
        save_checkpoint(folder, model, self.config, own)
        words = self.config["model_cfg"]["text_cfg"]
        if self.name is not None and words.get("hf_tokenizer_name"):
            kind, location = parse_model_name(self.name)
            local = kind == "local-dir"
            theirs = local_tokenizer(Path(location), words) if local else open_clip.get_tokenizer(self.name)
            theirs.tokenizer.save_pretrained(folder)


def own_architecture(options: dict[str, Any], words: list[str]) -> Architecture:
    """A small model of ours with a closed list of words; `options` are those of `configuration`."""
    tokenizer = word_tokenizer(words, options["context_length"])
    config = configuration(**options, vocabulary=tokenizer.get_vocab_size())
    return Architecture(config, Tokenization(tokenizer, options["context_length"]))


def named_architecture(name: str, pretrained: str | None, digest: str | None = None) -> Architecture:
    """A model of open_clip. Raises InputError where it, its tag or its tokenizer is not available."""
    config = configuration_of(name, pretrained)
    kind, location = parse_model_name(name)
    tokenization = tokenization_of(
        name, config["model_cfg"]["text_cfg"], Path(location) if kind == "local-dir" else None
    )
    return Architecture(config, tokenization, name, pretrained, digest)


def configuration_of(name: str, pretrained: str | None) -> dict[str, Any]:
    """`model_cfg` and `preprocess_cfg` of a model with these weights; nothing but a hub's configuration is downloaded.

    Raises InputError where there is no such model or tag, or where the tag's weights need the other activation.
    """
    kind, location = parse_model_name(name)
    if kind is not None:
        if pretrained is not None:
            raise InputError(
                "a folder or a hub's model has weights of its own",
                record=f"pretrained: {pretrained}",
                remedy="leave pretrain.model.pretrained out",
            )
        return _completed(folder_configuration(Path(location)) if kind == "local-dir" else _of_hub(location), {})
    model = open_clip.get_model_config(name)
    if model is None:
        close = difflib.get_close_matches(name, open_clip.list_models(), n=3, cutoff=0.5)
        raise InputError(
            f"open_clip has no model '{name}'",
            record="pretrain.model.name",
            remedy=f"take one of open_clip.list_models(), such as {', '.join(close or open_clip.list_models()[:3])}",
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


def weights_file(name: str, pretrained: str | None) -> Path | None:
    """The file of weights on this machine that a model is read from; None for random ones, tags and hubs.

    Raises InputError where a local folder has none.
    """
    kind, location = parse_model_name(name)
    if kind == "local-dir":
        return folder_weights(Path(location))
    return Path(pretrained) if pretrained is not None and kind is None and _is_file(pretrained) else None


def _downloaded(name: str, pretrained: str | None) -> Path:
    """The file of a tag or a hub's model, in the hub's cache."""
    kind, location = parse_model_name(name)
    with as_input_error(
        "the model's weights cannot be had",
        record=f"{name}, pretrained: {pretrained}",
        remedy="connect to the hub, or give a file of weights",
    ):
        if kind == "hf-hub":
            return Path(download_pretrained_from_hf(location))
        return Path(download_pretrained(open_clip.get_pretrained_cfg(name, pretrained)))


def _tag(name: str, pretrained: str | None) -> dict[str, Any] | None:
    """The configuration of a tag in open_clip; None for a file or no weights."""
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


def _of_hub(location: str) -> dict[str, Any]:
    with as_input_error(
        "the hub does not give the model's configuration",
        record=location,
        remedy="connect to the hub, or give a folder with local-dir:",
    ):
        found = _get_hf_config(location)
    check_configuration(found, file=None, origin=f"hf-hub:{location}")
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
    text = {HF_CONFIG: found[HF_CONFIG]} if HF_CONFIG in found else {}
    return {"model_cfg": model, "preprocess_cfg": cut, **text}
