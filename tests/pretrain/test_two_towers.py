"""A model of a timm trunk and a transformers text model: its weights, its training, and its checkpoint in open_clip."""

import json

import open_clip
import pytest
import timm
import torch
import toy_training as toy
from PIL import Image
from safetensors.torch import load_file, save_file

import small_towers
from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, sha256
from nearmiss.engine.formats.checkpoint import WEIGHTS
from nearmiss.engine.models.packing import Texts
from nearmiss.engine.models.text import encode_padded
from nearmiss.engine.models.two_towers import two_towers
from nearmiss.engine.models.weight_layouts import names_of_timm
from nearmiss.engine.scoring.encoder import Encoder
from nearmiss.engine.training.embedding import Embedder
from nearmiss.stages.pretrain import stage, store
from nearmiss.stages.pretrain.config import LowRankConfig, PhaseConfig, TwoTowerConfig

TEXTS = ["a red cube left of a blue ball", "two star", ""]
LOWER = ["visual.trunk.*", "text.transformer.embeddings.*", "text.blocks.0-1"]


@pytest.fixture(scope="module")
def made(toy_files, tmp_path_factory):
    """The towers' weights, and a store of the toy's images as the model sees them."""
    folder = tmp_path_factory.mktemp("two-towers")
    model = TwoTowerConfig.model_validate(small_towers.model_of(folder, toy.WORDS))
    images = toy_files / "tables" / "images.parquet"
    config = toy.CONFIG.model_copy(update={"model": model})
    store.run(config=config, images=images, root=toy_files, out=folder / "store", state=folder / "state-of-store")
    return folder, model


def train(toy_files, made, folder, name="base", arm=None, steps=4, **of_arm):
    """One training into folder/name: the base, or an arm from folder/base."""
    source, model = made
    phase = PhaseConfig(captions="broad", steps=steps)
    shared = toy.CONFIG.model_copy(update={"model": model, "base": phase})
    base = toy.BASE.model_copy(update=of_arm if arm is None else {})
    given = {"shared": shared, "store": source / "store", "words": None, "out": folder / name, "arm": base}
    if arm is not None:
        given |= {"arm_name": "own", "arm": arm.model_copy(update=of_arm), "negatives": toy_files / "negatives"}
        given |= {"start": folder / "base" / "checkpoint"}
    stage.run(**toy.arguments(toy_files, **given) | {"state": folder / "state" / name})
    return folder / name / "checkpoint"


def changed(before, after):
    first, second = load_file(before / WEIGHTS), load_file(after / WEIGHTS)
    assert first.keys() == second.keys()
    return {name for name, value in second.items() if not torch.equal(value, first[name])}


def test_texts_encoded_by_length_equal_the_whole_batch(made, monkeypatch):
    model = made[1]
    towers = two_towers(model.image.model_dump(), model.text.model_dump(), model.embed_dim)
    read, whole = (
        towers.tokenization([*TEXTS, "a ball", "the green star is right of a red cube"]),
        towers.begun(0).eval(),
    )
    texts = Texts(torch.from_numpy(read.ids.astype("int64")), torch.from_numpy(read.lengths.astype("int64")))
    monkeypatch.setattr("nearmiss.engine.training.embedding._TOGETHER", 2)
    with torch.no_grad():
        embedder = Embedder(whole, None, torch.device("cpu"), False, padding=towers.tokenization.pad)
        found, expected = embedder.texts(texts), encode_padded(whole, texts, towers.tokenization.pad)
    assert torch.allclose(found, expected, atol=1e-6)
    parts, _ = texts.by_length(2)
    assert [len(part) for part in parts] == [2, 2, 1]
    lengths = sorted(texts.lengths.tolist())
    assert [part.tokens.shape[1] for part in parts] == [*lengths[1::2], lengths[-1]]


def test_each_tower_has_the_weights_of_its_file_and_the_checkpoint_opens_in_open_clip(
    toy_files, made, tmp_path, monkeypatch
):
    source, _ = made
    checkpoint = train(toy_files, made, tmp_path, steps=0)
    found = load_file(checkpoint / WEIGHTS)
    for file, prefix in (("trunk.safetensors", "visual.trunk."), ("text-model/model.safetensors", "text.transformer.")):
        for name, value in load_file(source / file).items():
            if not name.startswith(("classifier", "pooler")):
                assert torch.equal(found[prefix + name], value), name
    ours = Encoder(f"local-dir:{checkpoint}", None)
    monkeypatch.chdir(checkpoint)  # where plain open_clip finds the text model's configuration
    theirs, _, transform = open_clip.create_model_and_transforms("local-dir:.")
    pixels = toy_files / "images" / "train-00.png"
    with torch.no_grad():
        texts = theirs.eval().encode_text(open_clip.get_tokenizer("local-dir:.")(TEXTS), normalize=True)
        image = theirs.encode_image(transform(Image.open(pixels))[None], normalize=True)
    assert torch.allclose(torch.from_numpy(ours.texts(TEXTS)), texts, atol=1e-5)
    assert torch.allclose(torch.from_numpy(ours.images([lambda: Image.open(pixels)])), image, atol=1e-5)


