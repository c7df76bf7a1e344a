"""How an action looks: marks around a thing, so that any shape can show it (our choice).

All marks lie outside of the circle around the thing and under every thing, so that shapes and their masks stay whole.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from nearmiss.engine.world.scene import Thing

Array = np.ndarray
REACH = 1.5  # how far from the center marks may lie, in radii

WHITE, DARK, WARM = (250.0, 250.0, 250.0), (30.0, 30.0, 36.0), (255.0, 236.0, 130.0)


def spinning(radius: Array, angle: Array, wider: float = 0.0) -> Array:
    """Two long arcs that run around the thing, each growing thicker to its end."""
    along = np.mod(angle, 180.0) / 130.0
    thickness = 0.035 + 0.05 * along + wider
    return np.where(along < 1, np.clip((thickness - np.abs(radius - 1.2)) / 0.03, 0, 1), 0.0)


def shaking(radius: Array, angle: Array) -> Array:
    """Two short dark arcs on the left and two on the right."""
    beside = np.abs(np.abs(np.mod(angle, 360.0) - 180.0) - 90.0) < 32.0
    arcs = np.minimum(np.abs(radius - 1.15), np.abs(radius - 1.36))
    return np.where(beside, np.clip((0.05 - arcs) / 0.03, 0, 1), 0.0)


def glowing(radius: Array, angle: Array) -> Array:
    """A warm light all around."""
    return np.exp(-(((radius - 1.0) / 0.24) ** 2)) * np.where(radius < 1.0, 1.0, 0.95)


Mark = tuple[Callable[[Array, Array], Array], tuple[float, float, float]]  # strength 0 to 1 at each place, and color

ACTIONS: dict[str, tuple[Mark, ...]] = {
    "glowing": ((glowing, WARM),),
    "shaking": ((shaking, DARK),),
    "spinning": ((partial(spinning, wider=0.05), DARK), (spinning, WHITE)),  # a dark rim: white is lost on snow
}


def draw_action(canvas: Array, thing: Thing) -> None:
    """Draw a thing's action, if it has one, onto the canvas (side, side, 3) float32, where the thing will lie later."""
    if thing.action is None:
        return
    side = canvas.shape[0]
    left, top = (max(0, int(center - REACH * thing.radius)) for center in (thing.x, thing.y))
    right, bottom = (min(side, int(center + REACH * thing.radius) + 1) for center in (thing.x, thing.y))
    u = (np.arange(left, right) + 0.5 - thing.x) / thing.radius
    v = (np.arange(top, bottom) + 0.5 - thing.y) / thing.radius
    across, down = np.meshgrid(u, v)
    angle = np.rad2deg(np.arctan2(across, -down))
    part = canvas[top:bottom, left:right]
    for strength, color in ACTIONS[thing.action]:
        alpha = strength(np.hypot(across, down), angle)[..., None].astype(np.float32)
        part *= 1 - alpha
        part += alpha * np.asarray(color, dtype=np.float32)
