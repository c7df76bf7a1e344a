"""Quality measurements of an edit, and the thresholds at which it is rejected.

Each compares the edited image with the original around the same border or object, so that a cluttered photograph is
compared with itself. All thresholds are our choice (spec.Gates).
"""

from dataclasses import dataclass

import cv2
import numpy as np

from nearmiss.engine.images.editing.measure import share_of
from nearmiss.engine.images.editing.plan import Edited, Pixels, Plan
from nearmiss.engine.images.editing.recolor import references
from nearmiss.engine.images.editing.spec import Gates
from nearmiss.engine.images.masks import Mask, depth_in, distance_to

_RIM = 3.0  # pixels to each side of an edit's border in which a seam would show
_FEWEST = 30  # pixels; smaller parts are not measured


@dataclass(frozen=True)
class Numbers:
    """Measurements of an edit; None where there are too few pixels."""

    changed_inside: float
    """Share of the edit's mask that differs from the original."""
    likeness: float | None
    """For a color: share of the object's pixels that look like the new one."""
    seam: float | None
    """Mean gradient across the edit's border, in units of the original's there: 1 is no seam, 2 a harder edge."""
    sharpness: float | None
    """Mean gradient on the object after the edit, in units of that before."""
    noise: float | None
    """Finest detail on the object after the edit, in units of that before."""


def measured(original: Pixels, edited: Edited, before: Mask, plan: Plan) -> Numbers:
    """The numbers of an edit; `before` (H, W) is where the object was."""
    differs = (original != edited.pixels).any(axis=-1)
    gray = [cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32) for pixels in (original, edited.pixels)]
    edges = [_gradient(each) for each in gray]
    fine = [np.abs(each - cv2.GaussianBlur(each, (0, 0), 1.0)) for each in gray]
    rim = (depth_in(edited.touched) <= _RIM) & (distance_to(edited.touched) <= _RIM) if edited.touched.any() else before
    colored = plan.kind == "color" and plan.new in references() and edited.covers is not None
    return Numbers(
        changed_inside=float(differs[edited.touched].mean()) if edited.touched.any() else 0.0,
        likeness=share_of(edited.pixels, edited.covers, plan.new) if colored and edited.covers is not None else None,
        seam=_ratio(edges[1], rim, edges[0], rim),
        sharpness=_ratio(edges[1], edited.covers, edges[0], before),
        noise=_ratio(fine[1], edited.covers, fine[0], before),
    )


def refusal(numbers: Numbers, gates: Gates, *, exchanged: bool = False) -> str | None:
    """Why an edit is rejected, or None; `exchanged`: the object was replaced by another one."""
    if numbers.changed_inside < (gates.changed if numbers.likeness is None else max(gates.changed, gates.recolored)):
        return "too little of it changed"
    if numbers.likeness is not None and numbers.likeness < gates.likeness:
        return "it does not look like the new color"
    if gates.seam is not None and numbers.seam is not None and numbers.seam > gates.seam:
        return "its border shows"
    texture = [ratio for ratio in (numbers.sharpness, numbers.noise) if ratio is not None]
    if exchanged:
        most = max((max(ratio, 1 / ratio) for ratio in texture), default=1.0)
        return "it is not as sharp as what was there" if gates.unlike is not None and most > gates.unlike else None
    if gates.rougher is not None and max(texture, default=1.0) > gates.rougher:
        return "it is rougher than before"
    if gates.softer is not None and min(texture, default=1.0) < 1 / gates.softer:
        return "it is softer than before"
    return None


def _gradient(gray: np.ndarray) -> np.ndarray:
    across, down = cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1)
    return np.hypot(across, down)


def _ratio(after: np.ndarray, there: Mask | None, before: np.ndarray, here: Mask) -> float | None:
    """Ratio of two means; one gray value is added, so that flat parts give 1."""
    if there is None or there.sum() < _FEWEST or here.sum() < _FEWEST:
        return None
    return float((after[there].mean() + 1) / (before[here].mean() + 1))
