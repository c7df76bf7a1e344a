"""Repaint: a diffusion model repaints an object in another color or as another object; the best painting is kept."""

from collections.abc import Iterator

import cv2
import numpy as np

from nearmiss.engine.images.editing.composite import composite, extent
from nearmiss.engine.images.editing.plan import After, Edited, ImageObject, Pixels, Plan, Refused, View
from nearmiss.engine.images.editing.recolor import Recolor, likeness, references
from nearmiss.engine.images.editing.spec import RepaintColorConfig, RepaintObjectConfig
from nearmiss.engine.images.masks import Mask, dilated, touches_border

_LIKE = 0.4  # likeness at which a pixel counts as one of the color, as in recolor.py
_SEEDS = 2**63


class RepaintColor:
    """color / replace, painted."""

    name, concept, operator = "repaint_color", "color", "replace"

    def candidates(self, view: View, options: RepaintColorConfig) -> Iterator[Plan | Refused]:
        """The changes that recoloring would make."""
        return Recolor().candidates(view, options.as_recolor())

    def apply(self, pixels: Pixels, view: View, plan: Plan, options: RepaintColorConfig) -> Edited | Refused:
        """Paint the object several times; keep the painting with most pixels of the new color."""
        mask = view.get_object(plan.object_id).mask
        assert mask is not None
        touched = dilated(mask, view.quality.feather) & ~view.others(plan.object_id)
        obj = view.get_object(plan.object_id).name
        paintings = _paintings(pixels, view, touched, (obj, view.with_article(f"{plan.new} {obj}")), options)
        best = max(paintings, key=lambda painting: _share(painting, mask, plan.new))
        if _share(best, mask, plan.new) < options.resemblance:
            return Refused(plan.object_id, "no painting has the new color")
        return Edited(composite(pixels, best, touched, view.quality.feather), touched, mask)


class RepaintObject:
    """object / replace, painted."""

    name, concept, operator = "repaint_object", "object", "replace"

    def candidates(self, view: View, options: RepaintObjectConfig) -> Iterator[Plan | Refused]:
        """Every object, as another one of its family that does not occur in the image."""
        present = {obj.name for obj in view.objects}
        for obj, mask in view.editable():
            if touches_border(mask):
                yield Refused(obj.object_id, "touches the border")
                continue
            alike = (each for each in view.donors if not obj.family or set(each.family) & set(obj.family))
            fit = sorted({each.name for each in alike} - present)
            if not fit:
                yield Refused(obj.object_id, "no other kind of object to paint")
            for new in view.random.sample(fit, min(len(fit), options.tried)):
                yield Plan(obj.object_id, "object", obj.name, new, After(new, _kept(obj)))

    def apply(self, pixels: Pixels, view: View, plan: Plan, options: RepaintObjectConfig) -> Edited | Refused:
        """Paint the other object several times, in the old one's color where that is known; of the paintings with that
        color, keep the one with the least visible border."""
        mask = view.get_object(plan.object_id).mask
        assert mask is not None and plan.after is not None
        others = view.others(plan.object_id)
        # With a margin around the old outline, as the new object has another one.
        touched = dilated(mask, view.quality.feather + options.room * extent(mask)) & ~others
        color = plan.after.values.get("color")
        words = view.with_article(plan.new if color is None else f"{color} {plan.new}")
        paintings = _paintings(pixels, view, touched, (plan.old, words), options)
        if color is not None:
            paintings = [each for each in paintings if _share(each, mask, color) >= options.resemblance]
        if not paintings:
            return Refused(plan.object_id, "no painting has the color")
        pasted = [composite(pixels, painting, touched, view.quality.feather) for painting in paintings]
        return Edited(min(pasted, key=lambda each: _seam(each, touched)), touched, mask)


def _kept(obj: ImageObject) -> dict[str, str]:
    """Attributes that the painted object inherits: its size, and the requested color."""
    color = obj.values.get("color")
    size = {"size": obj.values["size"]} if "size" in obj.values else {}
    return {**size, **({"color": color} if color in references() else {})}


def _paintings(
    pixels: Pixels,
    view: View,
    hole: Mask,
    change: tuple[str, str],
    options: RepaintColorConfig | RepaintObjectConfig,
) -> list[Pixels]:
    """Paintings of a change: the object's name, and what it becomes."""
    from nearmiss.engine.images.editing.painter import painter  # imports torch and diffusers

    seeds = [view.random.randrange(_SEEDS) for _ in range(options.diffusion.candidates)]
    return painter(options.diffusion).paint(pixels, hole, *change, seeds)


def _share(painting: Pixels, mask: Mask, color: str) -> float:
    """Share of the object's pixels that look like a color."""
    seen = cv2.cvtColor(painting.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return float((likeness(seen, color)[mask] > _LIKE).mean())


def _seam(pixels: Pixels, touched: Mask) -> float:
    """Mean step of brightness along the border of an edit, in units of the mean step in its surroundings."""
    gray = pixels.astype(np.float32).mean(axis=-1)
    steps = np.hypot(cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1))
    border = dilated(touched, 2.0) & ~(touched & ~dilated(~touched, 2.0))
    around = dilated(touched, 8.0) & ~border
    return float(steps[border].mean() / (steps[around].mean() + 1e-3))
