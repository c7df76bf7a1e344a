"""Learning rates, epsilon, warm-up and steps follow from the kind of model where the configuration has no value."""

import pytest

from nearmiss.base.errors import InputError
from nearmiss.config import resolve
from nearmiss.stages.pretrain.config import training_config

SMALL = {}
RANDOM = {"name": "ViT-B-32"}
PRETRAINED = [
    {"name": "ViT-B-32-quickgelu", "pretrained": "openai"},
    {"name": "local-dir:checkpoint"},
    {"name": "hf-hub:laion/CLIP-ViT-B-32-laion2B-s34B-b79K"},
]


def trained(model, arm="clip", **pretrain):
    """All options of a run of the default experiment with another model."""
    experiment = resolve({"experiment": "x", "pretrain": {"model": model, **pretrain}})
    return training_config(experiment.pretrain, arm, experiment.arms[arm], seed=0)


def test_the_small_model_has_the_rates_of_its_search():
    options = trained(SMALL)
    assert (options.image_lr, options.text_lr, options.epsilon) == (1.5e-3, 7.5e-4, 1e-8)
    assert (options.steps, options.warmup_steps, options.cooldown_steps) == (2000, 100, 500)
    base = trained(SMALL, "base")
    assert (base.image_lr, base.text_lr, base.steps, base.cooldown_steps) == (2e-3, 1e-3, 1500, 0)


@pytest.mark.parametrize("model", PRETRAINED, ids=lambda model: model["name"])
@pytest.mark.parametrize("arm", ["base", "clip", "hnc"])
def test_pretrained_weights_have_low_learning_rates(model, arm):
    options = trained(model, arm)
    assert 1e-6 <= options.image_lr <= 1e-5 and 1e-6 <= options.text_lr <= 1e-5
    assert options.epsilon == 1e-6 and options.warmup_steps == 50
    assert options.steps == (0 if arm == "base" else 2000)


def test_random_weights_of_a_large_model_have_clips_rates():
    options = trained(RANDOM, "base")
    assert (options.image_lr, options.text_lr, options.epsilon) == (5e-4, 5e-4, 1e-6)
    assert options.steps > 0


@pytest.mark.parametrize(("model", "steps"), [(SMALL, 1500), (PRETRAINED[0], 0)])
def test_a_cooldown_fits_in_the_models_own_number_of_steps(model, steps):
    base = {"captions": "broad", "cooldown_steps": 1600}
    with pytest.raises(InputError, match=f"does not fit in {steps} steps") as error:
        trained(model, base=base)
    assert error.value.record == "pretrain.base.cooldown_steps"


def test_configured_values_override_defaults():
    options = trained(PRETRAINED[0], epsilon=1e-7, warmup_steps=0, continued={"captions": "narrow", "steps": 7})
    assert (options.epsilon, options.warmup_steps, options.steps) == (1e-7, 0, 7)
    experiment = resolve(
        {
            "experiment": "x",
            "compare": {"controls": []},
            "pretrain": {"model": PRETRAINED[0]},
            "arms": {"base": {"objective": "clip", "num_negatives": 0, "image_lr": 3.0e-6}},
        }
    )
    options = training_config(experiment.pretrain, "base", experiment.arms["base"], seed=0)
    assert (options.image_lr, options.text_lr) == (3e-6, 5e-6)
