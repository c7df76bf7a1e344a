"""Models of open_clip: trained like the small model, opened by open_clip, refused with a message where unsupported."""

import json
import pickle
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
import toy_training as toy
from PIL import Image
from safetensors.torch import load_file, save_file

import small_open_clip
from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, sha256
from nearmiss.engine.formats.checkpoint import WEIGHTS
from nearmiss.engine.images.store import Store
from nearmiss.engine.models.architecture import configuration_of, named_architecture
from nearmiss.engine.models.checkpoint import fresh_model
from nearmiss.engine.models.packing import Texts, pack
from nearmiss.engine.models.preprocessing import Normalization
from nearmiss.engine.models.text import encode_padded, encode_texts, packable
from nearmiss.engine.models.tokenization import clip_tokenization, save_tokenizer, word_tokenizer
from nearmiss.stages.pretrain import stage, store
from nearmiss.stages.pretrain.config import LowRankConfig, OpenClipConfig, PhaseConfig

NAME = small_open_clip.NAME
SENTENCES = ["A red cube, left of a blue ball!", "two stars", "it's 1984 & <b>café</b> “quoted” 😀", "", "x " * 40]


@pytest.fixture(scope="module", autouse=True)
def registered(tmp_path_factory):
    small_open_clip.register(tmp_path_factory.mktemp("models"))


@pytest.fixture
def folder(toy_files, tmp_path):
    """The toy's files with a store as the named model sees it."""
    config = named(OpenClipConfig(name=NAME))
    images = toy_files / "tables" / "images.parquet"
    store.run(config=config, images=images, root=toy_files, out=tmp_path / "store", state=tmp_path / "store-state")
    return tmp_path


def named(model, **changed):
    return toy.CONFIG.model_copy(update={"model": model, **changed})


def train(toy_files, folder, name, model, arm=None, **changed):
    """One training into folder/name: the base, or an arm from folder/base."""
    given = {"shared": named(model, **changed), "store": folder / "store", "words": None, "out": folder / name}
    if arm is not None:
        given |= {"arm_name": "own", "arm": arm, "negatives": toy_files / "negatives"}
        given |= {"start": folder / "base" / "checkpoint"}
    stage.run(**toy.arguments(toy_files, **given) | {"state": folder / "state" / name})
    return folder / name / "checkpoint"


def embeddings(model, tokenizer, transform):
    """What open_clip computes."""
    picture = Image.fromarray(np.arange(40 * 32 * 3, dtype=np.uint8).reshape(32, 40, 3))
    with torch.no_grad():
        images = model.eval().encode_image(transform(picture)[None], normalize=True)
        return torch.cat([images, model.encode_text(tokenizer(SENTENCES), normalize=True)])


def opened(checkpoint):
    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{checkpoint}")
    return embeddings(model, open_clip.get_tokenizer(f"local-dir:{checkpoint}"), transform)


def written(path, seed=3):
    """A state dict of the model with random weights."""
    model = fresh_model(configuration_of(NAME, None), seed)
    torch.save(model.state_dict(), path)
    return path


def test_a_base_of_zero_steps_has_the_given_weights(toy_files, folder):
    file = written(folder / "weights.pt")
    model = OpenClipConfig(name=NAME, pretrained=str(file), sha256=sha256(file))
    found = opened(train(toy_files, folder, "base", model, base=PhaseConfig(captions="broad", steps=0)))
    theirs, _, transform = open_clip.create_model_and_transforms(NAME, pretrained=str(file))
    assert torch.allclose(found, embeddings(theirs, open_clip.get_tokenizer(NAME), transform), atol=1e-5)


def test_an_arm_continues_and_opens_in_open_clip_with_equal_embeddings(toy_files, folder):
    model = OpenClipConfig(name=NAME)
    base = train(toy_files, folder, "base", model)
    assert not (base / "tokenizer.json").exists()  # CLIP's words come with open_clip
    arm = train(toy_files, folder, "own", model, toy.OWN)
    assert not torch.allclose(opened(base), opened(arm), atol=1e-3)
    architecture = named_architecture(f"local-dir:{arm}", None)
    own = architecture.begun(0).eval()
    read = architecture.tokenization(SENTENCES)
    pixels = torch.from_numpy(Store(folder / "store").pixels[:2].copy())
    with torch.no_grad():
        texts = encode_texts(own, pack(Texts(torch.from_numpy(read.ids).long(), torch.from_numpy(read.lengths))))
        assert torch.allclose(texts, opened(arm)[1:], atol=1e-5)
        images = own.encode_image(Normalization(architecture.config["preprocess_cfg"], torch.device("cpu"))(pixels))
    assert images.shape == (2, 16)


