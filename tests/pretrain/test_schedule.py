"""How learning rates go over a phase."""

import pytest

from nearmiss.config import load
from nearmiss.engine.training.optimizer import Schedule


def shares(schedule):
    return [schedule.share(step) for step in range(schedule.steps)]


def test_learning_rates_have_linear_warmup_and_cooldown():
    assert shares(Schedule(8, warmup_steps=2, cooldown_steps=3)) == [0.5, 1.0, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25]


def test_without_warm_up_and_cool_down_rates_are_constant():
    assert shares(Schedule(3)) == [1.0, 1.0, 1.0]


def test_every_step_has_a_positive_learning_rate():
    assert min(shares(Schedule(4, warmup_steps=4, cooldown_steps=4))) > 0


def test_a_cooldown_longer_than_the_phase_is_refused(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text("experiment: x\npretrain: {continued: {captions: narrow, steps: 5, cooldown_steps: 6}}\n")
    with pytest.raises(Exception, match="cool-down of 6 steps does not fit in 5"):
        load(file)
