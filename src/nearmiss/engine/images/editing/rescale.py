"""Rescale: a small object becomes large or a large one small, with its shadow."""

from collections.abc import Iterator

from nearmiss.engine.images.editing.composite import composite
from nearmiss.engine.images.editing.cutout import cut_out, paste, pasted_mask
from nearmiss.engine.images.editing.hole import background_of, conflict, edit_mask
from nearmiss.engine.images.editing.plan import After, Edited, Pixels, Plan, Refused, View
from nearmiss.engine.images.editing.spec import RescaleConfig
from nearmiss.engine.images.masks import box_of

_OPPOSITE = {"small": "large", "large": "small"}


class Rescale:
    """size / replace."""

    name, concept, operator = "rescale", "size", "replace"

    def candidates(self, view: View, options: RescaleConfig) -> Iterator[Plan | Refused]:
        """Every object with a known size, or with `unnamed` every object without one, in the opposite size."""
        for obj, _ in view.editable():
            old = obj.values.get("size", "small" if options.unnamed else None)
            if old not in _OPPOSITE:
                yield Refused(obj.object_id, "its size is not known")
                continue
            new = _OPPOSITE[old]
            yield Plan(obj.object_id, "size", old, new, After(obj.name, {**obj.values, "size": new}))

    def apply(self, pixels: Pixels, view: View, plan: Plan, options: RescaleConfig) -> Edited | Refused:
        """Fill the hole of the object, and paste it larger or smaller."""
        mask = view.get_object(plan.object_id).mask
        assert mask is not None
        x, y, w, h = box_of(mask)
        scale = options.factor if plan.new == "large" else 1 / options.factor
        center = (x + w / 2, y + h / 2 if options.rests == "center" else y + h - scale * h / 2)
        covers = pasted_mask(mask, center, scale, mask.shape)
        if reason := conflict(view, plan.object_id, covers):
            return Refused(plan.object_id, reason)
        without = background_of(pixels, view, plan.object_id)
        if isinstance(without, Refused):
            return without
        pasted, touched_by_object = paste(without.ground, cut_out(pixels, mask, without), center, scale)
        touched = edit_mask(view, plan.object_id, without.region | touched_by_object)
        return Edited(composite(pixels, pasted, touched, view.quality.feather), touched, covers)
