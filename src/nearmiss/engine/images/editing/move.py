"""Move: an object and its shadow move to the mirrored position in the other half."""

from collections.abc import Iterator

from nearmiss.engine.images.editing.composite import composite
from nearmiss.engine.images.editing.cutout import cut_out, paste
from nearmiss.engine.images.editing.hole import background_of, conflict, edit_mask
from nearmiss.engine.images.editing.plan import After, Edited, Pixels, Plan, Refused, View
from nearmiss.engine.images.editing.spec import MoveConfig
from nearmiss.engine.images.masks import box_of, shifted

_OPPOSITE = {
    "on the left": "on the right",
    "on the right": "on the left",
    "at the top": "at the bottom",
    "at the bottom": "at the top",
}


class Move:
    """location / replace."""

    name, concept, operator = "move", "location", "replace"

    def candidates(self, view: View, options: MoveConfig) -> Iterator[Plan | Refused]:
        """Every object, into each opposite half where its mirrored position is far enough away."""
        for obj, mask in view.editable():
            across, down = _way(box_of(mask), view)
            moves = {
                "on the left" if across > 0 else "on the right": abs(across) / view.width,
                "at the top" if down > 0 else "at the bottom": abs(down) / view.height,
            }
            sides = [side for side, way in moves.items() if side in options.sides and way >= options.distance]
            if not sides:
                yield Refused(obj.object_id, "its mirrored place is too near")
            for side in view.random.sample(sides, len(sides)):
                after = After(obj.name, obj.values)
                yield Plan(obj.object_id, "location", side, _OPPOSITE[side], after)

    def apply(self, pixels: Pixels, view: View, plan: Plan, options: MoveConfig) -> Edited | Refused:
        """Fill the hole of the object, and paste it at the new position."""
        mask = view.get_object(plan.object_id).mask
        assert mask is not None
        x, y, w, h = box_of(mask)
        across, down = _way((x, y, w, h), view)
        across, down = (across, 0) if plan.old in ("on the left", "on the right") else (0, down)
        covers = shifted(mask, across, down)
        if reason := conflict(view, plan.object_id, covers):
            return Refused(plan.object_id, reason)
        without = background_of(pixels, view, plan.object_id)
        if isinstance(without, Refused):
            return without
        center = (x + w / 2 + across, y + h / 2 + down)
        pasted, touched_by_object = paste(without.ground, cut_out(pixels, mask, without), center, 1.0)
        touched = edit_mask(view, plan.object_id, without.region | touched_by_object)
        return Edited(composite(pixels, pasted, touched, view.quality.feather), touched, covers)


def _way(box: tuple[int, int, int, int], view: View) -> tuple[int, int]:
    """Offset to the mirrored position, to the right and down, in pixels."""
    x, y, w, h = box
    return view.width - 2 * x - w, view.height - 2 * y - h
