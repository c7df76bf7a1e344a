"""The adaptive thresholds of the rank losses."""

from dataclasses import replace

import pytest
import torch
from loss_examples import TYPES, exact, features
from loss_loops import rank_loop, released_rank_loop

from nearmiss.engine.objectives import spec
from nearmiss.engine.objectives.registry import Objective


@pytest.mark.parametrize("rule", ["mean", "max", "fixed"])
def test_the_threshold_follows_the_gap_of_the_batch_before(rule):
    term = spec.CrossModalRank(threshold=rule, cap=0.2)
    objective = exact([term])
    thresholds = [term.cap if rule == "fixed" else 0.0] * len(TYPES)
    for number in range(4):
        f = features(f"step {number}")
        loss, thresholds_next = rank_loop(f, thresholds, rule, term.cap)
        assert objective(f)[1]["cross_modal_rank"].item() == pytest.approx(loss, abs=1e-12)
        thresholds = thresholds_next
        assert objective.terms["cross_modal_rank"].threshold.tolist() == pytest.approx(thresholds, abs=1e-12)
    assert "terms.cross_modal_rank.threshold" in objective.state_dict()


def test_the_threshold_stays_without_valid_pairs_and_in_evaluation():
    objective = Objective([spec.CrossModalRank()], TYPES).double()
    objective(features())
    before = objective.state_dict()["terms.cross_modal_rank.threshold"].clone()
    none = replace(features("none"), valid=torch.zeros(6, 1, 3, dtype=torch.bool))
    objective(none)
    objective.eval()(features("other"))
    assert torch.equal(objective.terms["cross_modal_rank"].threshold, before)


@pytest.mark.parametrize("rule", ["mean", "max"])
def test_released_thresholds_are_bounded_logits_and_reset_each_epoch(rule):
    term = spec.CrossModalRankReleased(threshold=rule, bound=6.0)
    objective = exact([term])
    thresholds = [0.0] * len(TYPES)
    for number in range(4):
        f = features(f"step {number}")
        loss, thresholds = released_rank_loop(f, thresholds, term.bound)
        computed_loss = objective(f)[1]["cross_modal_rank_released"].item()
        if rule == "mean":
            assert computed_loss == pytest.approx(loss, abs=1e-12)
            found = objective.remembered()
            assert list(found.values()) == pytest.approx(thresholds, abs=1e-12)
            assert list(found) == [f"threshold/{name}" for name in TYPES]
        assert all(0 <= value <= 6 for value in objective.remembered().values())
    assert max(objective.remembered().values()) > 0
    objective.start_epoch()
    assert set(objective.remembered().values()) == {0.0}


def test_only_the_released_rank_loss_has_a_gradient_for_the_scale():
    scale = torch.tensor(12.5, dtype=torch.float64, requires_grad=True)
    objective = exact([spec.CrossModalRankReleased(threshold="fixed")])
    objective(replace(features("scale"), scale=scale))[0].backward()
    assert scale.grad != 0


def test_the_rank_term_has_no_gradient_for_the_scale():
    scale = torch.tensor(12.5, dtype=torch.float64, requires_grad=True)
    f = replace(features("scale"), scale=scale, images=features("scale").images.requires_grad_())
    Objective([spec.CrossModalRank(threshold="fixed")], TYPES).double()(f)[0].backward()
    assert scale.grad is None
    assert f.images.grad is not None
