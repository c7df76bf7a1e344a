"""Weight files as users have them: understood where they fit, and refused with the key, the shapes or the class."""

import random
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import open_clip
import pytest
import torch
from safetensors.torch import save_file

import small_open_clip
from nearmiss.base.errors import InputError
from nearmiss.base.seeding import array_rng
from nearmiss.engine.models.architecture import configuration_of, named_architecture
from nearmiss.engine.models.checkpoint import fresh_model
from nearmiss.engine.models.weights import fitted, load_weights, read_weights

NAME = small_open_clip.NAME


@pytest.fixture(scope="module", autouse=True)
def registered(tmp_path_factory):
    small_open_clip.register(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def weights():
    """A state dict that no seed draws. Not to be changed: copy it."""
    model = fresh_model(configuration_of(NAME, None), 7)
    return {name: value + 0.25 if value.is_floating_point() else value for name, value in model.state_dict().items()}


def loaded(content, file):
    """The model's state dict after it was opened with a file of this content."""
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif file.suffix == ".safetensors":
        save_file({name: value.clone() for name, value in content.items()}, file)
    else:
        torch.save(content, file)
    return named_architecture(NAME, str(file)).begun(0).state_dict()


def refused(content, file):
    """The message about a file of this content."""
    with pytest.raises(InputError) as error:
        loaded(content, file)
    assert str(file) in str(error.value) and "remedy:" in str(error.value)
    assert "\x1b" not in str(error.value)
    return str(error.value)


def equal(found, weights):
    return found.keys() == weights.keys() and all(torch.equal(found[name], value) for name, value in weights.items())


def prefixed(weights, prefix):
    return {prefix + name: value for name, value in weights.items()}


def without(weights, *names):
    return {name: value for name, value in weights.items() if name not in names}


def compiled_in_part(weights):
    return {name.replace("visual.", "visual._orig_mod."): value for name, value in weights.items()}


FITTING = {
    "bare": lambda w: w,
    "state_dict": lambda w: {"state_dict": w, "epoch": 3, "optimizer": {"lr": torch.ones(2)}},
    "model": lambda w: {"model": w, "args": ["--lr", "1e-3"]},
    "model, state_dict": lambda w: {"model": {"state_dict": w}},
    "module.": lambda w: prefixed(w, "module."),
    "model.": lambda w: {"state_dict": prefixed(w, "model.")},
    "_orig_mod.": lambda w: prefixed(w, "_orig_mod."),
    "module._orig_mod.": lambda w: {"state_dict": prefixed(w, "module._orig_mod.")},
    "_orig_mod.module.": lambda w: prefixed(w, "_orig_mod.module."),
    "a compiled part": compiled_in_part,
    "one name without it": lambda w: prefixed(without(w, "logit_scale"), "model.") | {"logit_scale": w["logit_scale"]},
    "numpy scalar": lambda w: {"state_dict": w, "best": np.float64(0.5), "step": np.int64(3)},
    "numpy array": lambda w: {"state_dict": w, "losses": np.arange(3.0), "name": np.str_("run")},
    "numbers between the weights": lambda w: {**w, "epoch": 4, "best": np.float32(1), "name": "run"},
    "numbers of OpenAI's": lambda w: {**w, "input_resolution": torch.tensor(24), "context_length": torch.tensor(16)},
    "a scale of one entry": lambda w: {**w, "logit_scale": w["logit_scale"].reshape(1)},
    "parameters": lambda w: {name: torch.nn.Parameter(value) for name, value in w.items()},
}


@pytest.mark.parametrize("form", FITTING)
def test_the_state_dicts_of_training_scripts_are_read(weights, tmp_path, form):
    assert equal(loaded(FITTING[form](weights), tmp_path / "weights.pt"), weights)


def test_safetensors_with_prefixes_are_read(weights, tmp_path):
    assert equal(loaded(prefixed(weights, "module.model."), tmp_path / "weights.safetensors"), weights)


def test_half_precision_is_accepted(weights, tmp_path):
    half = {name: value.half() for name, value in weights.items()}
    assert equal(loaded(half, tmp_path / "weights.pt"), {name: value.float() for name, value in half.items()})


def longer(weights, name, count):
    value = weights[name]
    return {**weights, name: torch.cat([value] * 3)[:count]}


UNFIT = {
    "missing": (lambda w: without(w, "ln_final.bias"), ["1 of the model's", "missing: ln_final.bias"]),
    "many missing": (lambda w: {"ln_final.bias": w["ln_final.bias"]}, ["missing: ", " more"]),
    "no logit_scale": (lambda w: without(w, "logit_scale"), ["missing: logit_scale", "add logit_scale"]),
    "unknown": (lambda w: {**w, "adapter.up": torch.ones(2)}, ["model does not have: adapter.up"]),
    "nested": (lambda w: {**w, "ema": {"a": torch.ones(2)}}, ["model does not have: ema"]),
    "another prefix": (lambda w: prefixed(w, "clip."), ["missing: ", "clip."]),
    "twice": (lambda w: {**w, "module.visual.proj": w["visual.proj"]}, ["visual.proj and module.visual.proj"]),
    "two wrappers": (lambda w: {"model": w, "state_dict": w}, ["state_dict and model"]),
    "shape": (lambda w: {**w, "visual.proj": w["visual.proj"][:, :8]}, ["visual.proj is (16, 8)", "(16, 16)"]),
    "long text": (lambda w: longer(w, "positional_embedding", 40), ["positional_embedding is (40, 16)", "(16, 16)"]),
    "short text": (lambda w: longer(w, "positional_embedding", 8), ["positional_embedding is (8, 16)", "(16, 16)"]),
    "image size": (lambda w: longer(w, "visual.positional_embedding", 17), ["visual.positional_embedding is (17, 16)"]),
    "no tensor": (lambda w: {**w, "visual.proj": [1.0]}, ["visual.proj is no dense tensor"]),
    "numpy weight": (lambda w: {**w, "logit_scale": np.float32(1)}, ["logit_scale is no dense tensor"]),
    "integers": (
        lambda w: {**w, "ln_final.bias": torch.ones(16, dtype=torch.int64)},
        ["ln_final.bias holds torch.int64"],
    ),
    "sparse": (lambda w: {**w, "visual.proj": w["visual.proj"].to_sparse()}, ["visual.proj is no dense tensor"]),
    "not finite": (lambda w: {**w, "visual.proj": w["visual.proj"] / 0}, ["not finite in visual.proj"]),
    "all nan": (lambda w: {n: v * float("nan") for n, v in w.items()}, ["not finite in ln_final.bias", "more"]),
    "nothing": (lambda w: {}, ["holds nothing"]),
    "a list": (lambda w: [w], ["no tensors by name"]),
    "other things": (lambda w: {"epoch": 3, "args": {"lr": 1.0}}, ["only args, epoch"]),
}


@pytest.mark.parametrize("form", UNFIT)
def test_weights_that_do_not_fit_are_reported(weights, tmp_path, form):
    content, named = UNFIT[form]
    message = refused(content(weights), tmp_path / "weights.pt")
    assert all(words in message for words in named), message


@pytest.mark.parametrize("suffix", [".pt", ".bin", ".safetensors"])
@pytest.mark.parametrize("name", ["positional_embedding", "visual.positional_embedding"])
def test_positional_embeddings_are_not_interpolated(weights, tmp_path, suffix, name):
    message = refused(longer(weights, name, 26), tmp_path / f"weights{suffix}")
    assert f"{name} is (26, 16)" in message and "nothing is interpolated" in message


def test_an_additional_logit_bias_is_skipped_with_a_message(weights, tmp_path, capsys):
    assert equal(loaded({**weights, "logit_bias": torch.tensor(-10.0)}, tmp_path / "weights.pt"), weights)
    assert "logit_bias is left out" in capsys.readouterr().err


class Loud:
    """What a pickle could run."""

    def __reduce__(self):
        return print, ("this must not run",)


@pytest.mark.parametrize(("other", "named"), [(Path("/"), "pathlib"), (Loud(), "print"), (random.Random(0), "random")])
def test_other_objects_are_refused_by_class_and_not_executed(weights, tmp_path, capsys, other, named):
    message = refused({"state_dict": weights, "args": other}, tmp_path / "weights.pt")
    assert named in message and "GLOBAL" in message and "must not run" not in capsys.readouterr().out


def test_a_forged_numpy_state_is_skipped(weights, tmp_path):
    class Forged:
        def __reduce__(self):
            return np.dtype, ("f8", False, True), (3, "<", None, ("a",), {"a": 1}, -1, -1, 63)

    assert equal(loaded({"state_dict": weights, "step": Forged()}, tmp_path / "weights.pt"), weights)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"\0" * 16, b"not weights at all", b"PK\x03\x04" + b"\0" * 40])
