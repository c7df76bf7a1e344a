"""Sets of pairs with a known fault, or with none."""

from collections.abc import Callable

import numpy as np
import polars as pl

from nearmiss.base.seeding import array_rng

ANIMALS = ["dog", "cat", "horse", "sheep", "cow", "bird", "goat", "pig", "duck", "hen"]
COLORS = ["red", "blue", "green", "white", "black", "brown", "grey", "pink"]
PLACES = ["road", "field", "bridge", "beach", "hill", "farm", "yard", "lake"]


def frame(pairs: list[tuple[str, str]], kind: str = "planted") -> pl.DataFrame:
    """The pairs, two an image."""
    return pl.DataFrame(
        [(f"{i // 2:05d}", kind, positive, negative) for i, (positive, negative) in enumerate(pairs)],
        schema=["image_id", "type", "positive", "negative"],
        orient="row",
    )


def drawn(count: int, make: Callable[[np.random.Generator], tuple[str, str]], name: str = "planted") -> pl.DataFrame:
    """`count` pairs that `make` draws."""
    return frame([make(array_rng(0, name, number)) for number in range(count)])


def exchanged(rng: np.random.Generator) -> tuple[str, str]:
    """The same words in another order, either order as likely."""
    (a, b), (c, d) = rng.choice(ANIMALS, 2, replace=False), rng.choice(COLORS, 2, replace=False)
    return f"a {c} {a} and a {d} {b}", f"a {d} {a} and a {c} {b}"


def longer(rng: np.random.Generator) -> tuple[str, str]:
    """Negatives with more words, each drawn from all."""
    words = [*map(str, rng.choice(ANIMALS, 3)), *map(str, rng.choice(PLACES, 2))]
    return f"a {words[0]} near a {words[3]}", f"a {words[1]} and a {words[2]} near a {words[4]}"


def replaced(rng: np.random.Generator) -> tuple[str, str]:
    """One word for another, both drawn alike: nothing to be found."""
    (a, b), place = rng.choice(ANIMALS, 2, replace=False), rng.choice(PLACES)
    return f"a {a} near a {place}", f"a {b} near a {place}"


def lopsided(rng: np.random.Generator) -> tuple[str, str]:
    """One word for another, the first half of the list four times as usual in positives."""
    weights = np.repeat([4.0, 1.0], 5)
    a, place = rng.choice(ANIMALS, p=weights / weights.sum()), rng.choice(PLACES)
    b = rng.choice([animal for animal in ANIMALS if animal != a])
    return f"a {a} near a {place}", f"a {b} near a {place}"
