"""Weight files: read without running anything that is in them, and fitted to a model key by key.

open_clip's own loader interpolates positional embeddings of another shape with only a log message, and of a state
dict that does not fit it reports the first line. Here a file fits as it is or is refused with the key.
"""

import sys
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from open_clip.convert import convert_state_dict, load_big_vision_weights
from open_clip.model import convert_to_custom_text_state_dict
from safetensors.torch import load_file
from torch import Tensor

from nearmiss.base.errors import InputError
from nearmiss.engine.models.library_errors import as_input_error

WRAPPERS = ("state_dict", "model_state_dict", "model", "module")
"""Keys under which training scripts keep the weights in a checkpoint of more."""
PREFIXES = ("module.", "model.", "_orig_mod.")
"""What DataParallel, Lightning and torch.compile put before every name."""
_COMPILED = "_orig_mod."  # occurs inside a name where only a part of the model was compiled
_RECORDS = ("input_resolution", "context_length", "vocab_size")  # numbers that OpenAI keeps among its weights
_POSITION_IDS = "text.transformer.embeddings.position_ids"  # kept by transformers up to 4.30, computed since
_FOLDER = 0x10  # marks a folder in a zip; torch writes none, and would read one as a tensor of nothing
_SHOWN = 3  # names in a message
_PROBLEM = "the weights do not load"

REMEDY = "give a complete state dict of this architecture that contains only tensors, or a tag that can be downloaded"


def load_weights(file: Path, model: Any, *, remedy: str = REMEDY) -> None:
    """Put a file's weights into a model. Raises InputError as `read_weights` and `fitted` do."""
    file = Path(file)
    if file.suffix in (".npz", ".npy"):
        _load_big_vision(file, model, remedy)
    else:
        model.load_state_dict(fitted(read_weights(file, remedy=remedy), model, file, remedy=remedy))


def read_weights(file: Path, *, remedy: str = REMEDY) -> dict[str, Any]:
    """The state dict in a file: safetensors, or what `torch.save` wrote, bare or under one of `WRAPPERS`.

    Nothing in the file is executed: numpy's scalars and arrays next to the weights are skipped, and any other object is
    an InputError that names its class. So is a file that is empty, cut short or damaged.
    """
    file = Path(file)
    with as_input_error(_PROBLEM, file=file, remedy=remedy):
        content = load_file(file) if file.suffix == ".safetensors" else _unpickled(file)
    return _unwrapped(content, file, remedy)


def fitted(found: Mapping[str, Any], model: Any, file: Path, *, remedy: str = REMEDY) -> dict[str, Tensor]:
    """The weights under the model's own names, each of the model's shape; `model` may be on the meta device.

    `PREFIXES` are taken off. `logit_bias`, which cosine similarities do not depend on, is left out with a word where
    the model has none, and zero where the file has none, as in open_clip. Raises InputError, with the names, where a
    key is missing, unknown, twice, no tensor, of another shape or kind, or holds a value that is not finite.
    """
    expected: dict[str, Tensor] = model.state_dict()
    weights = _converted(_renamed(found, expected, file, remedy), model, expected)
    for name in ("logit_scale", "logit_bias"):
        value = weights.get(name)
        if isinstance(value, Tensor) and name in expected and value.numel() == expected[name].numel() == 1:
            weights[name] = value.reshape(expected[name].shape)
    if "logit_bias" in weights and "logit_bias" not in expected:
        del weights["logit_bias"]
        print(
            f"nearmiss: {file}: logit_bias is left out, because the model has none; similarities do not depend on it",
            file=sys.stderr,
        )
    if "logit_bias" in expected and "logit_bias" not in weights:
        weights["logit_bias"] = torch.zeros(expected["logit_bias"].shape)
    # Training scripts keep numbers and names among the weights; what is no tensor computes nothing.
    weights = {name: value for name, value in weights.items() if name in expected or _computes(value)}
    _check_names(weights, expected, file, remedy)
    for name, value in weights.items():
        _check_tensor(name, value, expected[name], file, remedy)
    not_finite = [n for n, value in weights.items() if value.is_floating_point() and not torch.isfinite(value).all()]
    if not_finite:
        raise _refused(
            f"values that are not finite in {_listed(not_finite)}", file, "give weights that did not diverge"
        )
    return weights


def _refused(reason: str, file: Path, remedy: str) -> InputError:
    return InputError(f"{_PROBLEM}: {reason}", file=file, remedy=remedy)


def _listed(names: Iterable[str]) -> str:
    every = sorted(names)
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return ", ".join(every[:_SHOWN]) + more


class _Skipped:
    """Stands for a numpy value in a pickle. It replaces numpy, which would follow the pickle's instructions."""

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


_NUMPY = tuple(
    (_Skipped, name)
    for name in (
        *(f"numpy.{core}.multiarray.{kind}" for core in ("core", "_core") for kind in ("scalar", "_reconstruct")),
        "numpy.ndarray",
        "numpy.dtype",
        "_codecs.encode",
        *(f"numpy.dtypes.{kind.__name__}" for kind in {type(np.dtype(code)) for code in np.typecodes["All"]}),
    )
)


