"""Replace: an object is replaced by another one of the same extent, cut out of another image of the split."""

from collections.abc import Iterator

from nearmiss.engine.images.editing.composite import composite, extent
from nearmiss.engine.images.editing.cutout import brightness, cut_out, paste, pasted_mask, relit
from nearmiss.engine.images.editing.hole import background_of, conflict, edit_mask, remove_object
from nearmiss.engine.images.editing.plan import After, Donor, Edited, ImageObject, Pixels, Plan, Refused, View
from nearmiss.engine.images.editing.spec import ReplaceConfig
from nearmiss.engine.images.masks import box_of, largest_part

_DRAWN = 400  # donors that are considered for each object
_KEPT = ("size",)  # kinds that the new object inherits, as it has the same extent


class Replace:
    """object / replace."""

    name, concept, operator = "replace", "object", "replace"

    def candidates(self, view: View, options: ReplaceConfig) -> Iterator[Plan | Refused]:
        """Every object, with donors whose name does not occur in the image, the most similar ones first."""
        present = {obj.name for obj in view.objects}
        for obj, _ in view.editable():
            fit = [donor for donor in view.donors if donor.name not in present and _fits(donor, obj, options)]
            if not fit:
                yield Refused(obj.object_id, "no other object to paste")
            drawn = view.random.sample(fit, min(len(fit), _DRAWN))
            for donor in sorted(drawn, key=lambda each: _unlike(each, obj))[: options.tried]:
                kept = {kind: value for kind, value in obj.values.items() if kind in _KEPT}
                own = {kind: value for kind, value in donor.values.items() if kind not in _KEPT}
                after = After(donor.name, {**own, **kept})
                yield Plan(obj.object_id, "object", obj.name, donor.name, after, donor)

    def apply(self, pixels: Pixels, view: View, plan: Plan, options: ReplaceConfig) -> Edited | Refused:
        """Fill the hole of the object, and paste the donor there."""
        mask = view.get_object(plan.object_id).mask
        assert mask is not None and plan.donor is not None
        donor_image = view.load_donor(plan.donor)
        if donor_image is None or largest_part(donor_image.mask) < options.whole:
            return Refused(plan.object_id, "the other object cannot be cut out")
        scale = extent(mask) / extent(donor_image.mask)
        if scale > options.enlarged:
            return Refused(plan.object_id, "the other object is too small to be enlarged")
        x, y, w, h = box_of(mask)
        foot = y + h - scale * box_of(donor_image.mask)[3] / 2
        center = (x + w / 2, y + h / 2 if options.rests == "center" else foot)
        covers = pasted_mask(donor_image.mask, center, scale, mask.shape)
        if (covers & mask).sum() < options.shape * (covers | mask).sum():
            return Refused(plan.object_id, "the other object has another shape")
        if reason := conflict(view, plan.object_id, covers):
            return Refused(plan.object_id, reason)
        without = background_of(pixels, view, plan.object_id)
        if isinstance(without, Refused):
            return without
        obj = cut_out(
            donor_image.pixels,
            donor_image.mask,
            remove_object(donor_image.pixels, donor_image.mask, donor_image.others, view.quality),
        )
        obj = relit(obj, (brightness(pixels) / brightness(donor_image.pixels)) ** options.light)
        pasted, touched_by_object = paste(without.ground, obj, center, scale)
        touched = edit_mask(view, plan.object_id, without.region | touched_by_object)
        return Edited(composite(pixels, pasted, touched, view.quality.feather), touched, covers)


def _fits(donor: Donor, obj: ImageObject, options: ReplaceConfig) -> bool:
    """Whether a donor has a common category, a similar usual size and a similar box shape."""
    if obj.family and not set(obj.family) & set(donor.family):
        return False
    most = options.stature
    if most and obj.meters and donor.meters and _factor(obj.meters, donor.meters) > most:
        return False
    return _factor(donor.box[2] / donor.box[3], obj.box[2] / obj.box[3]) <= options.aspect


def _factor(one: float, other: float) -> float:
    """The factor by which two sizes differ, at least 1."""
    return max(one / other, other / one)


def _unlike(donor: Donor, obj: ImageObject) -> int:
    """The number of attributes that are known to differ, except size."""
    kinds = (donor.values.keys() | obj.values.keys()) - set(_KEPT)
    return sum(donor.values.get(kind) != obj.values.get(kind) for kind in kinds)
