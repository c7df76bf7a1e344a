"""A cross-encoder: its dual part is open_clip's to the bit of rounding, its fusion sees what a pair is made of."""

import numpy as np
import open_clip
import pytest
import torch
import toy_training as toy
from safetensors.torch import load_file, save_file
from test_models import SENTENCES, model_config, packed
from torch.nn import functional as F

from nearmiss.base.errors import InputError
from nearmiss.base.files import folder_sha256
from nearmiss.engine.models import checkpoint
from nearmiss.engine.models.cross_encoder import (
    FUSION_WEIGHTS,
    CrossEncoder,
    encode_patches,
    fresh_fusion,
    has_fusion,
    open_cross_encoder,
    save_fusion,
)
from nearmiss.engine.models.packing import pack
from nearmiss.engine.models.text import encode_texts, encode_tokens, token_positions
from nearmiss.engine.models.tokenization import word_tokenizer

SHAPE = {"side": 24, "width": 16, "heads": 2}
IMAGE, TEXT = torch.tensor([0, 0, 1, 2, 1]), torch.tensor([0, 3, 1, 2, 0])


def awake(fusion):
    """The fusion with a random head: a new one gives every pair equal logits."""
    with torch.no_grad():
        fusion.head.weight.copy_(torch.from_numpy(np.random.default_rng(2).normal(size=fusion.head.weight.shape)))
    return fusion


def cross_encoder(layers=2, seed=0):
    dual = checkpoint.fresh_model(model_config(), seed=seed)
    return CrossEncoder(dual, awake(fresh_fusion(dual, layers=layers, seed=seed, **SHAPE)))


def pixels(count=3, side=24):
    return torch.from_numpy(np.random.default_rng(1).normal(size=(count, 3, side, side)).astype(np.float32))


@torch.no_grad()
def logits_of(model, sentences=SENTENCES, given=None, image=IMAGE, text=TEXT):
    images, texts = model.images(pixels() if given is None else given), model.texts(pack(packed(sentences)))
    return model.match_logit(images, texts, image, text)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_the_dual_encoder_of_a_cross_encoder_has_the_same_embeddings(layers):
    dual = checkpoint.fresh_model(model_config(text_layers=layers), seed=0)
    model = CrossEncoder(dual, fresh_fusion(dual, layers=1, seed=0, **SHAPE))
    images, texts = model(pixels(), pack(packed(SENTENCES)))
    assert torch.equal(images, dual.encode_image(pixels(), normalize=True))
    assert torch.allclose(texts, encode_texts(dual, pack(packed(SENTENCES))), atol=1e-6)
    assert torch.allclose(texts, dual.encode_text(packed(SENTENCES).tokens, normalize=True), atol=1e-6)


def test_features_of_tokens_do_not_depend_on_packing():
    dual = checkpoint.fresh_model(model_config(), seed=0)
    _, together, lengths = encode_tokens(dual, pack(packed(SENTENCES)))
    assert lengths.tolist() == packed(SENTENCES).lengths.tolist()
    for row, sentence in enumerate(SENTENCES):
        _, single, _ = encode_tokens(dual, pack(packed([sentence])))
        assert torch.allclose(together[row, : lengths[row]], single[0], atol=1e-5)


def test_tokens_are_found_where_they_were_packed():
    texts = packed([*SENTENCES, *(f"a red cube and a {name} star" for name in toy.COLORS)])
    laid = pack(texts, row=32)
    positions, lengths = token_positions(laid)
    for row, length in enumerate(lengths.tolist()):
        assert laid.tokens.flatten()[positions[row, :length]].tolist() == texts.tokens[row, :length].tolist()
        assert laid.depths.flatten()[positions[row, :length]].tolist() == list(range(length))


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_logits_of_a_pair_do_not_depend_on_the_batch(layers):
    model = cross_encoder(layers)
    together = logits_of(model)
    assert together.unique().numel() == len(together)  # no two pairs are one to it
    for place, (image, text) in enumerate(zip(IMAGE.tolist(), TEXT.tolist(), strict=True)):
        one = torch.tensor([0])
        single = logits_of(model, [SENTENCES[text]], pixels()[[image]], one, one)
        assert single.item() == pytest.approx(together[place].item(), abs=1e-5)


@pytest.mark.parametrize("layers", [1, 2])
def test_logits_depend_on_every_patch_its_position_and_every_token(layers):
    model = cross_encoder(layers)
    images, texts = model.images(pixels()), model.texts(pack(packed(SENTENCES)))
    patches, tokens = images.patches.detach().requires_grad_(), texts.tokens.detach().requires_grad_()
    model.fusion(patches, tokens, texts.lengths, IMAGE, TEXT)[:, 1].sum().backward()
    assert (patches.grad.norm(dim=-1) > 0).all() and (model.fusion.places.grad.norm(dim=-1) > 0).all()
    there = torch.arange(tokens.shape[1]) < texts.lengths[:, None]
    assert torch.equal(tokens.grad.norm(dim=-1) > 0, there)  # and nothing behind a text's end


