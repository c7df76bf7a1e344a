"""Remove: one of several objects of a name is removed with its shadow and replaced by background."""

from collections.abc import Iterator

from nearmiss.engine.images.editing.composite import composite
from nearmiss.engine.images.editing.hole import background_of, edit_mask
from nearmiss.engine.images.editing.plan import Edited, Pixels, Plan, Refused, View
from nearmiss.engine.images.editing.spec import RemoveConfig


class Remove:
    """count / recount."""

    name, concept, operator = "remove", "count", "recount"

    def candidates(self, view: View, options: RemoveConfig) -> Iterator[Plan | Refused]:
        """Every object that is one of `fewest` or more, of its name or of all objects."""
        for obj, _ in view.editable():
            numbers = {sum(other.name == obj.name for other in view.objects), len(view.objects)}
            counts = sorted(number for number in numbers if number >= options.fewest)
            if not counts:
                yield Refused(obj.object_id, "there is no other object that it could be counted with")
            for count in counts:
                yield Plan(obj.object_id, "count", str(count), str(count - 1), None)

    def apply(self, pixels: Pixels, view: View, plan: Plan, options: RemoveConfig) -> Edited | Refused:
        """Fill the hole of the object with background."""
        without = background_of(pixels, view, plan.object_id)
        if isinstance(without, Refused):
            return without
        touched = edit_mask(view, plan.object_id, without.region)
        return Edited(composite(pixels, without.ground, touched, view.quality.feather), touched)
