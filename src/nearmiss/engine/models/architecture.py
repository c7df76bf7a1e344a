"""What is trained: a model's configuration, how it reads texts, and where its first weights come from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import open_clip
from open_clip.factory import parse_model_name

from nearmiss.base.errors import InputError
from nearmiss.engine.models.checkpoint import built_model, configuration, fresh_model, save_checkpoint
from nearmiss.engine.models.named import configuration_of, pretrained_model
from nearmiss.engine.models.tokenization import Tokenization, local_tokenizer, tokenization_of
from nearmiss.engine.models.tokenizer import word_tokenizer


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

    def begun(self, seed: int) -> Any:
        """The model with its first weights: those that its name stands for, or random ones by the seed."""
        if self.name is None:
            return fresh_model(self.config, seed)
        if self.pretrained is None and parse_model_name(self.name)[0] is None:
            return built_model(self.config, seed, self.name)
        return pretrained_model(self.config, self.name, self.pretrained, seed, self.digest)

    def save(self, folder: Path, model: Any) -> None:
        """Write a checkpoint folder that open_clip opens as `local-dir:FOLDER`."""
        own = self.tokenization.tokenizer if self.name is None else None
        save_checkpoint(folder, model, self.config, own)
        words = self.config["model_cfg"]["text_cfg"]
        if self.name is not None and words.get("hf_tokenizer_name"):
            kind, place = parse_model_name(self.name)
            local = kind == "local-dir"
            theirs = local_tokenizer(Path(place), words) if local else open_clip.get_tokenizer(self.name)
            theirs.tokenizer.save_pretrained(folder)


def own_architecture(options: dict[str, Any], words: list[str]) -> Architecture:
    """A small model of ours with a closed list of words; `options` are those of `configuration`."""
    tokenizer = word_tokenizer(words, options["context_length"])
    config = configuration(**options, vocabulary=tokenizer.get_vocab_size())
    return Architecture(config, Tokenization(tokenizer, options["context_length"]))


def named_architecture(name: str, pretrained: str | None, digest: str | None = None) -> Architecture:
    """A model that open_clip knows. Raises InputError where it, its tag or its tokenizer is not to be had."""
    config = configuration_of(name, pretrained)
    kind, place = parse_model_name(name)
    tokenization = tokenization_of(name, config["model_cfg"]["text_cfg"], Path(place) if kind == "local-dir" else None)
    return Architecture(config, tokenization, name, pretrained, digest)