def test_frozen_trunk_and_lower_layers_do_not_change_nor_do_running_statistics(toy_files, made, tmp_path):
    (tmp_path / "first").mkdir()
    before = train(toy_files, made, tmp_path / "first", steps=0)
    names = changed(before, train(toy_files, made, tmp_path, freeze=LOWER))
    assert {"visual.head.pool.qkv.weight", "text.proj.weight", "logit_scale"} <= names
    assert any(name.startswith("text.transformer.encoder.layer.2.") for name in names)
    assert not any(
        name.startswith(("visual.trunk.", "text.transformer.embeddings", "text.transformer.encoder.layer.0."))
        or name.startswith("text.transformer.encoder.layer.1.")
        for name in names
    )


def test_an_arm_adapts_matrices_of_chosen_blocks(toy_files, made, tmp_path):
    base = train(toy_files, made, tmp_path, steps=0)
    lora = LowRankConfig(rank=2, target_modules=["text.blocks.2", "visual.head.*"])
    names = changed(base, train(toy_files, made, tmp_path, "own", toy.OWN, lora=lora)) - {"logit_scale"}
    assert names and all(name.startswith(("text.transformer.encoder.layer.2.", "visual.head.")) for name in names)
    assert not any("LayerNorm" in name or name.endswith("bias") for name in names)


def test_a_run_records_the_weights_that_each_tower_started_from(toy_files, made, tmp_path):
    train(toy_files, made, tmp_path, steps=0)
    inputs = read_json(tmp_path / "base" / "manifest.json")["inputs"]
    assert inputs["weights/image"] == sha256(made[0] / "trunk.safetensors")
    assert inputs["weights/text"] == sha256(made[0] / "text-model" / "model.safetensors")


def bad(made, part, **options):
    model = made[1].model_dump()
    model[part] |= options
    return two_towers(**model)


def test_towers_that_cannot_be_joined_are_refused(made, tmp_path):
    for message, part, options in [
        ("timm has no model", "image", {"name": "resnet_of_nobody"}),
        ("no feature grid", "image", {"name": "test_vit"}),
        ("is no folder, and the hub", "text", {"name": str(tmp_path / "nowhere")}),
        ("has 32 positions", "text", {"context_length": 77}),
    ]:
        with pytest.raises(InputError, match=message):
            bad(made, part, **options)
    text = small_towers.write_text_model(tmp_path / "text", toy.WORDS)
    (text / "1_Pooling" / "config.json").unlink()
    with pytest.raises(InputError, match="no pooling rule"):
        bad(made, "text", name=str(text))
    assert bad(made, "text", name=str(text), pooling="cls").config["model_cfg"]["text_cfg"]["hf_pooler_type"]
    config = json.loads((text / "config.json").read_text())
    (text / "config.json").write_text(json.dumps(config | {"model_type": "gpt2"}))
    with pytest.raises(InputError, match="type 'gpt2' is not supported"):
        bad(made, "text", name=str(text), pooling="cls")


def test_weights_of_another_architecture_are_refused_with_their_names(made, tmp_path):
    other = small_towers.write_trunk_weights(tmp_path / "other.safetensors", "test_resnet")
    with pytest.raises(InputError, match="keys missing"):
        bad(made, "image", weights=str(other)).begun(0)
    with pytest.raises(InputError, match="not those that the configuration names"):
        bad(made, "image", sha256="0" * 64).begun(0)
    text = small_towers.write_text_model(tmp_path / "text", toy.WORDS)
    kept = load_file(text / "model.safetensors")
    save_file({n: v for n, v in kept.items() if ".layer.2." not in n}, text / "model.safetensors")
    with pytest.raises(InputError, match=r"keys missing: encoder\.layer\.2"):
        bad(made, "text", name=str(text)).begun(0)


MODULES = {"conv_pw": "_expand_conv", "conv_dw": "_depthwise_conv", "conv_pwl": "_project_conv"}


def in_another_layout(weights):
    """Weights of a timm EfficientNet-Lite with the names of the package efficientnet_lite_pytorch."""
    renamed, blocks = {}, []
    outside = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1", "classifier": "_fc"}
    for name, value in weights.items():
        first, *rest = name.split(".")
        if first != "blocks":
            renamed[".".join([outside[first], *rest])] = value
            continue
        stage_of, layer, module, *rest = rest
        if (stage_of, layer) not in blocks:
            blocks.append((stage_of, layer))
        if stage_of == "0":  # the first stage does not expand
            theirs = {"conv_dw": "_depthwise_conv", "bn1": "_bn1", "conv_pw": "_project_conv", "bn2": "_bn2"}[module]
        else:
            theirs = MODULES.get(module) or f"_bn{int(module[-1]) - 1}"
        renamed[".".join(["_blocks", str(blocks.index((stage_of, layer))), theirs, *rest])] = value
    return renamed


def test_names_of_another_layout_are_mapped():
    weights = timm.create_model("tf_efficientnet_lite0").state_dict()
    theirs = in_another_layout(weights)
    assert theirs.keys().isdisjoint(weights)
    mapped = names_of_timm(theirs, weights)
    assert mapped.keys() == weights.keys() and all(mapped[name] is weights[name] for name in weights)
    assert names_of_timm(weights, weights) == weights
