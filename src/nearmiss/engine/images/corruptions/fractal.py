"""Fractal noise by midpoint displacement (diamond-square): the texture under fog and frost."""

import numpy as np


def fractal(height: int, width: int, decay: float, rng: np.random.Generator) -> np.ndarray:
    """Noise from 0 to 1 as (height, width) float64; each halving of the grid divides the displacement by `decay` ** 2.

    The noise is made on a square with the least power of two that covers the shorter side (at least 2). It is periodic
    and repeated along the longer side, so that a long image costs no more than its pixels.
    """
    grid = np.zeros((1, 1))
    displacement = 1.0
    while len(grid) < max(2, min(height, width)):
        grid = _halved(grid, displacement, rng)
        displacement /= decay**2
    grid -= grid.min()
    grid /= grid.max()
    side = len(grid)
    return grid[np.arange(height)[:, None] % side, np.arange(width)[None, :] % side]


def _halved(grid: np.ndarray, displacement: float, rng: np.random.Generator) -> np.ndarray:
    """The periodic grid (n, n) at half its spacing: (2 n, 2 n)."""
    side = len(grid)
    drawn = rng.uniform(-displacement, displacement, (3, side, side))
    below, right = np.roll(grid, -1, axis=0), np.roll(grid, -1, axis=1)
    centers = (grid + below + right + np.roll(below, -1, axis=1)) / 4 + drawn[0]
    finer = np.empty((2 * side, 2 * side))
    finer[::2, ::2] = grid
    finer[1::2, 1::2] = centers
    finer[::2, 1::2] = (grid + right + centers + np.roll(centers, 1, axis=0)) / 4 + drawn[1]
    finer[1::2, ::2] = (grid + below + centers + np.roll(centers, 1, axis=1)) / 4 + drawn[2]
    return finer
