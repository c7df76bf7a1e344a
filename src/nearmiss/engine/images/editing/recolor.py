"""Recolor: an object gets a color that nothing in the image has. Shading, pattern and highlights stay.

In CIELAB, lightness and chroma of each pixel are measured in units of the old color (reference_colors.json, our choice)
and rendered in those of the new one. Pixels that do not look like the old color, such as the wheels of a red bus, stay.
"""

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

import cv2
import numpy as np

from nearmiss.engine.images.editing.composite import composite, extent
from nearmiss.engine.images.editing.plan import After, Edited, Pixels, Plan, Refused, View
from nearmiss.engine.images.editing.spec import RecolorConfig
from nearmiss.engine.images.masks import Mask, box_of, dilated

_COATS = {"black", "white", "gray", "brown"}  # colors of animals: a blue bear is not plausible
_GRAY = 12.0  # chroma below which a color is gray
_MUTED = 0.25  # share of a color's chroma at which a pixel begins to look like it
LIKE = 0.4  # likeness at which a pixel counts as one of the color


class Recolor:
    """color / replace."""

    name, concept, operator = "recolor", "color", "replace"

    def candidates(self, view: View, options: RecolorConfig) -> Iterator[Plan | Refused]:
        """Every object of a known color, in every color that is far enough from those in the image."""
        present = [lab(obj.values["color"]) for obj in view.objects if obj.values.get("color") in references()]
        for obj, _ in view.editable():
            old = obj.values.get("color")
            if old not in references():
                yield Refused(obj.object_id, "its color is not known")
                continue
            free = [
                color
                for color in view.known.get("color", ())
                if color in references()
                and (color in _COATS or "animal" not in obj.family)
                and all(np.linalg.norm(lab(color) - other) >= options.distance for other in present)
            ]
            if not free:
                yield Refused(obj.object_id, "no color is far enough from those of the image")
            for new in view.random.sample(free, len(free)):
                after = After(obj.name, {**obj.values, "color": new})
                yield Plan(obj.object_id, "color", old, new, after)

    def apply(self, pixels: Pixels, view: View, plan: Plan, options: RecolorConfig) -> Edited | Refused:
        """Exchange the color inside the mask."""
        mask = view.get_object(plan.object_id).mask
        assert mask is not None
        feather = view.quality.feather
        reach = dilated(mask, feather)
        touched = reach & ~view.others(plan.object_id)
        part = _part_of_interest(reach, 2 * _gap(mask) + 1)
        seen = cv2.cvtColor(pixels[part].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
        like = _without_highlights(likeness(seen, plan.old), mask[part])
        if float((like[mask[part]] > LIKE).mean()) < options.resemblance:
            return Refused(plan.object_id, "its pixels do not look like its color")
        recolored = _with_color(seen, plan.old, plan.new)
        changed = seen + (recolored - seen) * like[..., None]
        edited = np.clip(cv2.cvtColor(changed.astype(np.float32), cv2.COLOR_LAB2RGB), 0, 1) * 255
        result = pixels.copy()
        result[part] = composite(pixels[part], edited, touched[part], feather)
        return Edited(result, touched, mask)


@cache
def references() -> dict[str, tuple[int, int, int]]:
    """sRGB of each available color."""
    text = files(__package__).joinpath("reference_colors.json").read_text(encoding="utf-8")
    return {name: (red, green, blue) for name, (red, green, blue) in json.loads(text).items()}


@cache
def lab(color: str) -> np.ndarray:
    """CIELAB of a reference color: (3,) float32."""
    patch = np.asarray(references()[color], dtype=np.float32).reshape(1, 1, 3) / 255
    return cv2.cvtColor(patch, cv2.COLOR_RGB2LAB).reshape(3)


def likeness(seen: np.ndarray, color: str) -> np.ndarray:
    """How much each pixel (H, W, 3 CIELAB) looks like a color under more or less light: (H, W), 0 to 1."""
    reference = lab(color)
    chroma = float(np.linalg.norm(reference[1:]))
    own = np.linalg.norm(seen[..., 1:], axis=-1)
    if chroma < _GRAY:
        gray = 1 - np.clip((own - _GRAY) / _GRAY, 0, 1)
        return gray * (1 - np.clip((np.abs(seen[..., 0] - reference[0]) - 30) / 15, 0, 1))
    along = seen[..., 1:] @ (reference[1:] / chroma)
    direction = np.clip((along / np.maximum(own, 1e-3) - 0.75) / 0.15, 0, 1)
    # dark pixels of a color have little chroma, so it is measured relative to their lightness
    light = np.clip(seen[..., 0] / reference[0], 0.15, 1.0)
    amount = np.clip((along / (chroma * light) - _MUTED) / _MUTED, 0, 1)
    return direction * amount


def _without_highlights(like: np.ndarray, mask: Mask) -> np.ndarray:
    """Likeness with small gaps on the object closed: highlights, and seams between facets."""
    size = 2 * _gap(mask) + 1
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    closed = cv2.morphologyEx(like.astype(np.float32), cv2.MORPH_CLOSE, around)
    return np.where(mask, closed, like)


def _gap(mask: Mask) -> int:
    """Largest radius of a highlight in pixels."""
    return max(1, round(0.1 * extent(mask)))


def _part_of_interest(reach: Mask, margin: int) -> tuple[slice, slice]:
    """The part of the image that determines the edit; pixels further away are neither read nor changed."""
    x, y, w, h = box_of(reach)
    return np.s_[max(0, y - margin) : y + h + margin, max(0, x - margin) : x + w + margin]


def _with_color(seen: np.ndarray, old: str, new: str) -> np.ndarray:
    """Every pixel in the new color under the same light."""
    was, becomes = lab(old), lab(new)
    light = seen[..., :1] / was[0]
    lightness = becomes[0] * light
    over = np.clip(lightness - 92, 0, None)  # compress highlights of a light color
    lightness = np.where(lightness > 92, 92 + 8 * (1 - np.exp(-over / 8)), lightness)
    chroma = float(np.linalg.norm(was[1:]))
    if chroma < _GRAY:
        strength = np.clip(light, 0, 1.15)
    else:
        strength = np.clip((seen[..., 1:] @ (was[1:] / chroma) / chroma)[..., None], 0, 1.4)
    return np.concatenate([lightness, becomes[1:] * strength], axis=-1)
