"""How actions are drawn: marks around an object, so that any shape can show an action (our choice).

All marks lie outside the object's circle and are drawn below all objects, so that shapes and masks are unchanged.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from nearmiss.engine.world.scene import SceneObject

Array = np.ndarray
REACH = 1.5  # how far from the center marks may lie, in radii

WHITE, DARK, WARM = (250.0, 250.0, 250.0), (30.0, 30.0, 36.0), (255.0, 236.0, 130.0)


def spinning(radius: Array, angle: Array, wider: float = 0.0) -> Array:
    """Two long arcs around the object, each growing thicker towards its end."""
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


Mark = tuple[Callable[[Array, Array], Array], tuple[float, float, float]]  # strength 0 to 1 per pixel, and color

ACTIONS: dict[str, tuple[Mark, ...]] = {
    "glowing": ((glowing, WARM),),
    "shaking": ((shaking, DARK),),
    "spinning": ((partial(spinning, wider=0.05), DARK), (spinning, WHITE)),  # a dark rim: white is lost on snow
}


def draw_action(canvas: Array, obj: SceneObject) -> None:
    """Draw an object's action, if it has one, onto the canvas (side, side, 3) float32, before the object itself."""
    if obj.action is None:
        return
    side = canvas.shape[0]
    left, top = (max(0, int(center - REACH * obj.radius)) for center in (obj.x, obj.y))
    right, bottom = (min(side, int(center + REACH * obj.radius) + 1) for center in (obj.x, obj.y))
    u = (np.arange(left, right) + 0.5 - obj.x) / obj.radius
    v = (np.arange(top, bottom) + 0.5 - obj.y) / obj.radius
    across, down = np.meshgrid(u, v)
    angle = np.rad2deg(np.arctan2(across, -down))
    part = canvas[top:bottom, left:right]
    for strength, color in ACTIONS[obj.action]:
        alpha = strength(np.hypot(across, down), angle)[..., None].astype(np.float32)
        part *= 1 - alpha
        part += alpha * np.asarray(color, dtype=np.float32)
