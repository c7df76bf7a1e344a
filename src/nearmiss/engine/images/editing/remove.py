"""Remove: one of several things of a name goes, its shadow too; the background closes over it."""

from collections.abc import Iterator

from nearmiss.engine.images.editing.composite import composite
from nearmiss.engine.images.editing.hole import painted, vacated
from nearmiss.engine.images.editing.plan import Edited, Pixels, Plan, Refused, View
from nearmiss.engine.images.editing.spec import RemoveConfig


class Remove:
    """count / recount."""

    name, concept, operator = "remove", "count", "recount"

    def candidates(self, view: View, options: RemoveConfig) -> Iterator[Plan | Refused]:
        """Every thing that is one of `fewest` or more, of its own name and of all things together."""
        for thing, _ in view.editable():
            numbers = {sum(other.name == thing.name for other in view.things), len(view.things)}
            counts = sorted(number for number in numbers if number >= options.fewest)
            if not counts:
                yield Refused(thing.object_id, "there is no other thing that it could be counted with")
            for count in counts:
                yield Plan(thing.object_id, "count", str(count), str(count - 1), None)

    def apply(self, pixels: Pixels, view: View, plan: Plan, options: RemoveConfig) -> Edited | Refused:
        """Fill the thing's place with background."""
        without = vacated(pixels, view, plan.object_id)
        if isinstance(without, Refused):
            return without
        touched = painted(view, plan.object_id, without.region)
        return Edited(composite(pixels, without.ground, touched, view.quality.feather), touched)
