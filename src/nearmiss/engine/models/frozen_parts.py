"""The part of each tower that no training changes, and the rest, which computes from what that part gives.

Locked-image tuning trains against a frozen image tower (Zhai et al., LiT, CVPR 2022), whose features can be computed
once. An image tower is cut behind all of it or behind a timm trunk; a text tower of transformers behind its last frozen
layer.
"""

import copy
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from open_clip.hf_model import HFTextEncoder
from open_clip.timm_model import TimmModel
from torch import Tensor, nn

from nearmiss.base.errors import InputError
from nearmiss.engine.models.attention_pooling import head_output
from nearmiss.engine.models.evaluation_mode import evaluation_mode
from nearmiss.engine.models.text import encode_states
from nearmiss.engine.models.trainable import parameters_in, tower_of

TOWER, TRUNK = "tower", "trunk"
_EMBEDDINGS = "text.transformer.embeddings."


@dataclass(frozen=True)
class Cut:
    """Where a model is cut: the image tower behind `TOWER` or `TRUNK`, the text tower behind `layers` layers."""

    image: str | None
    layers: int | None

    def weights(self, model: nn.Module, tower: str) -> str:
        """SHA-256 of the weights, by name, from which a tower's frozen part computes."""
        digest, values = hashlib.sha256(), model.state_dict()
        for name in self.names(model, tower):
            digest.update(f"{name} {values[name].dtype} {list(values[name].shape)}".encode())
            digest.update(values[name].detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def names(self, model: nn.Module, tower: str) -> list[str]:
        """The names of these weights, sorted."""
        names = sorted(name for name in model.state_dict() if not name.endswith("num_batches_tracked"))
        return [name for name in names if self._has(name, tower)]

    def _has(self, name: str, tower: str) -> bool:
        if tower == "image":
            return name.startswith("visual." if self.image == TOWER else "visual.trunk.")
        return name.startswith((_EMBEDDINGS, *(_layer(number) for number in range(self.layers or 0))))


def cut_of(model: Any, frozen: Iterable[str]) -> Cut:
    """The cut for the frozen parts, in the syntax of `freeze`.

    Raises InputError where a tower has frozen weights behind which it is not cut.
    """
    names = parameters_in(model, frozen, "pretrain.frozen")
    cut = Cut(_image_cut(model, names), _frozen_layers(model, names))
    for tower, found in (("image", cut.image), ("text", cut.layers)):
        if found is None and any(tower_of(name) == tower for name in names):
            raise InputError(
                f"what the frozen weights of the {tower} tower compute cannot be cached",
                record="pretrain.frozen",
                remedy="freeze image or visual.trunk.* (of a timm trunk)"
                if tower == "image"
                else "freeze text.transformer.embeddings.* and the first blocks of a text tower of transformers, such "
                "as text.blocks.0-3, or set pretrain.cache_frozen to false",
            )
    return cut


def image_features(model: Any, cut: Cut, images: Tensor) -> Tensor:
    """What the frozen part of the image tower gives of (N, 3, S, S)."""
    images = images.contiguous(
        memory_format=torch.channels_last
    )  # 1.5 times as fast for depthwise convolutions on a CPU
    features: Tensor = model.visual.trunk(images) if cut.image == TRUNK else model.encode_image(images)
    return features


def image_embeddings(model: Any, cut: Cut, features: Tensor) -> Tensor:
    """What the rest of the image tower gives of the frozen part's features: (N, D), not normalized."""
    return head_output(model.visual.head, features) if cut.image == TRUNK else features


class TextParts:
    """The lower layers of a text tower of transformers, and the rest of it; the modules are those of the model."""

    def __init__(self, model: Any, layers: int) -> None:
        self._given = _Given()
        transformer = model.text.transformer
        self._lower = _with_layers(transformer, transformer.encoder.layer[:layers])
        upper = _with_layers(transformer, transformer.encoder.layer[layers:])
        upper._modules["embeddings"] = self._given
        self._rest = copy.copy(model.text)
        self._rest._modules = {**model.text._modules, "transformer": upper}
        self._pad = model.text.config.pad_token_id

    def hidden(self, tokens: Tensor) -> Tensor:
        """Hidden states (U, L, W) of padded texts (U, L) behind the lower layers."""
        states: Tensor = self._lower(input_ids=tokens, attention_mask=(tokens != self._pad).long()).last_hidden_state
        return states

    def embeddings(self, tokens: Tensor, hidden: Tensor) -> Tensor:
        """Embeddings (U, D) from hidden states, not normalized; those of padding are not read."""
        return self.encoded(tokens, hidden)[0]

    def encoded(self, tokens: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """The same, and the last hidden states (U, L, W)."""
        self._given.states = hidden
        found = encode_states(self._rest, tokens)
        self._given.states = None
        return found


class _Given(nn.Module):
    """Stands for the embeddings of tokens, and gives states that are already computed."""

    states: Tensor | None = None

    def forward(self, *_: object, **__: object) -> Tensor:
        assert self.states is not None
        return self.states


def _with_layers(transformer: Any, layers: nn.ModuleList) -> Any:
    """A transformer with some of its layers. It shares its modules with the original."""
    encoder, found = copy.copy(transformer.encoder), copy.copy(transformer)
    encoder._modules = {**transformer.encoder._modules, "layer": layers}
    found._modules = {**transformer._modules, "encoder": encoder, "pooler": transformer._modules.get("pooler")}
    return found


def _image_cut(model: Any, frozen: set[str]) -> str | None:
    names = {name for name, _ in model.named_parameters() if tower_of(name) == "image"}
    if names <= frozen:
        return TOWER
    trunk = {name for name in names if name.startswith("visual.trunk.")}
    return TRUNK if isinstance(model.visual, TimmModel) and trunk and trunk <= frozen else None


def _frozen_layers(model: Any, frozen: set[str]) -> int | None:
    """The number of first layers of a text tower of transformers that are frozen, with the embeddings."""
    if not isinstance(getattr(model, "text", None), HFTextEncoder):
        return None
    names = {name for name, _ in model.named_parameters()}
    if not {name for name in names if name.startswith(_EMBEDDINGS)} <= frozen:
        return None
    count = 0
    while (layer := {name for name in names if name.startswith(_layer(count))}) and layer <= frozen:
        count += 1
    return count


def _layer(number: int) -> str:
    return f"text.transformer.encoder.layer.{number}."


@torch.inference_mode()
def feature_shape(model: Any, cut: Cut, side: int) -> tuple[int, ...]:
    """The shape of the frozen part's features of one image."""
    device = next(model.parameters()).device
    with evaluation_mode(model):
        return tuple(image_features(model, cut, torch.zeros(1, 3, side, side, device=device)).shape[1:])
