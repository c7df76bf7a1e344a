"""Draws a scene: textured ground, soft shadows, shaded objects with patterns, light, noise. Deterministic."""

from functools import lru_cache

import cv2
import numpy as np
from PIL import Image

from nearmiss.base.seeding import array_rng
from nearmiss.engine.world.actions import draw_action
from nearmiss.engine.world.scene import Scene, SceneObject
from nearmiss.engine.world.shapes import SHAPES
from nearmiss.engine.world.vocabulary import load_vocabulary

NOISE = 5.0  # standard deviation of the sensor's noise, of 255
SHADOW = 0.42  # how much a shadow takes from the ground's light
_LIGHTEN = ("black", "brown")  # colors on which a pattern is light instead of dark

Array = np.ndarray


def draw(scene: Scene) -> Image.Image:
    """The image of a scene: RGB, side x side pixels."""
    rng = array_rng(0, "drawing", scene.nuisance, scene.side)
    canvas = _ground(scene.ground, scene.side, rng)
    for obj in scene.objects:
        _cast_shadow(canvas, obj)
    for obj in scene.objects:
        draw_action(canvas, obj)
    for obj in scene.objects:
        _lay(canvas, obj)
    canvas = canvas * scene.light + rng.normal(0.0, NOISE, (scene.side, scene.side, 1)).astype(np.float32)
    canvas += rng.normal(0.0, NOISE / 3, canvas.shape).astype(np.float32)
    return Image.fromarray(np.clip(np.rint(canvas), 0, 255).astype(np.uint8))


def mask(scene: Scene, obj: SceneObject) -> Array:
    """Visible pixels of an object: (side, side) bool."""
    seen = _covered(obj, scene.side)
    for later in scene.objects[scene.objects.index(obj) + 1 :]:
        seen &= ~_covered(later, scene.side)
    return seen


def _covered(obj: SceneObject, side: int) -> Array:
    top, left, u, v = _patch(obj, side)
    covered = np.zeros((side, side), dtype=bool)
    distance, _ = SHAPES[obj.shape](u, v)
    covered[top : top + u.shape[0], left : left + u.shape[1]] = distance < 0
    return covered


def _patch(obj: SceneObject, side: int, reach: float = 1.15) -> tuple[int, int, Array, Array]:
    """Top, left and the object's own coordinates of the pixels around it; pixel centers lie at halves."""
    left, top = (max(0, int(center - reach * obj.radius)) for center in (obj.x, obj.y))
    right, bottom = (min(side, int(center + reach * obj.radius) + 1) for center in (obj.x, obj.y))
    u = (np.arange(left, right, dtype=np.float64) + 0.5 - obj.x) / obj.radius
    v = (np.arange(top, bottom, dtype=np.float64) + 0.5 - obj.y) / obj.radius
    across, down = np.meshgrid(u, v)
    return top, left, across, down


def _lay(canvas: Array, obj: SceneObject) -> None:
    """Draw one object over the canvas, its outline anti-aliased."""
    top, left, u, v = _patch(obj, canvas.shape[0])
    distance, shade = SHAPES[obj.shape](u, v)
    rgb = np.asarray(load_vocabulary().colors[obj.color], dtype=np.float64)
    surface = rgb * (shade * _pattern(obj, u, v))[..., None]
    # what is brighter than the color can be turns towards white, as a highlight does
    surface += np.clip(surface - 255, 0, None).sum(axis=-1, keepdims=True) * 0.35
    rim = np.clip(1 + distance * obj.radius / 1.6, 0, 1)[..., None]
    surface *= 1 - 0.35 * rim
    alpha = np.clip(0.5 - distance * obj.radius, 0, 1)[..., None]
    part = canvas[top : top + u.shape[0], left : left + u.shape[1]]
    part *= 1 - alpha
    part += alpha * np.clip(surface, 0, 255)


def _pattern(obj: SceneObject, u: Array, v: Array) -> Array:
    """Factor on the surface's brightness: diagonal stripes or dots, darker than the color (lighter on dark colors)."""
    if obj.pattern == "plain":
        return np.ones_like(u)
    if obj.pattern == "striped":
        wave = np.sin((u + v) * np.pi * 2.1)
    else:
        x, y = (u + v) * 1.55, (u - v) * 1.55
        wave = 0.42 - np.hypot(x - np.rint(x), y - np.rint(y)) * 1.6
    strength = np.clip(0.5 + wave * 3.0, 0, 1)
    return 1 + strength * (1.6 if obj.color in _LIGHTEN else -0.52)


def _cast_shadow(canvas: Array, obj: SceneObject) -> None:
    """Darken the ground to the lower right of an object."""
    side = canvas.shape[0]
    cast = SceneObject(**{**vars(obj), "x": obj.x + 0.13 * obj.radius, "y": obj.y + 0.2 * obj.radius})
    top, left, u, v = _patch(cast, side, reach=1.4)
    distance, _ = SHAPES[obj.shape](u, v)
    alpha = SHADOW * np.clip(0.5 - distance / 0.35, 0, 1)[..., None]
    canvas[top : top + u.shape[0], left : left + u.shape[1]] *= 1 - alpha


@lru_cache(maxsize=64)
def _weave(ground: str, side: int) -> Array:
    """The part of a ground's texture that is the same in every image: (side, side), about -1 to 1."""
    y, x = np.mgrid[0:side, 0:side] / side * 96
    if ground == "brick":
        row = np.floor(y / 9)
        gaps = (np.mod(y, 9) < 1.2) | (np.mod(x + 9 * np.mod(row, 2), 18) < 1.2)
        return np.where(gaps, 0.9, 0.12 * np.sin(row * 2.4 + np.floor((x + 9 * np.mod(row, 2)) / 18) * 1.7))
    if ground == "water":
        return 0.6 * np.sin(y * 0.62 + 1.3 * np.sin(x * 0.11))
    if ground == "sand":
        return 0.28 * np.sin((y + 0.35 * x) * 0.42)
    return np.zeros((side, side))


def _ground(ground: str, side: int, rng: np.random.Generator) -> Array:
    """A ground of its color: a coarse cloud, the ground's own weave, and grain. (side, side, 3) float32."""
    cloud = cv2.resize(rng.standard_normal((7, 7)).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    if ground == "grass":  # blades: grain drawn out in height
        grain = cv2.resize(
            rng.standard_normal((side // 5, side)).astype(np.float32), (side, side), interpolation=cv2.INTER_LINEAR
        )
    else:
        grain = cv2.resize(
            rng.standard_normal((side // 2, side // 2)).astype(np.float32),
            (side, side),
            interpolation=cv2.INTER_LINEAR,
        )
    strong = {"grass": 13.0, "snow": 4.0, "sand": 7.0}.get(ground, 5.0)
    light = 7.0 * cloud + strong * grain + 13.0 * _weave(ground, side).astype(np.float32)
    rgb = np.asarray(load_vocabulary().grounds[ground], dtype=np.float32)
    return np.clip(rgb[None, None, :] + light[..., None], 0, 255).astype(np.float32)