def by_hand(fusion, patches, tokens, image, text):
    """Log-odds of one pair with torch's own attention over one text and one image: nothing shared, nothing cut off."""

    def attend(own, asking, looked_at):
        heads, width = own.heads, asking.shape[-1]
        key, value = own.key_value(looked_at).chunk(2, dim=-1)
        parts = [part.reshape(-1, heads, width // heads) for part in (own.query(asking), key, value)]
        weights = torch.einsum("lhd,mhd->hlm", parts[0], parts[1]) / (width // heads) ** 0.5
        return own.out(torch.einsum("hlm,mhd->lhd", weights.softmax(-1), parts[2]).reshape(-1, width))

    x, seen = fusion.of_tokens(tokens), fusion.of_patches(patches) + fusion.places
    for layer in fusion.layers:
        normed = layer.norm_own(x)
        x = x + attend(layer.own, normed, normed)
        x = x + attend(layer.across, layer.norm_across(x), seen)
        x = x + layer.mlp(layer.norm_mlp(x))
    logits = fusion.head(fusion.norm(x[-1]))
    return (logits[1] - logits[0]).item()


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_the_optimized_fusion_equals_the_reference(layers):
    model = cross_encoder(layers)
    images, texts = model.images(pixels()), model.texts(pack(packed(SENTENCES)))
    for found, image, text in zip(logits_of(model).tolist(), IMAGE.tolist(), TEXT.tolist(), strict=True):
        tokens = texts.tokens[text, : texts.lengths[text]]
        plain = by_hand(model.fusion, images.patches[image], tokens, image, text)
        assert found == pytest.approx(plain, abs=1e-5)


def test_a_new_fusion_is_undecided_and_depends_only_on_the_seed():
    dual = checkpoint.fresh_model(model_config(), seed=0)
    one, same, other = (fresh_fusion(dual, layers=2, seed=seed, **SHAPE) for seed in (0, 0, 1))
    for name, value in one.state_dict().items():
        assert torch.equal(value, same.state_dict()[name])
    assert not torch.equal(one.places, other.places)
    assert logits_of(CrossEncoder(dual, one)).abs().max() == 0


def test_patches_of_the_vision_transformer_of_open_clip():
    dual = open_clip.CLIP(
        embed_dim=16,
        vision_cfg={"image_size": 24, "layers": 2, "width": 32, "patch_size": 8, "head_width": 16},
        text_cfg={"context_length": 16, "vocab_size": 40, "width": 16, "heads": 2, "layers": 2},
    ).eval()
    embeddings, patches = encode_patches(dual.visual, pixels())
    assert torch.allclose(F.normalize(embeddings, dim=-1), dual.encode_image(pixels(), normalize=True), atol=1e-6)
    assert patches.shape == (3, 9, 32)
    model = CrossEncoder(dual, awake(fresh_fusion(dual, layers=2, seed=0, **SHAPE)))
    assert logits_of(model).unique().numel() == len(IMAGE)


def test_a_tower_without_patches_is_refused():
    with pytest.raises(InputError, match="no patch features are known of the image tower Linear"):
        encode_patches(torch.nn.Linear(2, 2), pixels())


@pytest.fixture
def saved(tmp_path):
    """A cross-encoder and its checkpoint folder."""
    model, folder = cross_encoder(), tmp_path / "checkpoint"
    checkpoint.save_checkpoint(folder, model.dual, model_config(), word_tokenizer(toy.WORDS, 16))
    assert not has_fusion(folder)
    save_fusion(folder, model.fusion)
    return model, folder


def test_a_checkpoint_opens_in_open_clip_and_with_its_fusion(saved):
    model, folder = saved
    before = folder_sha256(folder)
    opened, _, tokenizer = open_cross_encoder(folder)
    assert has_fusion(folder) and tokenizer(["a red cube"]).shape == (1, 16)
    assert torch.equal(logits_of(opened.eval()), logits_of(model.eval()))
    plain, _, _ = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    assert torch.equal(plain.eval().encode_image(pixels()), model.dual.eval().encode_image(pixels()))
    save_fusion(folder, opened.fusion)
    assert folder_sha256(folder) == before


def test_flops_count_pairs_and_shared_encodings():
    model, laid = cross_encoder(), pack(packed(SENTENCES))
    few, more = (model.forward_flops(laid, images=3, pairs=count) for count in (5, 10))
    assert 0 < more - few < few
    assert model.fusion.forward_flops(images=0, texts=0, tokens=9, pairs=0) == 0


def cut(folder):
    (folder / FUSION_WEIGHTS).write_bytes((folder / FUSION_WEIGHTS).read_bytes()[:100])


def lose(folder):
    (folder / FUSION_WEIGHTS).unlink()


def take_out_a_layer(folder):
    weights = load_file(folder / FUSION_WEIGHTS)
    save_file(
        {name: value for name, value in weights.items() if not name.startswith("layers.1")}, folder / FUSION_WEIGHTS
    )


def widen_the_text_tower(folder):
    config = model_config(text_width=32)
    dual = checkpoint.fresh_model(config, seed=0)
    checkpoint.save_checkpoint(folder, dual, config, word_tokenizer(toy.WORDS, 16))


@pytest.mark.parametrize("fault", [cut, lose, take_out_a_layer, widen_the_text_tower])
def test_a_damaged_fusion_is_reported(saved, fault):
    fault(saved[1])
    with pytest.raises(InputError, match="fusion") as error:
        open_cross_encoder(saved[1])
    assert "remedy:" in str(error.value)
