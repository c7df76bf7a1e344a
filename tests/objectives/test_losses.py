"""Loss terms and objectives against reference loops and golden values, and their gradients."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import torch
from loss_examples import BATCHES, TERMS, TYPES, computed, exact, features
from loss_loops import by_hand, contrastive_loop
from toy_matching import matching_by_embeddings

from nearmiss.engine.objectives import spec
from nearmiss.engine.objectives.registry import Objective
from nearmiss.engine.objectives.spec import PRESETS, Preset
from nearmiss.stages.pretrain.config import ArmConfig

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "losses.json"


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("name", TERMS)
def test_a_term_equals_a_reference_loop(name, batch):
    assert computed(TERMS[name], BATCHES[batch]) == pytest.approx(by_hand(TERMS[name], BATCHES[batch]), abs=1e-12)


@pytest.mark.parametrize("name", TERMS)
@pytest.mark.parametrize("case", ["some", "none of a sample", "none at all"])
def test_gradients_are_finite_for_any_number_of_negatives(name, case):
    f = features("gradient")
    valid = f.valid.clone()
    if case != "some":
        valid[slice(None) if case == "none at all" else slice(0, 2)] = False
    leaves = {part: getattr(f, part).clone().requires_grad_() for part in ("images", "captions", "negatives", "scale")}
    f = replace(f, **leaves, positives=leaves["captions"][:, None], valid=valid)
    loss, _ = Objective([TERMS[name]], TYPES).double()(f)
    assert torch.isfinite(loss)
    if loss.requires_grad:
        loss.backward()
    for leaf in leaves.values():
        assert leaf.grad is None or torch.isfinite(leaf.grad).all()


def test_the_contrastive_loss_needs_no_negatives():
    f = features("plain", k=0)
    assert computed(TERMS["contrastive"], f) == pytest.approx(contrastive_loop(f), abs=1e-12)


def test_the_bias_of_the_sigmoid_is_learned_and_belongs_to_the_state():
    objective = exact([spec.Sigmoid(bias=-4.0)])
    objective(features("bias"))[0].backward()
    assert objective.terms["sigmoid"].bias.grad != 0
    assert objective.remembered() == {"bias": -4.0}
    assert "terms.sigmoid.bias" in objective.state_dict()


def test_without_focus_and_smoothing_the_focal_term_is_contrastive():
    f = features("focus")
    assert computed(TERMS["focal_own_negatives plain"], f) == pytest.approx(computed(TERMS["own_negatives"], f))


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_gives_a_finite_loss(name):
    arm = ArmConfig(objective=name, method="keyword")
    assert arm.objective == PRESETS[name]
    f = features("preset")
    assert math.isfinite(exact(arm.objective)(replace(f, matching=matching_by_embeddings(f)))[0].item())
    assert set(get_args(Preset)) == set(PRESETS)


def test_an_objective_is_the_weighted_sum_of_its_terms():
    terms = [spec.HardNegativeColumns(), spec.IntraModalContrast(weight=0.2), spec.CrossModalRank(weight=0.4)]
    total, values = Objective(terms, TYPES).double()(features())
    expected = sum(term.weight * values[term.term].item() for term in terms)
    assert total.item() == pytest.approx(expected, abs=1e-12)
    assert list(values) == [term.term for term in terms]


def test_losses_equal_the_golden_file():
    """`python tests/objectives/test_losses.py` writes the file; a change of it is a change of what arms are."""
    golden = json.loads(GOLDEN.read_text())
    for batch, f in BATCHES.items():
        for name, term in TERMS.items():
            assert computed(term, f) == pytest.approx(golden[batch][name], abs=1e-9), (batch, name)


if __name__ == "__main__":
    values = {
        batch: {name: round(computed(term, f), 12) for name, term in TERMS.items()} for batch, f in BATCHES.items()
    }
    GOLDEN.write_text(json.dumps(values, indent=1, sort_keys=True) + "\n")