def test_a_file_of_another_type_is_reported(tmp_path, suffix, content):
    assert "do not load" in refused(content, tmp_path / f"weights{suffix}")


def damaged(content, draw, count):
    """Copies of a file, each with one bit flipped."""
    for place in draw.integers(0, len(content), count):
        copy = bytearray(content)
        copy[int(place)] ^= 1 << int(draw.integers(8))
        yield bytes(copy)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_flipped_bit_is_reported_except_in_values_of_safetensors(tmp_path, suffix):
    """safetensors has no checksum of the values: those are compared with the manifest by the job that reads them."""
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.LayerNorm(4))
    good = {name: value.clone() for name, value in model.state_dict().items()}
    file = tmp_path / f"weights{suffix}"
    save_file(good, file) if suffix == ".safetensors" else torch.save(good, file)
    content = file.read_bytes()
    header = content[: -4 * sum(value.numel() for value in good.values())] if suffix == ".safetensors" else content
    for changed in damaged(header, array_rng(0, "flips", suffix), 300):
        file.write_bytes(changed + content[len(header) :])
        try:
            assert equal(fitted(read_weights(file), model, file), good)
        except InputError as error:
            assert str(file) in str(error)
    for length in (1, 8, 100, len(content) // 2, len(content) - 1):
        file.write_bytes(content[:length])
        with pytest.raises(InputError, match="do not load"):
            read_weights(file)


def test_a_torchscript_archive_is_refused_with_a_remedy(tmp_path):
    file = tmp_path / "script.pt"
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(file))
    message = refused(file.read_bytes(), file)
    assert "TorchScript" in message and "state_dict()" in message


