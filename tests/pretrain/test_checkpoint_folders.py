"""A checkpoint folder from elsewhere: opened only with its own files, or refused before a model is built."""

import json
import shutil
import socket

import open_clip
import pytest
import torch
from safetensors.torch import load_file, save_file

import small_open_clip
from nearmiss.base.errors import InputError
from nearmiss.engine.formats.checkpoint import TOKENIZER_FILES as WORDS
from nearmiss.engine.formats.checkpoint import WEIGHTS
from nearmiss.engine.models.architecture import configuration_of, named_architecture, weights_file
from nearmiss.engine.models.checkpoint import fresh_model, open_checkpoint
from nearmiss.engine.models.folder import CONFIG, FUSION_WEIGHTS, check_configuration, folder_configuration
from nearmiss.engine.models.tokenization import save_tokenizer, word_tokenizer

VOCABULARY = ("red", "blue", "cube", "ball")
OTHER_NAMES = (
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
    "pytorch_model.pth",
    "model.safetensors",
    "model.pth",
    "epoch_latest.bin",
    "best.safetensors",
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a small model, words and weights. Not to be changed: copy it."""
    folder = tmp_path_factory.mktemp("made")
    tokenizer = word_tokenizer(VOCABULARY, 16)
    config = configuration(tokenizer.get_vocab_size())
    (folder / CONFIG).write_text(json.dumps(config))
    save_file({name: value.clone() for name, value in fresh_model(config, 5).state_dict().items()}, folder / WEIGHTS)
    save_tokenizer(tokenizer, folder, 16)
    return folder


def configuration(vocabulary):
    vision = {"image_size": 24, "layers": 1, "width": 16, "head_width": 8, "patch_size": 8}
    text = {"context_length": 16, "vocab_size": vocabulary, "width": 16, "heads": 2, "layers": 1}
    text |= {"hf_tokenizer_name": "nearmiss-words"}
    return {
        "model_cfg": {"embed_dim": 16, "vision_cfg": vision, "text_cfg": text},
        "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3},
    }


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / "folder")


@pytest.fixture
def offline(monkeypatch):
    """A list that a connection is written to, before it fails."""
    requests = []

    def connect(self, address):
        requests.append(address)
        raise OSError("no network in a test")

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *_, **__: connect(None, host))
    return requests


def begun(folder):
    return named_architecture(f"local-dir:{folder}", None).begun(0)


def edit(folder, *path, value):
    """Set one entry of the configuration."""
    found = json.loads((folder / CONFIG).read_text())
    place = found
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    (folder / CONFIG).write_text(json.dumps(found))


def test_a_folder_without_weights_is_refused(folder):
    (folder / WEIGHTS).unlink()
    for opened in (begun, open_checkpoint, lambda place: weights_file(f"local-dir:{place}", None)):
        with pytest.raises(InputError, match="no weights") as error:
            opened(folder)
        assert str(folder) in str(error.value) and WEIGHTS in error.value.remedy


@pytest.mark.parametrize("name", OTHER_NAMES)
def test_every_name_that_open_clip_reads_is_read(folder, name):
    weights = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).unlink()
    save_file(weights, folder / name) if name.endswith("safetensors") else torch.save(weights, folder / name)
    theirs = open_clip.create_model(f"local-dir:{folder}").state_dict()
    for found in (begun(folder).state_dict(), open_checkpoint(folder)[0].state_dict()):
        assert all(torch.equal(found[key], value) and torch.equal(theirs[key], value) for key, value in weights.items())


@pytest.mark.parametrize("name", ["weights.pt", "weights.ckpt", FUSION_WEIGHTS])
def test_weights_under_another_name_are_not_found(folder, name):
    (folder / WEIGHTS).rename(folder / name)
    with pytest.raises(InputError, match="no weights"):
        begun(folder)


def test_several_weight_files_are_refused(folder):
    shutil.copy(folder / WEIGHTS, folder / "epoch_1.safetensors")
    (folder / WEIGHTS).rename(folder / "epoch_2.safetensors")
    with pytest.raises(InputError, match=r"epoch_1\.safetensors, epoch_2\.safetensors"):
        begun(folder)


@pytest.mark.parametrize("name", ["positional_embedding", "visual.positional_embedding"])
def test_weights_of_another_length_or_image_size_are_refused(folder, name):
    weights = load_file(folder / WEIGHTS)
    save_file({**weights, name: torch.cat([weights[name]] * 3)[:26]}, folder / WEIGHTS)
    for opened in (begun, open_checkpoint):
        with pytest.raises(InputError, match=rf"{name} is \(26, 16\)"):
            opened(folder)


ELSEWHERE = [
    (("text_cfg", "hf_model_name"), "evil/model", "evil/model"),
    (("text_cfg", "hf_model_name"), "../../etc", "etc"),
    (("text_cfg", "tokenizer_kwargs"), {"trust_remote_code": True}, "trust_remote_code"),
    (("vision_cfg", "timm_model_name"), "hf-hub:evil/model", "hf-hub:evil/model"),
    (("vision_cfg", "timm_model_name"), "hf_hub:evil/model", "hf_hub:evil/model"),
    (("vision_cfg", "timm_model_name"), "local-dir:../elsewhere", "elsewhere"),
    (("vision_cfg", "timm_model_name"), "../elsewhere", "elsewhere"),
    (("vision_cfg", "timm_model_name"), "no_such_tower", "no_such_tower"),
]


@pytest.mark.parametrize(("path", "value", "named"), ELSEWHERE)
def test_nothing_is_downloaded_for_a_folder(folder, offline, path, value, named):
    edit(folder, "model_cfg", *path, value=value)
    for opened in (begun, open_checkpoint):
        with pytest.raises(InputError, match=path[1]) as error:
            opened(folder)
        assert named in str(error.value) and CONFIG in str(error.value)
    assert offline == []


@pytest.mark.parametrize("name", ["evil/words", "hf-hub:evil/words", "nearmiss-words", "../../words", "/etc"])
def test_the_tokenizer_is_read_from_the_folder(folder, offline, name):
    edit(folder, "model_cfg", "text_cfg", "hf_tokenizer_name", value=name)
    *_, tokenizer = open_checkpoint(folder)
    assert tokenizer(["a red cube"]).shape == (1, 16)
    assert named_architecture(f"local-dir:{folder}", None).tokenization(["red cube"]).lengths[0] == 4
    for file in WORDS:
        (folder / file).unlink()
    for opened in (begun, open_checkpoint):
        with pytest.raises(InputError, match=r"not in the folder|no tokenizer"):
            opened(folder)
    assert offline == []


def test_a_tokenizer_with_remote_code_is_refused(folder, offline):
    edit(folder, "model_cfg", "text_cfg", "hf_tokenizer_name", value="words")
    options = json.loads((folder / WORDS[1]).read_text())
    code = {"tokenizer_class": "Evil", "auto_map": {"AutoTokenizer": [None, "evil/code--tokenizer.Evil"]}}
    (folder / WORDS[1]).write_text(json.dumps({**options, **code}))
    for opened in (begun, open_checkpoint):
        with pytest.raises(InputError, match="tokenizer does not open"):
            opened(folder)
    assert offline == []


def test_towers_do_not_load_pretrained_weights(folder, offline):
    vision = {"timm_model_name": "vit_tiny_patch16_224", "timm_model_pretrained": True}
    edit(folder, "model_cfg", "vision_cfg", value=vision)
    for opened in (begun, open_checkpoint):
        with pytest.raises(InputError, match=r"keys missing: visual\.head"):
            opened(folder)
    assert offline == []


WRONG = [
    (("embed_dim",), 10**9),
    (("embed_dim",), 10**30),
    (("embed_dim",), "16"),
    (("embed_dim",), 0),
    (("embed_dim",), None),
    (("vision_cfg",), 3),
    (("text_cfg",), []),
    (("vision_cfg", "layers"), 10**9),
    (("vision_cfg", "layers"), [1, 2, 10**9, 3]),
    (("vision_cfg", "width"), -16),
    (("vision_cfg", "patch_size"), 0),
    (("vision_cfg", "image_size"), 10**6),
    (("vision_cfg", "mlp_ratio"), 1e300),
    (("vision_cfg", "mlp_ratio"), float("nan")),
    (("vision_cfg", "timm_model_name"), ["a"]),
    (("vision_cfg", "no_such_option"), 1),
    (("text_cfg", "context_length"), 10**9),
    (("text_cfg", "vocab_size"), True),
    (("text_cfg", "heads"), 2.5),
    (("text_cfg", "hf_tokenizer_name"), {"a": 1}),
    (("quick_gelu",), "yes"),
    (("init_logit_scale",), float("inf")),
    (("no_such_option",), 1),
    (("multimodal_cfg",), {}),
]


@pytest.mark.parametrize(("path", "value"), WRONG)
def test_an_invalid_configuration_is_reported_with_its_key(folder, path, value):
    edit(folder, "model_cfg", *path, value=value)
    with pytest.raises(InputError) as error:
        begun(folder)
    assert path[-1] in str(error.value.record) and CONFIG in str(error.value)


PREPROCESSING = [
    ("size", 0),
    ("size", "24"),
    ("size", 32),  # the tower sees 24
    ("size", [24, 24, 24]),
    ("mode", "CMYK"),
    ("mean", [0.5]),
    ("std", [0.5, 0.5, 0]),
    ("std", [0.5, 0.5, float("nan")]),
    ("interpolation", "nearest"),
    ("resize_mode", "crop"),
    ("fill_color", 300),
]


@pytest.mark.parametrize(("key", "value"), PREPROCESSING)
def test_an_unknown_preprocessing_is_reported(folder, key, value):
    edit(folder, "preprocess_cfg", key, value=value)
    with pytest.raises(InputError, match="preprocess"):
        begun(folder)


@pytest.mark.parametrize("content", ["[]", "3", "{}", '{"model_cfg": []}', "null"])
def test_a_configuration_of_another_form_is_reported(folder, content):
    (folder / CONFIG).write_text(content)
    with pytest.raises(InputError, match="lacks 'model_cfg'"):
        begun(folder)


def test_sizes_that_do_not_match_the_file_allocate_no_memory(folder):
    """65,536 x 16,777,216 numbers would be 4 TiB: they are compared with the file before they are made."""
    edit(folder, "model_cfg", "text_cfg", "width", value=2**16)
    edit(folder, "model_cfg", "text_cfg", "vocab_size", value=2**24)
    with pytest.raises(InputError, match=r"ln_final\.bias is \(16,\), the model's is \(65536,\)"):
        begun(folder)


def test_a_vocabulary_smaller_than_the_tokenizer_is_refused(folder):
    edit(folder, "model_cfg", "text_cfg", "vocab_size", value=5)
    with pytest.raises(InputError, match="tokens, the model 5"):
        begun(folder)


def test_heads_that_do_not_divide_the_width_are_refused(folder):
    edit(folder, "model_cfg", "text_cfg", "heads", value=3)
    with pytest.raises(InputError, match="cannot be built"):
        begun(folder)


def test_every_dual_encoder_of_open_clip_has_a_configuration_that_is_accepted():
    duals = {name: open_clip.get_model_config(name) for name in open_clip.list_models()}
    duals = {name: model for name, model in duals.items() if "multimodal_cfg" not in model}
    assert len(duals) > 100
    for name, model in duals.items():
        check_configuration({"model_cfg": model}, file=None, origin=name)


def test_accepted_folders_open_in_open_clip(made):
    model, transform, tokenizer = open_checkpoint(made)
    theirs, _, their_transform = open_clip.create_model_and_transforms(f"local-dir:{made}")
    assert all(torch.equal(value, theirs.state_dict()[name]) for name, value in model.state_dict().items())
    assert str(transform) == str(their_transform)
    sentence = ["a red cube and a blue ball"]
    assert torch.equal(tokenizer(sentence), open_clip.get_tokenizer(f"local-dir:{made}")(sentence))
    assert folder_configuration(made)["model_cfg"]["embed_dim"] == 16


def test_a_text_tower_of_transformers_is_created_without_pretrained_weights(tmp_path):
    name = small_open_clip.register(tmp_path)
    assert "hf_model_pretrained" not in configuration_of(name, None)["model_cfg"]["text_cfg"]
    roberta = configuration_of("roberta-ViT-B-32", None)["model_cfg"]["text_cfg"]
    assert roberta["hf_model_name"] == "roberta-base" and roberta["hf_model_pretrained"] is False
