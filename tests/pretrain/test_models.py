"""Towers, tokenizer and checkpoint folders: open_clip opens what we write, and sees what we see."""

import json
import subprocess

import numpy as np
import pytest
import timm
import torch
import toy_training as toy
from open_clip import transform
from PIL import Image

from nearmiss.base.errors import InputError
from nearmiss.base.files import folder_sha256
from nearmiss.engine.formats.checkpoint import WEIGHTS
from nearmiss.engine.models import checkpoint
from nearmiss.engine.models.packing import Texts, pack
from nearmiss.engine.models.preprocessing import Normalization, preprocessing, resizing
from nearmiss.engine.models.text import check_tower, encode_texts, forward_flops
from nearmiss.engine.models.tokenization import word_tokenizer
from nearmiss.engine.models.towers import averaging

SENTENCES = (
    "A red cube left of a blue ball.",
    "a star",
    "there is a zebra, and a green star",
    "the small ball is right of the large pink cube and a star and a ball",
)


def model_config(words=toy.WORDS, **changed):
    options = {**toy.CONFIG.model.model_dump(), **changed}
    vocabulary = word_tokenizer(words, options["context_length"]).get_vocab_size()
    return checkpoint.configuration(**options, vocabulary=vocabulary)


def packed(sentences, context=16):
    encodings = word_tokenizer(toy.WORDS, context).encode_batch(list(sentences))
    tokens = torch.zeros(len(encodings), context, dtype=torch.int64)
    for row, encoding in enumerate(encodings):
        tokens[row, : len(encoding.ids)] = torch.tensor(encoding.ids)
    return Texts(tokens, (tokens != 0).sum(1))


def test_open_clip_opens_a_checkpoint_and_gives_the_same_embeddings(tmp_path, python):
    config = model_config()
    model = checkpoint.fresh_model(config, seed=3).eval()
    checkpoint.save_checkpoint(tmp_path / "checkpoint", model, config, word_tokenizer(toy.WORDS, 16))
    image = Image.fromarray(np.arange(40 * 32 * 3, dtype=np.uint8).reshape(32, 40, 3))
    image.save(tmp_path / "image.png")
    program = f"""
import json, sys, open_clip, torch
from PIL import Image
import nearmiss.engine.models
name = "local-dir:{tmp_path / "checkpoint"}"
model, _, preprocess = open_clip.create_model_and_transforms(name)
tokens = open_clip.get_tokenizer(name)({list(SENTENCES)!r})
model.eval()
with torch.no_grad():
    image = model.encode_image(preprocess(Image.open("{tmp_path / "image.png"}"))[None], normalize=True)
    print(json.dumps([tokens.tolist(), model.encode_text(tokens, normalize=True).tolist(), image.tolist()]))
"""
    answer = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True)
    tokens, texts, images = json.loads(answer.stdout.splitlines()[-1])
    ours = packed(SENTENCES)
    pixels = torch.from_numpy(resizing(config["preprocess_cfg"])(image)[None].copy())
    with torch.no_grad():
        own = model.encode_image(Normalization(config["preprocess_cfg"], torch.device("cpu"))(pixels), normalize=True)
        assert tokens == ours.tokens.tolist()
        assert torch.allclose(torch.tensor(texts), encode_texts(model, pack(ours)), atol=1e-5)
        assert torch.allclose(torch.tensor(images), own, atol=1e-5)


def test_token_ids_have_the_form_of_clip():
    tokenizer = word_tokenizer(toy.WORDS, 16)
    ids = tokenizer.encode("A RED cube.").ids
    assert tokenizer.token_to_id("<pad>") == 0
    assert ids[-1] == tokenizer.get_vocab_size() - 1 == max(tokenizer.get_vocab().values())
    assert tokenizer.encode("a red cube .").ids == ids
    assert tokenizer.token_to_id("<unk>") in tokenizer.encode("a zebra").ids
    long = tokenizer.encode("a " * 50).ids
    assert len(long) == 16 and long[-1] == ids[-1]


def test_the_order_of_words_does_not_matter():
    assert word_tokenizer(reversed(toy.WORDS), 16).to_str() == word_tokenizer(toy.WORDS, 16).to_str()