def test_accepted_weights_give_the_embeddings_of_open_clip(weights, tmp_path):
    """The contract of a file that fits: open_clip's own loader gives the same weights."""
    torch.save({"state_dict": prefixed(weights, "module.")}, tmp_path / "weights.pt")
    theirs = open_clip.create_model(NAME, pretrained=str(tmp_path / "weights.pt"))
    assert equal(theirs.state_dict(), named_architecture(NAME, str(tmp_path / "weights.pt")).begun(0).state_dict())


def siglip_of_google(**changed):
    """Parameters of Google's file for a model of 24 pixels and 16 tokens, and those of the model."""
    patches = SimpleNamespace(proj=SimpleNamespace(weight=torch.zeros(8, 3, 4, 4)))
    trunk = SimpleNamespace(patch_embed=patches, pos_embed=torch.zeros(1, 36, 8))
    text = SimpleNamespace(positional_embedding=torch.zeros(16, 8))
    arrays = {
        "params/b": np.zeros(1),
        "params/img/pos_embedding": np.zeros((1, 36, 8)),
        "params/img/embedding/kernel": np.zeros((4, 4, 3, 8)),
        "params/txt/pos_embedding": np.zeros((1, 16, 8)),
    }
    return SimpleNamespace(visual=SimpleNamespace(trunk=trunk), text=text), arrays | changed


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"params/img/pos_embedding": np.zeros((1, 49, 8))}, "params/img/pos_embedding is (1, 49, 8)"),
        ({"params/txt/pos_embedding": np.zeros((1, 64, 8))}, "params/txt/pos_embedding is (1, 64, 8)"),
        ({"params/img/embedding/kernel": np.zeros((8, 8, 3, 8))}, "params/img/embedding/kernel is (8, 8, 3, 8)"),
        ({"params/txt/pos_embedding": None}, "a key is missing"),
        ({"params/img/pos_embedding": np.array([Path("/")])}, "allow_pickle"),
    ],
)
def test_weights_of_big_vision_are_not_resized(tmp_path, changed, named):
    model, arrays = siglip_of_google(**changed)
    file = tmp_path / "weights.npz"
    np.savez(file, **{name: value for name, value in arrays.items() if value is not None})
    with pytest.raises(InputError) as error:
        load_weights(file, model)
    assert named in str(error.value) and str(file) in str(error.value)
