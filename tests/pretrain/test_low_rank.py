"""Low-rank adaptation: starts at the given weights, trains only the update, and ends merged into the weights."""

import pytest
import torch
import toy_training as toy

from nearmiss.base.errors import InputError
from nearmiss.engine.models.checkpoint import configuration, fresh_model
from nearmiss.engine.models.packing import Texts, pack
from nearmiss.engine.models.text import encode_texts
from nearmiss.engine.models.trainable import adapt, merged

VOCABULARY = 40


@pytest.fixture
def model():
    return fresh_model(configuration(**toy.CONFIG.model.model_dump(), vocabulary=VOCABULARY), 0)


@pytest.fixture
def names(model):
    """Every matrix of the text tower's blocks, and one convolution of the image tower."""
    named = dict(model.named_parameters())
    text = [name for name, weight in named.items() if name.startswith("transformer.") and weight.ndim == 2]
    return [*text, next(name for name, weight in named.items() if name.startswith("visual.") and weight.ndim == 4)]


def embedded(model):
    tokens = torch.tensor([[1, 5, 7, 39], [1, 7, 5, 39]])
    images = torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    return torch.cat([model.encode_image(images), encode_texts(model, pack(Texts(tokens, torch.tensor([4, 4]))))])


def trained(model):
    learned = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.Adam(learned, lr=0.01)
    for _ in range(3):
        optimizer.zero_grad()
        (embedded(model) * torch.arange(16)).sum().backward()
        optimizer.step()
    return model


def test_an_adapted_model_starts_with_the_given_weights(model, names):
    before = embedded(model)
    adapt(model, names, rank=2, alpha=4, seed=0)
    assert torch.equal(embedded(model), before)


def test_only_the_update_is_trained_and_it_is_merged_into_the_weights(model, names):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    adapt(model, names, rank=2, alpha=4, seed=0)
    changed = embedded(trained(model))
    after = merged(model).state_dict()
    assert set(after) == set(before)
    assert torch.allclose(embedded(model), changed, atol=1e-5)
    different = {name for name, value in after.items() if not torch.equal(value, before[name])}
    moving = {name for name in before if "running" in name or "num_batches" in name}  # statistics, not weights
    assert different - moving <= {*names, "logit_scale"}
    assert set(names) <= different
    for name in names:
        assert torch.linalg.matrix_rank((after[name] - before[name]).flatten(1), atol=1e-4) <= 2


def test_packed_texts_use_the_update(model, names):
    """A layer wrapped around attention would be missed by whoever reads its matrix."""
    adapt(model, names, rank=2, alpha=4, seed=0)
    trained(model)
    tokens = torch.zeros(1, model.context_length, dtype=torch.int64)
    tokens[0, :4] = torch.tensor([1, 5, 7, 39])
    ours = encode_texts(model, pack(Texts(tokens, torch.tensor([4]))))
    assert torch.allclose(ours, model.encode_text(tokens, normalize=True), atol=1e-5)


def test_updates_are_initialized_from_seed_and_name(model, names):
    adapt(model, names, rank=2, alpha=4, seed=3)
    other = fresh_model(configuration(**toy.CONFIG.model.model_dump(), vocabulary=VOCABULARY), 0)
    torch.manual_seed(99)
    adapt(other, reversed(names), rank=2, alpha=4, seed=3)
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("name", ["transformer.resblocks.0.ln_1.weight", "transformer.nowhere"])
def test_unknown_matrices_are_refused(model, name):
    with pytest.raises(InputError, match="low-rank update of rank 2"):
        adapt(model, [name], rank=2, alpha=4, seed=0)
