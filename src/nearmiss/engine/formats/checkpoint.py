"""Names of the files of a checkpoint folder, as open_clip reads it (`local-dir:FOLDER`)."""

CONFIG = "open_clip_config.json"
WEIGHTS = "open_clip_model.safetensors"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")

TEXT_CONFIG = "config.json"
"""The configuration of a text tower of transformers."""


def checkpoint_files(*, tokenizer: bool, text_config: bool = False) -> tuple[str, ...]:
    """The files of a folder, with those of a tokenizer or without: CLIP's byte-pair encoding needs none.

    `text_config` stands for a text tower of transformers, which is described by a file of its own.
    """
    return (CONFIG, WEIGHTS, *(TOKENIZER_FILES if tokenizer else ()), *((TEXT_CONFIG,) if text_config else ()))
