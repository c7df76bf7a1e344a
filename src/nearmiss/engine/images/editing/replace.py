"""Replace: a thing gives way to another one of the same extent, cut out of another picture of the split."""

from collections.abc import Iterator

from nearmiss.engine.images.editing.composite import composite, extent
from nearmiss.engine.images.editing.cutout import brightness, cut, lay, lit, placed
from nearmiss.engine.images.editing.hole import conflict, emptied, painted, vacated
from nearmiss.engine.images.editing.plan import After, Donor, Edited, Pixels, Plan, Refused, Thing, View
from nearmiss.engine.images.editing.spec import ReplaceConfig
from nearmiss.engine.images.masks import box_of, largest_part

_DRAWN = 400  # other things that are looked at for each thing
_KEPT = ("size",)  # kinds that the new thing takes over from the old one, as it has its extent


class Replace:
    """object / replace."""

    name, concept, operator = "replace", "object", "replace"

    def candidates(self, view: View, options: ReplaceConfig) -> Iterator[Plan | Refused]:
        """Every thing, in exchange for others whose name the picture lacks; those most like it in all else first."""
        present = {thing.name for thing in view.things}
        for thing, _ in view.editable():
            fit = [donor for donor in view.donors if donor.name not in present and _fits(donor, thing, options)]
            if not fit:
                yield Refused(thing.object_id, "no other thing to paste")
            drawn = view.random.sample(fit, min(len(fit), _DRAWN))
            for donor in sorted(drawn, key=lambda each: _unlike(each, thing))[: options.tried]:
                kept = {kind: value for kind, value in thing.values.items() if kind in _KEPT}
                own = {kind: value for kind, value in donor.values.items() if kind not in _KEPT}
                after = After(donor.name, {**own, **kept})
                yield Plan(thing.object_id, "object", thing.name, donor.name, after, donor)

    def apply(self, pixels: Pixels, view: View, plan: Plan, options: ReplaceConfig) -> Edited | Refused:
        """Fill the thing's place, lay the other one down there."""
        mask = view.thing(plan.object_id).mask
        assert mask is not None and plan.donor is not None
        lent = view.borrow(plan.donor)
        if lent is None or largest_part(lent.mask) < options.whole:
            return Refused(plan.object_id, "the other thing cannot be cut out")
        scale = extent(mask) / extent(lent.mask)
        if scale > options.enlarged:
            return Refused(plan.object_id, "the other thing is too small to be enlarged")
        x, y, w, h = box_of(mask)
        foot = y + h - scale * box_of(lent.mask)[3] / 2
        center = (x + w / 2, y + h / 2 if options.rests == "center" else foot)
        covers = placed(lent.mask, center, scale, mask.shape)
        if (covers & mask).sum() < options.shape * (covers | mask).sum():
            return Refused(plan.object_id, "the other thing is of another shape")
        if reason := conflict(view, plan.object_id, covers):
            return Refused(plan.object_id, reason)
        without = vacated(pixels, view, plan.object_id)
        if isinstance(without, Refused):
            return without
        thing = cut(lent.pixels, lent.mask, emptied(lent.pixels, lent.mask, lent.others, view.quality))
        thing = lit(thing, (brightness(pixels) / brightness(lent.pixels)) ** options.light)
        laid, concerned = lay(without.ground, thing, center, scale)
        touched = painted(view, plan.object_id, without.region | concerned)
        return Edited(composite(pixels, laid, touched, view.quality.feather), touched, covers)


def _fits(donor: Donor, thing: Thing, options: ReplaceConfig) -> bool:
    """Of the same sort, about the same usual size and the same shape of box."""
    if thing.family and not set(thing.family) & set(donor.family):
        return False
    most = options.stature
    if most and thing.meters and donor.meters and _factor(thing.meters, donor.meters) > most:
        return False
    return _factor(donor.box[2] / donor.box[3], thing.box[2] / thing.box[3]) <= options.aspect


def _factor(one: float, other: float) -> float:
    """By which factor two sizes differ, 1 or more."""
    return max(one / other, other / one)


def _unlike(donor: Donor, thing: Thing) -> int:
    """In how many respects it is known to differ from the thing, size aside."""
    kinds = (donor.values.keys() | thing.values.keys()) - set(_KEPT)
    return sum(donor.values.get(kind) != thing.values.get(kind) for kind in kinds)
