"""A transformer small enough for a test, under a name that open_clip has once `register` was called."""

import json
from pathlib import Path

import open_clip

NAME = "nearmiss-test-ViT"


def register(folder: Path) -> str:
    """Tell open_clip of the model; `folder` gets its file."""
    file = folder / f"{NAME}.json"
    vision = {"image_size": 24, "layers": 2, "width": 16, "head_width": 8, "patch_size": 8}
    text = {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2}
    file.write_text(json.dumps({"embed_dim": 16, "vision_cfg": vision, "text_cfg": text}))
    open_clip.add_model_config(file)
    return NAME
