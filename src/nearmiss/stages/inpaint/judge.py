"""Whether a pair is what it claims: each caption true of its own picture and false of the other one.

By the annotations, before and after the edit, with the generators' own check (engine/text/check.py). Refused otherwise,
with a reason.
"""

from dataclasses import replace

from nearmiss.engine.images.editing.plan import Box, ImageObject, Operation, Plan
from nearmiss.engine.images.masks import overlap_of_boxes
from nearmiss.engine.text.annotations import Annotated, Annotations
from nearmiss.engine.text.check import check, truth
from nearmiss.engine.text.labels import label
from nearmiss.engine.text.lexicon import interchangeable
from nearmiss.engine.text.parsing import Caption, Mention, parse
from nearmiss.engine.text.truth_values import Truth
from nearmiss.stages.inpaint.corpus import KINDS

_SAME_PLACE = 0.5  # overlap of boxes from which on a thing's annotated relations still hold


def meant(mention: Mention, annotations: Annotations) -> list[Annotated]:
    """The annotated things that a mention's own words do not rule out."""
    caption = Caption((replace(mention, count=None),))
    bare = replace(annotations, relations=frozenset(), closed=None)  # other things play no part, marked or not
    alone = (replace(bare, objects=(thing,)) for thing in annotations.objects)
    return [only.objects[0] for only in alone if truth(caption, only) is not Truth.FALSE]


def supposed(noted: Annotations, plan: Plan) -> Annotations:
    """What is noted, and what the plan takes for known beside it: a color that was measured, a size for comparison."""
    return replace(noted, objects=tuple(_with_old(each, plan) for each in noted.objects))


def _with_old(thing: Annotated, plan: Plan) -> Annotated:
    if (
        plan.kind not in KINDS
        or thing.object_id != plan.object_id
        or plan.kind in {kind for kind, _ in thing.attributes}
    ):
        return thing
    return replace(thing, attributes=thing.attributes | {(plan.kind, plan.old)})


def refusal_of_words(
    text: str, edited: str, plan: Plan, operation: Operation, before: Annotations, nouns: frozenset[str]
) -> str | None:
    """Why a caption and its edited form do not fit the picture before the edit; None where they do."""
    told, foil = parse(text, nouns), parse(edited, nouns)
    if told is None or foil is None or len(told.mentions) != len(foil.mentions):
        return "the caption could not be read"
    if label(text, edited, nouns) != (operation.concept, operation.operator):
        return "the words do not say the change alone"
    if plan.kind in ("color", "object") and (plan.old, plan.new) in interchangeable(plan.kind):
        return "people use both words of one thing"
    if truth(told, before) in (Truth.FALSE, Truth.UNDEFINED):
        return "the caption is not true of the picture by the annotations"
    changed = [one for one, other in zip(told.mentions, foil.mentions, strict=True) if one != other]
    things = meant(changed[0], before)
    if plan.object_id not in {thing.object_id for thing in things}:
        return "the caption means another thing"
    if len(things) != (int(plan.old) if plan.kind == "count" else 1):
        return "its words do not tell the thing from others"
    if truth(foil, before) is not Truth.FALSE:
        return "the edited caption is not false of the original"
    return None


def refusal_of_edit(
    text: str, edited: str, plan: Plan, before: Annotations, after: Annotations, nouns: frozenset[str]
) -> str | None:
    """Why the edited picture does not bear out its caption, or not contradict the original one; None where it does."""
    told, foil = parse(text, nouns), parse(edited, nouns)
    assert told is not None and foil is not None
    if truth(told, after) is not Truth.FALSE:
        return "the caption is not contradicted by the edit"
    if truth(foil, after) in (Truth.FALSE, Truth.UNDEFINED):
        return "the edited caption is not true of the edited picture"
    thing = next((thing for thing in after.objects if thing.object_id == plan.object_id), None)
    if plan.kind == "object" and thing is not None:
        claimed = next(other for one, other in zip(told.mentions, foil.mentions, strict=True) if one != other)
        if not {each for each in claimed.attributes if each[0]} <= thing.attributes:
            return "the caption says more of the thing than is known of the one in its place"
    return None


def verdict(edited: str, noted: Annotations, own_captions: tuple[str, ...]) -> str:
    """What annotators' notes alone say of the edited caption as a negative of the original: verified or plausible."""
    return check(edited, noted, own_captions).kind


def after_edit(before: Annotations, plan: Plan, thing: ImageObject, box: Box | None) -> Annotations:
    """The annotations of the edited picture; `box` is where the thing is now, None where it is gone."""
    if plan.after is None or box is None:
        objects = tuple(each for each in before.objects if each.object_id != plan.object_id)
        stays = False
    else:
        objects = tuple(
            _changed(each, plan, thing, box) if each.object_id == plan.object_id else each for each in before.objects
        )
        stays = overlap_of_boxes(thing.box, box) >= _SAME_PLACE
    kept = (each for each in before.relations if stays or plan.object_id not in (each[0], each[2]))
    return replace(before, objects=objects, relations=frozenset(kept))


def _changed(noted: Annotated, plan: Plan, thing: ImageObject, box: Box) -> Annotated:
    """The thing after the edit: of another one that took its place, nothing is kept that was noted of the first."""
    assert plan.after is not None
    values = frozenset(plan.after.values.items())
    if plan.donor is not None:
        return Annotated(noted.object_id, plan.after.name, values, box)
    rest = frozenset(each for each in noted.attributes if each[0] not in thing.values and each[0] != plan.kind)
    return Annotated(noted.object_id, plan.after.name, rest | values, box)