def _unpickled(file: Path) -> Any:
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            wrong = archive.testzip()  # torch writes the checksums and does not compare them
            folders = [each.filename for each in archive.infolist() if each.external_attr & _FOLDER]
        if wrong is not None or folders:
            raise ValueError(f"{wrong or folders[0]} does not have its checksum: the file is damaged")
    with torch.serialization.safe_globals([*_NUMPY]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pickle protocols: what cannot be read is an error
        return torch.load(file, map_location="cpu", weights_only=True)


def _unwrapped(content: Any, file: Path, remedy: str) -> dict[str, Any]:
    """The innermost dictionary that holds the weights."""
    while isinstance(content, Mapping):
        if any(isinstance(value, Tensor) for value in content.values()):
            return {str(name): value for name, value in content.items()}
        inside = [name for name in WRAPPERS if isinstance(content.get(name), Mapping) and content[name]]
        if len(inside) > 1:
            raise _refused(f"{' and '.join(inside)} could each be the weights", file, "give a file with one of them")
        if not inside:
            break
        content = content[inside[0]]
    holds = f"only {_listed(map(str, content))}" if isinstance(content, Mapping) and content else "nothing"
    raise _refused(f"the file has no tensors by name; it holds {holds}", file, remedy)


def _renamed(found: Mapping[str, Any], expected: Mapping[str, Tensor], file: Path, remedy: str) -> dict[str, Any]:
    """Weights without the wrappers' prefixes. A name that the model itself has is kept."""
    renamed: dict[str, Any] = {}
    before: dict[str, str] = {}
    for old in found:
        new = old
        while new not in expected and (prefix := next((each for each in PREFIXES if new.startswith(each)), None)):
            new = new.removeprefix(prefix)
        if new not in expected:
            new = new.replace(f".{_COMPILED}", ".")
        if new in renamed:
            raise _refused(f"{before[new]} and {old} are both {new}", file, remedy)
        renamed[new], before[new] = found[old], old
    return renamed


def _converted(weights: dict[str, Any], model: Any, expected: Mapping[str, Tensor]) -> dict[str, Any]:
    """Names as this open_clip has them, of the older and foreign ones that it supports."""
    weights = dict(convert_state_dict(model, weights))
    if "positional_embedding" in weights and "positional_embedding" not in expected:
        weights = convert_to_custom_text_state_dict(weights)
    for name in (_POSITION_IDS, *_RECORDS):
        if name in weights and name not in expected:
            del weights[name]
    return weights


def _computes(value: Any) -> bool:
    """Whether a value is a tensor or holds one."""
    if isinstance(value, Mapping):
        return any(map(_computes, value.values()))
    return isinstance(value, Tensor) or (isinstance(value, list | tuple) and any(map(_computes, value)))


def _check_names(weights: Mapping[str, Any], expected: Mapping[str, Tensor], file: Path, remedy: str) -> None:
    missing, unknown = sorted(expected.keys() - weights.keys()), sorted(weights.keys() - expected.keys())
    if missing == ["logit_scale"] and not unknown:
        remedy = "add logit_scale, the logarithm of the inverse temperature (open_clip begins with ln(1 / 0.07))"
    parts = [f"{len(missing)} of the model's {len(expected)} keys missing: {_listed(missing)}"] if missing else []
    parts += [f"{len(unknown)} that the model does not have: {_listed(unknown)}"] if unknown else []
    if parts:
        raise _refused("; ".join(parts), file, remedy)


def _check_tensor(name: str, value: Any, wanted: Tensor, file: Path, remedy: str) -> None:
    if not isinstance(value, Tensor) or value.layout != torch.strided or value.is_meta:
        raise _refused(f"{name} is no dense tensor", file, remedy)
    if value.shape != wanted.shape:
        is_position = "positional_embedding" in name or "pos_embed" in name
        raise _refused(
            f"{name} is {tuple(value.shape)}, the model's is {tuple(wanted.shape)}",
            file,
            "name the model whose context length and image size these weights have; nothing is interpolated"
            if is_position
            else remedy,
        )
    if value.is_floating_point() != wanted.is_floating_point() or value.is_complex():
        raise _refused(f"{name} holds {value.dtype}, the model {wanted.dtype}", file, remedy)


def _load_big_vision(file: Path, model: Any, remedy: str) -> None:
    """SigLIP's weights as Google publishes them. open_clip would resize what is of another shape, so that is first."""
    with as_input_error(_PROBLEM, file=file, remedy=remedy):
        arrays = np.load(file)
        try:
            for name, shape in _big_vision_shapes(arrays, model):
                if arrays[name].shape != shape:
                    raise _refused(f"{name} is {arrays[name].shape}, the model's is {shape}", file, remedy)
            load_big_vision_weights(model, str(file))
        except KeyError as error:
            raise _refused(f"a key is missing: {error}", file, remedy) from None
        weights = {name: value.cpu() for name, value in model.state_dict().items()}
    fitted(weights, model, file, remedy=remedy)


def _big_vision_shapes(arrays: Any, model: Any) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names in Google's file with the shapes that the model gives them, of what open_clip would resize or repeat."""
    root = "params/" if "params/b" in arrays else ""
    patches = model.visual.trunk.patch_embed.proj.weight
    yield f"{root}img/pos_embedding", tuple(model.visual.trunk.pos_embed.shape)
    yield f"{root}img/embedding/kernel", (*patches.shape[2:], patches.shape[1], patches.shape[0])
    yield f"{root}txt/pos_embedding", (1, *model.text.positional_embedding.shape)