def test_the_same_weights_in_another_file_start_another_training(toy_files, folder):
    bases = []
    for seed in (3, 4):
        file = written(folder / "weights.pt", seed)
        bases.append(opened(train(toy_files, folder, "base", OpenClipConfig(name=NAME, pretrained=str(file)))))
    assert not torch.allclose(*bases, atol=1e-3)


def test_a_run_records_the_weights_that_it_started_from_and_wrote(toy_files, folder):
    file = written(folder / "weights.pt")
    base = train(toy_files, folder, "base", OpenClipConfig(name=NAME, pretrained=str(file)))
    arm = train(toy_files, folder, "own", OpenClipConfig(name=NAME, pretrained=str(file)), toy.OWN)
    first, second = (read_json(checkpoint.parent / "manifest.json") for checkpoint in (base, arm))
    assert first["inputs"]["weights"] == sha256(file)
    assert first["outputs"][f"checkpoint/{WEIGHTS}"] == sha256(base / WEIGHTS) == second["inputs"]["start/weights"]
    assert second["outputs"][f"checkpoint/{WEIGHTS}"] == sha256(arm / WEIGHTS) != sha256(base / WEIGHTS)


def test_the_origin_of_weights_is_recorded(toy_files, folder):
    file = written(folder / "weights.pt")
    checkpoint = train(toy_files, folder, "base", OpenClipConfig(name=NAME, pretrained=str(file)))
    recorded = {
        pair: named_architecture(*pair).weights_description
        for pair in ((NAME, None), (NAME, str(file)), (f"local-dir:{checkpoint}", None))
    }
    assert [*recorded.values()] == ["random weights", str(file), "its own weights"]


def test_a_word_list_is_only_for_the_small_model(toy_files, folder):
    with pytest.raises(InputError, match="its own tokenizer"):
        stage.run(**toy.arguments(toy_files, shared=named(OpenClipConfig(name=NAME)), out=folder / "base"))
    with pytest.raises(InputError, match="a word list, but none is given"):
        stage.run(**toy.arguments(toy_files, words=None, out=folder / "base"))


def damaged(folder):
    """Weights that must not be trained from, each with the message that is due."""
    good = written(folder / "good.pt")
    (folder / "cut.pt").write_bytes(good.read_bytes()[:-2000])
    with (folder / "objects.pt").open("wb") as handle:
        pickle.dump({"model": Path("/")}, handle)
    other = torch.load(good, weights_only=True)
    other["visual.proj"] = other["visual.proj"][:, :8].clone()
    save_file({name: value.clone() for name, value in other.items()}, folder / "other.safetensors")
    return {name: f"weights do not load.*{folder / name}" for name in ("cut.pt", "objects.pt", "other.safetensors")}


def test_weights_that_do_not_fit_are_reported_and_nothing_is_written(toy_files, folder):
    for name, message in damaged(folder).items():
        with pytest.raises(InputError) as refused:
            train(toy_files, folder, "base", OpenClipConfig(name=NAME, pretrained=str(folder / name)))
        assert "do not load" in str(refused.value) and str(folder / name) in str(refused.value), message
        assert not (folder / "base").exists()
    with pytest.raises(InputError, match="not those that the configuration names"):
        model = OpenClipConfig(name=NAME, pretrained=str(folder / "good.pt"), sha256="0" * 64)
        train(toy_files, folder, "base", model)


@pytest.mark.parametrize(
    ("name", "pretrained", "message", "remedy"),
    [
        ("ViT-B-23", None, "no model 'ViT-B-23'", "ViT-B-32"),
        ("ViT-B-32", "nowhere", "neither a file nor a tag", "openai"),
        ("ViT-B-32", "openai", "trained with QuickGELU", "ViT-B-32-quickgelu"),
        ("ViT-B-32-quickgelu", "laion2b_s34b_b79k", "neither a file nor a tag", "openai"),
        ("local-dir:/nowhere", None, "no checkpoint folder", "local-dir"),
        ("local-dir:/nowhere", "openai", "weights of its own", "leave"),
    ],
)
def test_names_and_activations_that_do_not_fit_are_refused(name, pretrained, message, remedy):
    with pytest.raises(InputError, match=message) as refused:
        configuration_of(name, pretrained)
    assert remedy in str(refused.value)


def test_activation_and_cropping_are_those_of_the_weights():
    quick = configuration_of("ViT-B-32-quickgelu", "openai")
    assert quick["model_cfg"]["quick_gelu"] is True
    assert quick["preprocess_cfg"]["resize_mode"] == "shortest" and quick["preprocess_cfg"]["size"] in (224, [224, 224])
    assert not configuration_of("ViT-B-32", "laion2b_s34b_b79k")["model_cfg"].get("quick_gelu", False)
    assert configuration_of("ViT-B-16-SigLIP", "webli")["preprocess_cfg"]["mean"] == [0.5, 0.5, 0.5]


