"""Rescale: a small thing becomes large, a large one small, about its center; its shadow grows and shrinks with it."""

from collections.abc import Iterator

from nearmiss.engine.images.editing.composite import composite
from nearmiss.engine.images.editing.cutout import cut, lay, placed
from nearmiss.engine.images.editing.hole import conflict, painted, vacated
from nearmiss.engine.images.editing.plan import After, Edited, Pixels, Plan, Refused, View
from nearmiss.engine.images.editing.spec import RescaleConfig
from nearmiss.engine.images.masks import box_of

_OPPOSITE = {"small": "large", "large": "small"}


class Rescale:
    """size / replace."""

    name, concept, operator = "rescale", "size", "replace"

    def candidates(self, view: View, options: RescaleConfig) -> Iterator[Plan | Refused]:
        """Every thing that is said to be small or large, or of which nothing is said, made the opposite."""
        for thing, _ in view.editable():
            old = thing.values.get("size", "small" if options.unnamed else None)
            if old not in _OPPOSITE:
                yield Refused(thing.object_id, "its size is not known")
                continue
            new = _OPPOSITE[old]
            yield Plan(thing.object_id, "size", old, new, After(thing.name, {**thing.values, "size": new}))

    def apply(self, pixels: Pixels, view: View, plan: Plan, options: RescaleConfig) -> Edited | Refused:
        """Fill the thing's place, lay it down again larger or smaller."""
        mask = view.thing(plan.object_id).mask
        assert mask is not None
        x, y, w, h = box_of(mask)
        scale = options.factor if plan.new == "large" else 1 / options.factor
        center = (x + w / 2, y + h / 2 if options.rests == "center" else y + h - scale * h / 2)
        covers = placed(mask, center, scale, mask.shape)
        if reason := conflict(view, plan.object_id, covers):
            return Refused(plan.object_id, reason)
        without = vacated(pixels, view, plan.object_id)
        if isinstance(without, Refused):
            return without
        laid, concerned = lay(without.ground, cut(pixels, mask, without), center, scale)
        touched = painted(view, plan.object_id, without.region | concerned)
        return Edited(composite(pixels, laid, touched, view.quality.feather), touched, covers)
