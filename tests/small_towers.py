"""Two towers small enough for a test: timm's smallest EfficientNet, and a BERT of three layers."""

import json
from pathlib import Path

import timm
import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertModel

from nearmiss.engine.models.tokenization import save_tokenizer, word_tokenizer

TRUNK, CONTEXT, SIDE = "test_efficientnet", 16, 64


def write_text_model(folder: Path, words, seed: int = 1) -> Path:
    """A folder of a sentence encoder as Hugging Face and sentence-transformers write it, with dropout."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = word_tokenizer(words, CONTEXT)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
    )
    torch.manual_seed(seed)
    BertModel(config).save_pretrained(folder)
    save_tokenizer(tokenizer, folder, CONTEXT)
    (folder / "1_Pooling").mkdir(exist_ok=True)
    rule = {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(rule))
    return folder


def write_trunk_weights(file: Path, name: str = TRUNK, seed: int = 1) -> Path:
    """Weights of a timm model with its classifier, and running statistics that are not the initial ones."""
    torch.manual_seed(seed)
    weights = timm.create_model(name).state_dict()
    weights = {n: torch.rand_like(v) + 0.5 if "running" in n else v.clone() for n, v in weights.items()}
    save_file(weights, file)
    return file


def model_of(folder: Path, words, **image):
    """The options of `pretrain.model` for weights below `folder`, which are written there."""
    text = {"name": str(write_text_model(folder / "text-model", words)), "context_length": CONTEXT}
    weights = str(write_trunk_weights(folder / "trunk.safetensors"))
    return {"image": {"name": TRUNK, "weights": weights, "image_size": SIDE, **image}, "text": text, "embed_dim": 16}
