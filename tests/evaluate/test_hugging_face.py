"""Dual encoders of transformers: the embeddings of transformers itself, and what is refused."""

import json
from pathlib import Path

import evaluating
import image_benchmark_files
import numpy as np
import pytest
import torch
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoModel,
    AutoTokenizer,
    CLIPConfig,
    CLIPImageProcessor,
    PreTrainedTokenizerFast,
    Siglip2Config,
    Siglip2ImageProcessor,
    SiglipConfig,
    SiglipImageProcessor,
)

from nearmiss.base.errors import InputError
from nearmiss.engine.scoring.encoder import open_encoder
from nearmiss.engine.scoring.model import Model, parse_model

SIDE, CONTEXT = 16, 8
WORDS = ("<pad>", "<unk>", "a", "cat", "dog", "red", "blue", "on", "mat", "<end>")
ROOM = 16  # tokens that the models have embeddings for: Siglip2Tokenizer adds tokens of its own
TEXTS = ("a red cat <end>", "a dog on a blue mat <end>", "a cat <end>", "a red cat on a blue mat on a dog <end>")
LAYERS = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
PARTS = {
    "clip": (CLIPConfig, CLIPImageProcessor(size=SIDE, crop_size=SIDE), {"image_size": SIDE}),
    "siglip": (SiglipConfig, SiglipImageProcessor(size={"height": SIDE, "width": SIDE}), {"image_size": SIDE}),
    "siglip2": (Siglip2Config, Siglip2ImageProcessor(patch_size=8, max_num_patches=4), {"num_patches": 4}),
}


def word_tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer of `WORDS`, separated by spaces."""
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>")


def saved(folder: Path, kind: str, **config: object) -> Path:
    """A small model of this kind with random weights, its tokenizer and its image processor."""
    torch.manual_seed(0)
    configuration, processor, vision = PARTS[kind]
    end = len(WORDS) - 1
    text = LAYERS | {"vocab_size": ROOM, "max_position_embeddings": CONTEXT, "projection_size": 16}
    text |= {"eos_token_id": end, "bos_token_id": 0, "pad_token_id": 0}
    made = configuration(
        text_config=text | config, vision_config=LAYERS | {"patch_size": 8} | vision, projection_dim=16
    )
    AutoModel.from_config(made).save_pretrained(folder)
    word_tokenizer().save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def images() -> list[Image.Image]:
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 256, (20 + 4 * each, 24, 3), dtype=np.uint8)) for each in range(3)]


@pytest.mark.parametrize("kind", PARTS)
def test_embeddings_equal_those_of_transformers_in_batches_of_one(tmp_path, kind):
    folder = saved(tmp_path, kind)
    encoder = open_encoder(parse_model(str(folder)), batch_size=2)
    model, processor = AutoModel.from_pretrained(folder).eval(), PARTS[kind][1]
    with torch.no_grad():
        for row, image in zip(encoder.images([lambda each=each: each for each in images()]), images(), strict=True):
            own = model.get_image_features(**processor(images=image, return_tensors="pt")).pooler_output[0]
            np.testing.assert_allclose(row, own / own.norm(), atol=1e-5)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        for row, text in zip(encoder.texts(TEXTS), TEXTS, strict=True):
            options = {"padding": kind == "clip" or "max_length", "truncation": True, "max_length": CONTEXT}
            ids = tokenizer(text, return_tensors="pt", **options)["input_ids"].reshape(1, -1)
            own = model.get_text_features(input_ids=ids).pooler_output[0]
            np.testing.assert_allclose(row, own / own.norm(), atol=1e-5)


def test_truncated_texts_are_marked_and_equal_tokens_are_reported(tmp_path):
    encoder = open_encoder(parse_model(f"hf:{saved(tmp_path, 'clip')}"))
    tokens = encoder.tokens([*TEXTS, TEXTS[0].replace(" ", "  ")])
    assert tokens[:, -1].tolist() == [0, 0, 0, 1, 0]
    assert (tokens[0] == tokens[4]).all()
    assert len({row.tobytes() for row in tokens}) == 4


def test_an_unreadable_image_has_no_embedding(tmp_path):
    encoder = open_encoder(parse_model(str(saved(tmp_path, "siglip"))))
    found = encoder.images([lambda: images()[0], lambda: None])
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1]).all()


def test_the_result_names_weights_and_activation(tmp_path):
    first, second = (saved(tmp_path / kind, kind) for kind in ("clip", "siglip"))
    encoders = [open_encoder(parse_model(str(folder))) for folder in (first, second, first)]
    assert [encoder.measurement["activation"] for encoder in encoders] == ["QuickGELU", "GELU (tanh)", "QuickGELU"]
    assert encoders[0].name == "CLIPModel"
    assert encoders[0].key() == encoders[2].key() != encoders[1].key()


def test_a_model_of_transformers_is_scored(tmp_path):
    image_benchmark_files.spec(tmp_path / "data")
    model = parse_model(str(saved(tmp_path / "small", "siglip")))
    result = evaluating.runner(tmp_path)(tmp_path / "data", "spec", model=model)
    assert result["complete"]
    assert result["model"]["weights"]
    assert {(row["model"], row["arm"]) for row in result["metrics"]} == {("SiglipModel", "small")}


def test_models_of_transformers_are_named_by_hf_or_by_their_folder(tmp_path):
    folder = saved(tmp_path / "small", "clip")
    assert parse_model(str(folder)) == Model(f"hf:{folder}", None, "small", 0)
    assert parse_model(str(folder)).folder == folder
    hub = parse_model("hf:google/siglip2-base-patch16-224")
    assert (hub.name, hub.arm, hub.folder) == ("hf:google/siglip2-base-patch16-224",) * 2 + (None,)
    with pytest.raises(InputError, match="its own weights"):
        parse_model("hf:openai/clip-vit-base-patch32", pretrained="openai")


def test_a_model_of_another_kind_is_refused(tmp_path):
    folder = saved(tmp_path, "clip")
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(InputError, match="kind 'bert' is not a dual encoder") as raised:
        open_encoder(parse_model(str(folder)))
    assert all(kind in raised.value.remedy for kind in ("clip", "siglip", "siglip2", "blip"))


@pytest.mark.parametrize("missing", ["model.safetensors", "tokenizer.json", "preprocessor_config.json"])
def test_an_incomplete_model_folder_is_refused(tmp_path, missing):
    folder = saved(tmp_path, "clip")
    (folder / missing).unlink()
    with pytest.raises(InputError, match="the model cannot be had"):
        open_encoder(parse_model(str(folder)))


def test_a_tokenizer_with_more_tokens_than_the_model_is_refused(tmp_path):
    with pytest.raises(InputError, match=f"the tokenizer has {len(WORDS)} tokens, the model 5"):
        open_encoder(parse_model(str(saved(tmp_path, "clip", vocab_size=5, eos_token_id=4))))