def test_token_ids_equal_those_of_open_clip():
    ours = clip_tokenization(16)(SENTENCES)
    assert ours.ids.tolist() == open_clip.get_tokenizer(NAME)(SENTENCES).tolist()
    assert ours.truncated == 2
    assert [ours.ids[row, length - 1] for row, length in enumerate(ours.lengths)] == [49407] * len(SENTENCES)


def text_tower(**changed):
    """A CustomTextCLIP with words of ours."""
    vocabulary = word_tokenizer(toy.WORDS, 16).get_vocab_size()
    text = {"context_length": 16, "vocab_size": vocabulary, "width": 16, "heads": 2, "layers": 2, **changed}
    vision = {"image_size": 24, "layers": 2, "width": 16, "head_width": 8, "patch_size": 8}
    text |= {"hf_tokenizer_name": "nearmiss-words"}
    return {"embed_dim": 16, "custom_text": True, "vision_cfg": vision, "text_cfg": text}


SIGLIP = {"no_causal_mask": True, "pool_type": "last", "proj_bias": True}


@pytest.mark.parametrize(("changed", "packs"), [({}, True), (SIGLIP, False), ({"pool_type": "first"}, False)])
def test_towers_that_attend_to_padding_are_detected_by_their_modules(changed, packs):
    model = fresh_model({"model_cfg": text_tower(**changed)}, 0).eval()
    assert packable(model) is packs
    ids = torch.tensor([[2, 5, 7, 30], [2, 9, 30, 0]])
    ids[ids == 30] = word_tokenizer(toy.WORDS, 16).get_vocab_size() - 1
    texts, whole = Texts(ids, torch.tensor([4, 3])), torch.nn.functional.pad(ids, (0, 12))
    theirs = model.encode_text(whole, normalize=True)
    ours = encode_texts(model, pack(texts)) if packs else encode_padded(model, texts, pad=0)
    assert torch.allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("parts", [1, 2])
def test_a_bidirectional_tower_trains_from_a_folder(toy_files, folder, parts):
    source = folder / "source"
    source.mkdir()
    config = {"model_cfg": text_tower(**SIGLIP), "preprocess_cfg": {"size": 24, "mean": [0.5] * 3, "std": [0.5] * 3}}
    (source / "open_clip_config.json").write_text(json.dumps(config))
    save_file(fresh_model(config, 1).state_dict(), source / WEIGHTS)
    save_tokenizer(word_tokenizer(toy.WORDS, 16), source, 16)
    model = OpenClipConfig(name=f"local-dir:{source}")
    base = train(toy_files, folder, "base", model, grad_cache_chunks=parts)
    assert json.loads((base / "open_clip_config.json").read_text())["preprocess_cfg"]["mean"] == [0.5] * 3
    assert not torch.allclose(opened(base), opened(source), atol=1e-3)
    assert not torch.allclose(opened(train(toy_files, folder, "own", model, toy.OWN)), opened(base), atol=1e-3)


def changes(toy_files, folder, **changed):
    """Names of the weights that an arm's training changed."""
    model = OpenClipConfig(name=NAME)
    base = train(toy_files, folder, "base", model, base=PhaseConfig(captions="broad", steps=0))
    arm = train(toy_files, folder, "own", model, toy.OWN.model_copy(update=changed), grad_cache_chunks=2)
    before, after = load_file(base / WEIGHTS), load_file(arm / WEIGHTS)
    assert before.keys() == after.keys()
    return {name for name, value in after.items() if not torch.equal(value, before[name])}


def test_frozen_parameters_do_not_change(toy_files, folder):
    changed = changes(toy_files, folder, freeze=["image", "text.blocks.0", "token_*"])
    assert changed and not any(name.startswith(("visual.", "token_")) or ".resblocks.0." in name for name in changed)
    assert any(".resblocks.1." in name for name in changed)


def test_low_rank_adaptation_changes_only_matrices(toy_files, folder):
    lora = LowRankConfig(rank=2, target_modules=["text", "image.blocks.1"])
    changed = changes(toy_files, folder, lora=lora, freeze=["text.blocks.0"]) - {"logit_scale"}
    assert {name for name in changed if name.startswith("visual.")} and all(
        "resblocks.1." in name or name == "text_projection" for name in changed
    )
    assert not any("ln_" in name or name.endswith("bias") for name in changed)


LESS = [
    ({"freeze": ["head"]}, "'head' is no part"),
    ({"freeze": ["image", "text", "logit_scale"]}, "no weight is left"),
    ({"lora": LowRankConfig(rank=500)}, "no matrix"),
]


@pytest.mark.parametrize(("changed", "message"), LESS)
def test_freezing_all_parameters_is_refused(toy_files, folder, changed, message):
    with pytest.raises(InputError, match=message):
        changes(toy_files, folder, **changed)
