"""How each shape looks: a signed distance and a shading, over a square from -1 to 1 around the object (our choice).

A shape is a function of u (to the right) and v (downwards), both arrays of equal size, in units of the object's
radius. It returns the distance to its outline (negative inside) and the brightness of its surface (about 1).
Light comes from the top left.
"""

from collections.abc import Callable

import numpy as np

Array = np.ndarray
Look = tuple[Array, Array]


def polygon(u: Array, v: Array, corners: Array) -> Array:
    """Signed distance to a closed polygon with corners (n, 2)."""
    nearest = np.full(u.shape, np.inf)
    inside = np.zeros(u.shape, dtype=bool)
    for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        ex, ey = bx - ax, by - ay
        along = np.clip(((u - ax) * ex + (v - ay) * ey) / (ex * ex + ey * ey), 0, 1)
        nearest = np.minimum(nearest, (u - ax - along * ex) ** 2 + (v - ay - along * ey) ** 2)
        if ay != by:
            inside ^= ((ay > v) != (by > v)) & (u < (bx - ax) * (v - ay) / (by - ay) + ax)
    return np.where(inside, -1.0, 1.0) * np.sqrt(nearest)


def _points(angles: list[float], radii: list[float]) -> Array:
    turned = np.deg2rad(np.asarray(angles))
    return np.stack([np.sin(turned), -np.cos(turned)], axis=1) * np.asarray(radii)[:, None]


def _spot(u: Array, v: Array, strength: float = 0.55, width: float = 0.09) -> Array:
    """A highlight at the top left."""
    return strength * np.exp(-((u + 0.36) ** 2 + (v + 0.4) ** 2) / width)


def ball(u: Array, v: Array) -> Look:
    """A sphere, lit by Lambert's law."""
    r2 = u * u + v * v
    height = np.sqrt(np.clip(1 - r2 / 0.9025, 0, 1))
    lit = np.clip(-0.48 * u - 0.56 * v + 0.67 * height, 0, 1)
    return np.sqrt(r2) - 0.95, 0.5 + 0.58 * lit + _spot(u, v)


def cube(u: Array, v: Array) -> Look:
    """A box seen from a corner: a light top, a front on the left, a dark side on the right."""
    outline = _points([0, 60, 120, 180, 240, 300], [1.0] * 6)
    top = v < -np.abs(u) * 0.577
    shade = np.where(top, 1.22, np.where(u < 0, 0.95, 0.62))
    edge = np.minimum(np.abs(v + np.abs(u) * 0.577), np.where(v > 0, np.abs(u), 9.0))
    return polygon(u, v, outline), shade + 0.16 * np.exp(-((edge / 0.05) ** 2))


def cone(u: Array, v: Array) -> Look:
    """A cone on its round base, lit from the left."""
    sides = polygon(u, v, np.array([[0.0, -1.0], [0.86, 0.62], [-0.86, 0.62]]))
    base = (np.sqrt((u / 0.86) ** 2 + ((v - 0.62) / 0.3) ** 2) - 1) * 0.3
    across = np.clip(u / np.maximum(0.86 * (v + 1.05) / 1.62, 0.05), -1, 1)
    return np.minimum(sides, base), 1.0 - 0.42 * across + 0.3 * np.exp(
        -(((across + 0.42) / 0.2) ** 2)
    ) - 0.1 * across**2


def ring(u: Array, v: Array) -> Look:
    """A torus seen from the front."""
    r = np.hypot(u, v) + 1e-9
    tube = (r - 0.68) / 0.27
    lit = tube * (-0.6 * u - 0.7 * v) / r
    return np.abs(r - 0.68) - 0.27, 0.92 + 0.42 * lit + 0.28 * np.exp(-(((lit - 0.55) / 0.25) ** 2))


def star(u: Array, v: Array) -> Look:
    """A star with five points, each folded along its middle."""
    outline = _points([36.0 * k for k in range(10)], [1.0, 0.43] * 5)
    facet = np.floor(np.mod(np.arctan2(u, -v) / np.deg2rad(36), 10)).astype(int)
    return polygon(u, v, outline), np.where(facet % 2 == 1, 1.14, 0.82) - 0.12 * (u + v) * 0.5


def cross(u: Array, v: Array) -> Look:
    """A cross with four equal arms, beveled."""
    arm, long = 0.31, 0.93

    def bar(x: Array, y: Array) -> Array:
        return np.maximum(np.abs(x) - long, np.abs(y) - arm)

    distance = np.minimum(bar(u, v), bar(v, u))
    bevel = np.clip(1 + distance / 0.13, 0, 1)
    return distance, 1.0 + bevel * np.where(u + v < 0, 0.24, -0.3)


def heart(u: Array, v: Array) -> Look:
    """A heart, softly rounded."""
    x, y = np.abs(u), 0.22 - v
    upper = np.hypot(x - 0.45, y - 0.25) - 0.5
    lower = polygon(u, v, np.array([[-0.9, 0.05], [0.9, 0.05], [0.0, 1.0]]))
    distance = np.minimum(upper, lower)
    return distance, 0.82 - 0.55 * np.clip(distance, -0.45, 0) - 0.2 * (u + v) * 0.6 + _spot(u, v, 0.4, 0.05)


def moon(u: Array, v: Array) -> Look:
    """A crescent that is open to the right."""
    distance = np.maximum(np.hypot(u, v) - 0.97, 0.72 - np.hypot(u - 0.5, v))
    return distance, 0.96 - 0.3 * (u + v) * 0.6


SHAPES: dict[str, Callable[[Array, Array], Look]] = {
    "ball": ball,
    "cone": cone,
    "cross": cross,
    "cube": cube,
    "heart": heart,
    "moon": moon,
    "ring": ring,
    "star": star,
}
