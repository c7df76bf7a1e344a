"""Colors measured on photographs: the word that people would use, or none."""

import numpy as np
import pytest

from nearmiss.engine.images.editing.light import balanced
from nearmiss.engine.images.editing.measure import measured_color
from nearmiss.stages.inpaint.wording import stated_colors

SIDE, LEAST = 120, 0.65
MASK = np.zeros((SIDE, SIDE), dtype=bool)
MASK[30:90, 30:90] = True


def photograph(*colors: tuple[int, int, int], light: tuple[float, float, float] = (1, 1, 1)) -> np.ndarray:
    """A thing in stripes of some colors before walls of many, with shading, under a light: (H, W, 3) uint8."""
    rng = np.random.default_rng(0)
    walls = np.array([(200, 200, 196), (60, 120, 60), (150, 90, 60), (90, 120, 180), (240, 240, 238), (40, 40, 42)])
    pixels = np.repeat(np.repeat(walls[rng.integers(0, 6, (8, 8))], 15, 0), 15, 1).astype(float)
    stripes = np.array([colors[(row // 10) % len(colors)] for row in range(SIDE)])
    pixels[MASK] = np.broadcast_to(stripes[:, None], (SIDE, SIDE, 3))[MASK]
    pixels *= np.linspace(0.9, 1.0, SIDE)[:, None, None]
    return np.clip(pixels * np.array(light) + rng.normal(0, 2, pixels.shape), 0, 255).astype(np.uint8)


def color_of(pixels: np.ndarray) -> str | None:
    seen = balanced(pixels)
    return None if seen is None else measured_color(seen, MASK, LEAST)


@pytest.mark.parametrize(
    ("color", "word"),
    [
        ((200, 35, 40), "red"),
        ((240, 125, 25), "orange"),
        ((245, 210, 50), "yellow"),
        ((40, 140, 60), "green"),
        ((40, 80, 200), "blue"),
        ((120, 55, 170), "purple"),
        ((245, 140, 185), "pink"),
        ((110, 70, 40), "brown"),
        ((242, 242, 240), "white"),
        ((110, 112, 114), "gray"),
        ((28, 28, 30), "black"),
    ],
)
def test_clear_colors_have_their_words(color, word):
    assert color_of(photograph(color)) == word


@pytest.mark.parametrize("light", [(1.0, 0.92, 0.78), (0.78, 0.9, 1.0)], ids=["warm", "cold"])
def test_white_stays_white_under_colored_light(light):
    assert color_of(photograph((242, 242, 240), light=light)) == "white"


@pytest.mark.parametrize("exposure", [1.0, 0.7, 0.55])
def test_black_and_white_are_relative_to_the_photograph(exposure):
    light = (exposure, exposure, exposure)
    assert color_of(photograph((242, 242, 240), light=light)) == "white"
    assert color_of(photograph((28, 28, 30), light=light)) == "black"


@pytest.mark.parametrize(
    "colors",
    [
        ((242, 242, 240), (40, 80, 200)),  # a white and blue truck
        ((242, 242, 240), (28, 28, 30)),  # a zebra
        ((200, 35, 40), (40, 140, 60), (40, 80, 200)),
        ((205, 180, 140),),  # tan: people say tan, beige or cream
        ((175, 176, 178),),  # between gray and white: silver, gray or white in the shade
        ((68, 68, 70),),  # between black and gray
        ((170, 185, 205),),  # white in the shade of a blue sky
    ],
)
def test_things_without_one_word_are_left_alone(colors):
    assert color_of(photograph(*colors)) is None


def test_black_and_white_photographs_have_no_colors():
    gray = photograph((200, 35, 40)).mean(axis=-1, keepdims=True).repeat(3, axis=-1).astype(np.uint8)
    assert balanced(gray) is None


def test_photographs_under_strongly_colored_light_have_no_colors():
    assert balanced(photograph((242, 242, 240), light=(1.0, 0.45, 0.25))) is None


@pytest.mark.parametrize(
    ("caption", "name", "words"),
    [
        ("A black and white cat on a bed.", "cat", {"black", "white"}),
        ("A striped orange cat.", "cat", {"striped", "orange"}),
        ("A cream-colored couch by a red lamp.", "couch", {"cream-colored"}),
        ("A red lamp and the couch.", "couch", set()),
    ],
)
def test_words_of_color_before_a_noun(caption, name, words):
    assert stated_colors(caption, name) == words