@pytest.mark.parametrize("size", [(40, 32), (24, 24), (17, 90)])
def test_bytes_and_normalization_equal_open_clips_preprocessing(size):
    pixels = np.random.default_rng(0).integers(0, 255, (*size, 3), dtype=np.uint8)
    config = preprocessing(24)
    image = Image.fromarray(pixels)
    whole = transform.image_transform_v2(transform.PreprocessCfg(**config), is_train=False)(image)
    stored = torch.from_numpy(resizing(config)(image)[None].copy())
    assert torch.equal(Normalization(config, torch.device("cpu"))(stored)[0], whole)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_the_packed_text_tower_equals_that_of_open_clip(layers):
    model = checkpoint.fresh_model(model_config(text_layers=layers), seed=0)
    check_tower(model)
    texts = packed(SENTENCES)
    ours, theirs = encode_texts(model, pack(texts)), model.encode_text(texts.tokens, normalize=True)
    assert torch.allclose(ours, theirs, atol=1e-6)
    (ours * torch.arange(16)).sum().backward()
    gradients = {name: value.grad.clone() for name, value in model.named_parameters() if value.grad is not None}
    model.zero_grad()
    (theirs * torch.arange(16)).sum().backward()
    for name, value in model.named_parameters():
        if value.grad is not None:
            assert torch.allclose(gradients[name], value.grad, atol=1e-4), name


def test_a_text_tower_of_another_kind_is_refused():
    config = model_config()
    config["model_cfg"]["text_cfg"]["no_causal_mask"] = True
    with pytest.raises(ValueError, match="causal"):
        check_tower(checkpoint.fresh_model(config, seed=0))


def test_flops_grow_with_texts_and_not_with_padding():
    model = checkpoint.fresh_model(model_config(), seed=0)
    texts = packed(SENTENCES)
    trimmed = Texts(texts.tokens[:2, : int(texts.lengths[:2].max())], texts.lengths[:2])
    padded = Texts(texts.tokens[:2], texts.lengths[:2])
    work = [forward_flops(model, pack(each)) for each in (trimmed, padded, texts)]
    assert 0 < work[0] == work[1] < work[2]


def test_weights_depend_only_on_the_seed(tmp_path):
    config, tokenizer = model_config(), word_tokenizer(toy.WORDS, 16)
    for name, seed, noise in (("a", 1, 5), ("b", 1, 6), ("c", 2, 5)):
        torch.manual_seed(noise)
        checkpoint.save_checkpoint(tmp_path / name, checkpoint.fresh_model(config, seed), config, tokenizer)
    a, b, c = (folder_sha256(tmp_path / name) for name in "abc")
    assert a == b != c


@pytest.mark.parametrize("size", [16, 24, 48, 50, 96])
def test_the_small_tower_accepts_images_of_any_size(size):
    tower = timm.create_model("nearmiss_conv", num_classes=10, global_pool="")
    assert tower(torch.zeros(2, 3, size, size)).shape == (2, 10)


def test_averaging_is_adaptive_pooling():
    x = torch.randn(2, 3, 13, 9)
    pooled = averaging(13, 6) @ x @ averaging(9, 6).T
    assert torch.allclose(pooled, torch.nn.functional.adaptive_avg_pool2d(x, 6), atol=1e-6)


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    config = model_config()
    checkpoint.save_checkpoint(tmp_path, checkpoint.fresh_model(config, 0), config, word_tokenizer(toy.WORDS, 16))
    checkpoint.check_checkpoint(tmp_path, config)
    with pytest.raises(InputError, match="embed_dim"):
        checkpoint.check_checkpoint(tmp_path, model_config(embed_dim=32))
    (tmp_path / WEIGHTS).write_bytes(b"torn")
    with pytest.raises(InputError, match="do not load"):
        checkpoint.load_weights(tmp_path, checkpoint.fresh_model(config, 0))
    (tmp_path / WEIGHTS).unlink()
    with pytest.raises(InputError, match="no checkpoint"):
        checkpoint.check_checkpoint(tmp_path, config)
