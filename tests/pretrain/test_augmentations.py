"""Augmentations: what each changes and keeps, that draws repeat, and that one which makes captions false is refused."""

import colorsys
import shutil

import numpy as np
import pytest
import torch
import toy_training as toy
from test_chunks_and_processes import TRAINING, same_trainings, train_toy, training

from nearmiss.base.errors import InputError
from nearmiss.engine.training.augmentations import AUGMENTATIONS, check, concepts_of, draw
from nearmiss.engine.world.drawing import draw as picture
from nearmiss.engine.world.scenes import scene_of
from nearmiss.engine.world.spec import WorldConfig

SIDE = 24


def pictures(count=64):
    scenes = [scene_of(WorldConfig(), "train", number) for number in range(count)]
    shown = [np.asarray(picture(scene).resize((SIDE, SIDE))) for scene in scenes]
    return torch.from_numpy(np.stack(shown))


def changed(name, images, step=0):
    return draw([name], seed=0, step=step, count=len(images)).apply(images)


def test_without_augmentations_images_are_unchanged():
    images = pictures(8)
    assert torch.equal(draw([], seed=0, step=0, count=8).apply(images), images)


def test_about_half_of_the_images_are_flipped():
    images = pictures()
    found = changed("flip", images)
    flipped = [torch.equal(new, old.flip(1)) for new, old in zip(found, images, strict=True)]
    kept = [torch.equal(new, old) for new, old in zip(found, images, strict=True)]
    assert all(a or b for a, b in zip(flipped, kept, strict=True))
    assert 20 <= sum(flipped) <= 44


def test_light_keeps_hue_and_gray_removes_it():
    color = torch.tensor([180, 60, 60], dtype=torch.uint8).expand(64, SIDE, SIDE, 3)
    for name, hue_stays in (("light", True), ("hue", False)):
        pixels = changed(name, color)[:, 0, 0].tolist()
        hues = {round(colorsys.rgb_to_hsv(*(value / 255 for value in pixel))[0] * 360) for pixel in pixels}
        spread = {min(hue, 360 - hue) for hue in hues}
        assert (max(spread) <= 3) == hue_stays, name
    gray = changed("gray", color)[:, 0, 0]
    without = (gray.max(dim=1).values == gray.min(dim=1).values).sum()
    assert 4 <= without <= 24


def test_a_crop_enlarges_a_part_of_the_image():
    ramp = torch.arange(SIDE, dtype=torch.uint8).mul(10).view(1, 1, SIDE, 1).expand(32, SIDE, SIDE, 3)
    found = changed("crop", ramp).float()
    reach = found[:, 0, -2, 0] - found[:, 0, 1, 0]
    assert (reach < 10 * (SIDE - 3) + 1).all() and (reach > 0.7 * 10 * (SIDE - 3)).all()


def test_augmentations_are_reproducible_and_differ_by_step():
    images = pictures(16)
    for name in AUGMENTATIONS:
        assert torch.equal(changed(name, images), changed(name, images))
        assert not torch.equal(changed(name, images), changed(name, images, step=1))


@pytest.mark.parametrize(
    ("text", "concepts"),
    [
        ("a red cube", {"color"}),
        ("a cube left of a ball", {"relation"}),
        ("a cube on the left-hand side", {"location"}),
        ("two large cubes", {"count", "size"}),
        ("a cube", set()),
        ("", set()),
    ],
)
def test_concepts_of_captions(text, concepts):
    assert concepts_of([text]) == concepts


def test_augmentations_that_make_captions_false_are_refused():
    for name, text in (("flip", "a cube left of a ball"), ("hue", "a red cube"), ("crop", "two cubes")):
        check([name], ["a cube"])
        with pytest.raises(InputError, match=f"the augmentation '{name}' makes captions about"):
            check(["light", name], ["a cube", text])


def test_a_run_refuses_such_augmentations_before_the_first_step(toy_base, tmp_path):
    shutil.copytree(toy_base, tmp_path, dirs_exist_ok=True)
    with pytest.raises(InputError, match="'flip' makes captions about relation false"):
        train_toy(tmp_path, "flipped", augment=["flip"])
    assert not (tmp_path / "flipped").exists()


def test_chunks_of_a_batch_are_augmented_like_the_whole_batch(toy_files):
    losses = [
        run._backward(3, run.batches.at(3))[0].item()
        for parts in (1, 3)
        for run in [training(toy_files, toy.OWN.objective, grad_cache_chunks=parts, augment=("light", "flip"))]
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)
    plain = training(toy_files, toy.OWN.objective)
    assert plain._backward(3, plain.batches.at(3))[0].item() != losses[0]
    assert TRAINING.augment == []


def test_an_augmented_run_in_chunks_gives_the_same_result(toy_base, tmp_path):
    shutil.copytree(toy_base, tmp_path, dirs_exist_ok=True)
    train_toy(tmp_path, "whole", augment=["light"])
    train_toy(tmp_path, "parts", augment=["light"], grad_cache_chunks=2)
    same_trainings(tmp_path, "whole", "parts")
