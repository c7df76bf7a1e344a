"""Move: a thing goes to the mirrored place in the other half and takes its shadow along."""

from collections.abc import Iterator

from nearmiss.engine.images.editing.composite import composite
from nearmiss.engine.images.editing.cutout import cut, lay
from nearmiss.engine.images.editing.hole import conflict, painted, vacated
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
        """Every thing, into each other half whose mirrored place is far enough away."""
        for thing, mask in view.editable():
            across, down = _way(box_of(mask), view)
            moves = {
                "on the left" if across > 0 else "on the right": abs(across) / view.width,
                "at the top" if down > 0 else "at the bottom": abs(down) / view.height,
            }
            sides = [side for side, way in moves.items() if side in options.sides and way >= options.distance]
            if not sides:
                yield Refused(thing.object_id, "its mirrored place is too near")
            for side in view.random.sample(sides, len(sides)):
                after = After(thing.name, thing.values)
                yield Plan(thing.object_id, "location", side, _OPPOSITE[side], after)

    def apply(self, pixels: Pixels, view: View, plan: Plan, options: MoveConfig) -> Edited | Refused:
        """Fill the thing's place, lay it down at the other one."""
        mask = view.thing(plan.object_id).mask
        assert mask is not None
        x, y, w, h = box_of(mask)
        across, down = _way((x, y, w, h), view)
        across, down = (across, 0) if plan.old in ("on the left", "on the right") else (0, down)
        covers = shifted(mask, across, down)
        if reason := conflict(view, plan.object_id, covers):
            return Refused(plan.object_id, reason)
        without = vacated(pixels, view, plan.object_id)
        if isinstance(without, Refused):
            return without
        center = (x + w / 2 + across, y + h / 2 + down)
        laid, concerned = lay(without.ground, cut(pixels, mask, without), center, 1.0)
        touched = painted(view, plan.object_id, without.region | concerned)
        return Edited(composite(pixels, laid, touched, view.quality.feather), touched, covers)


def _way(box: tuple[int, int, int, int], view: View) -> tuple[int, int]:
    """How far the mirrored place lies to the right and down, in pixels."""
    x, y, w, h = box
    return view.width - 2 * x - w, view.height - 2 * y - h
