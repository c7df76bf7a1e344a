"""Seeds that depend on names only: an item gets the same numbers in any order, process or shard."""

import hashlib
from random import Random

import numpy as np


def derive(seed: int, *names: object) -> int:
    """A 63-bit seed from a global seed and the names of what is drawn, e.g. `derive(0, "data", image_id)`."""
    text = "|".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 1


def rng(seed: int, *names: object) -> Random:
    """A Python generator for one item."""
    return Random(derive(seed, *names))


def array_rng(seed: int, *names: object) -> np.random.Generator:
    """A NumPy generator for one item."""
    return np.random.default_rng(derive(seed, *names))
