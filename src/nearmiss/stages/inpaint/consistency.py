"""Checks that each caption of a pair is true of its image and false of the other one.

Uses the annotations before and after the edit and the check of the generators (engine/text/verdict.py). Other pairs are
rejected with a reason.
"""

from dataclasses import replace

from nearmiss.engine.images.editing.plan import Box, ImageObject, Operation, Plan
from nearmiss.engine.images.masks import overlap_of_boxes
from nearmiss.engine.text.annotations import Annotated, Annotations
from nearmiss.engine.text.labels import label
from nearmiss.engine.text.lexicon import interchangeable
from nearmiss.engine.text.parsing import Caption, Mention, parse
from nearmiss.engine.text.truth_values import Truth
from nearmiss.engine.text.verdict import check, truth
from nearmiss.stages.inpaint.corpus import KINDS

_SAME_PLACE = 0.5  # overlap of boxes above which the annotated relations of an object still hold


def meant(mention: Mention, annotations: Annotations) -> list[Annotated]:
    """The annotated objects that a mention may refer to."""
    caption = Caption((replace(mention, count=None),))
    bare = replace(annotations, relations=frozenset(), closed=None)  # without other objects, annotated or not
    candidates = (replace(bare, objects=(obj,)) for obj in annotations.objects)
    return [candidate.objects[0] for candidate in candidates if truth(caption, candidate) is not Truth.FALSE]


def with_old_value(annotations: Annotations, plan: Plan) -> Annotations:
    """The annotations with the old value of the plan: a measured color, or a size for comparison."""
    return replace(annotations, objects=tuple(_with_old(each, plan) for each in annotations.objects))


def _with_old(obj: Annotated, plan: Plan) -> Annotated:
    if plan.kind not in KINDS or obj.object_id != plan.object_id or plan.kind in {kind for kind, _ in obj.attributes}:
        return obj
    return replace(obj, attributes=obj.attributes | {(plan.kind, plan.old)})


def refusal_of_words(
    text: str, edited: str, plan: Plan, operation: Operation, before: Annotations, nouns: frozenset[str]
) -> str | None:
    """Why a caption and its edited form do not fit the image before the edit; None if they do."""
    original, changed_caption = parse(text, nouns), parse(edited, nouns)
    if original is None or changed_caption is None or len(original.mentions) != len(changed_caption.mentions):
        return "the caption could not be read"
    if label(text, edited, nouns) != (operation.concept, operation.operator):
        return "the texts differ in more than the edited words"
    if plan.kind in ("color", "object") and (plan.old, plan.new) in interchangeable(plan.kind):
        return "both words can describe one object"
    if truth(original, before) in (Truth.FALSE, Truth.UNDEFINED):
        return "the caption is not true of the image by the annotations"
    changed = [one for one, other in zip(original.mentions, changed_caption.mentions, strict=True) if one != other]
    matches = meant(changed[0], before)
    if plan.object_id not in {obj.object_id for obj in matches}:
        return "the caption refers to another object"
    if len(matches) != (int(plan.old) if plan.kind == "count" else 1):
        return "its words do not distinguish the object from others"
    if truth(changed_caption, before) is not Truth.FALSE:
        return "the edited caption is not false of the original"
    return None


def refusal_of_edit(
    text: str, edited: str, plan: Plan, before: Annotations, after: Annotations, nouns: frozenset[str]
) -> str | None:
    """Why the edited image does not fit its caption or does not contradict the original one; None if it does."""
    original, changed_caption = parse(text, nouns), parse(edited, nouns)
    assert original is not None and changed_caption is not None
    if truth(original, after) is not Truth.FALSE:
        return "the caption is not contradicted by the edit"
    if truth(changed_caption, after) in (Truth.FALSE, Truth.UNDEFINED):
        return "the edited caption is not true of the edited image"
    obj = next((obj for obj in after.objects if obj.object_id == plan.object_id), None)
    if plan.kind == "object" and obj is not None:
        stated = next(
            other for one, other in zip(original.mentions, changed_caption.mentions, strict=True) if one != other
        )
        if not {each for each in stated.attributes if each[0]} <= obj.attributes:
            return "the caption states more of the object than is annotated of its replacement"
    return None


def verdict(edited: str, annotations: Annotations, own_captions: tuple[str, ...]) -> str:
    """Verdict by the annotations on the edited caption as a negative of the original: verified or plausible."""
    return check(edited, annotations, own_captions).kind


def after_edit(before: Annotations, plan: Plan, obj: ImageObject, box: Box | None) -> Annotations:
    """The annotations of the edited image; `box` is the new box of the object, None if it was removed."""
    if plan.after is None or box is None:
        objects = tuple(each for each in before.objects if each.object_id != plan.object_id)
        stays = False
    else:
        objects = tuple(
            _changed(each, plan, obj, box) if each.object_id == plan.object_id else each for each in before.objects
        )
        stays = overlap_of_boxes(obj.box, box) >= _SAME_PLACE
    kept = (each for each in before.relations if stays or plan.object_id not in (each[0], each[2]))
    return replace(before, objects=objects, relations=frozenset(kept))


def _changed(annotations: Annotated, plan: Plan, obj: ImageObject, box: Box) -> Annotated:
    """The object after the edit; if another object replaced it, its annotations are dropped."""
    assert plan.after is not None
    values = frozenset(plan.after.values.items())
    if plan.donor is not None:
        return Annotated(annotations.object_id, plan.after.name, values, box)
    rest = frozenset(each for each in annotations.attributes if each[0] not in obj.values and each[0] != plan.kind)
    return Annotated(annotations.object_id, plan.after.name, rest | values, box)
