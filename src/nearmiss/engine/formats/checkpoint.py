"""Names of the files of a checkpoint folder, as open_clip reads it (`local-dir:FOLDER`)."""

CONFIG = "open_clip_config.json"
WEIGHTS = "open_clip_model.safetensors"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")


def checkpoint_files(*, tokenizer: bool) -> tuple[str, ...]:
    """The files of a folder, with those of a tokenizer or without: CLIP's byte-pair encoding needs none."""
    return (CONFIG, WEIGHTS, *(TOKENIZER_FILES if tokenizer else ()))
