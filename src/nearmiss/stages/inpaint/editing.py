"""Edits one image with one operation: applies the changes that image, captions and annotations allow."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO

import cv2
import numpy as np
import polars as pl
from PIL import Image

from nearmiss.base.seeding import rng
from nearmiss.engine.formats.inpaintcoco import CocoDetails, InpaintDetails, Pair
from nearmiss.engine.images.editing import gates
from nearmiss.engine.images.editing.composite import changed_outside
from nearmiss.engine.images.editing.gates import Numbers
from nearmiss.engine.images.editing.plan import Edited, Operation, Pixels, Plan, Refused, View
from nearmiss.engine.images.editing.registry import OPERATIONS
from nearmiss.engine.images.editing.spec import OperationConfig
from nearmiss.engine.images.masks import box_of
from nearmiss.engine.text.annotations import Annotations
from nearmiss.engine.text.legible import LONGEST, TOO_LONG
from nearmiss.stages.inpaint import consistency
from nearmiss.stages.inpaint.config import InpaintConfig
from nearmiss.stages.inpaint.corpus import CaptionRow, Corpus
from nearmiss.stages.inpaint.views import pixels_of, view_of, with_caption_attributes
from nearmiss.stages.inpaint.wording import captions_with_value, edited_captions

WORKER = "nearmiss"
"""Value of InpaintCOCO's column `worker`, which names the editor of an image."""


@dataclass(frozen=True)
class Rejection:
    """A row of rejected.parquet: a rejected change and its reason."""

    image_id: str | None
    object_id: str | None
    operation: str
    caption: str | None
    reason: str


_OF_ONE_OBJECT = 2
"""Pairs of one object and operation at most (our choice): more of them show nothing new."""

REJECTIONS = pl.Schema(
    {
        "image_id": pl.String,
        "object_id": pl.String,
        "operation": pl.String,
        "caption": pl.String,  # null if no caption was checked
        "reason": pl.String,
    }
)
"""The columns of rejected.parquet."""


@dataclass
class Outcome:
    """Result of one operation on one image."""

    pairs: list[Pair] = field(default_factory=list)
    changed_outside: int = 0
    cpu_seconds: float = 0.0
    """CPU time of the process that ran the operation."""
    rejected: dict[Rejection, None] = field(default_factory=dict)  # in order, each once


@dataclass(frozen=True)
class CaptionEdit:
    """A caption, the text for the original image, the edited text, and the replaced words.

    `text` is the caption itself, or the caption with an inserted color or size.
    """

    caption: CaptionRow
    text: str
    edited: str
    words: tuple[str, str]


def edit_image(corpus: Corpus, options: OperationConfig, config: InpaintConfig, image_id: str) -> Outcome:
    """At most `config.each` pairs of an image, and the rejected changes. Deterministic except for the time."""
    cv2.setNumThreads(1)
    started = time.process_time()
    outcome = _edited(corpus, options, config, image_id)
    outcome.cpu_seconds = time.process_time() - started
    return outcome


@dataclass(frozen=True)
class Planned:
    """A change that image, captions and annotations allow, before the edit."""

    plan: Plan
    caption_edits: list[CaptionEdit]
    before: Annotations
    view: View


def planned(
    corpus: Corpus, options: OperationConfig, config: InpaintConfig, image_id: str, outcome: Outcome
) -> Iterator[Planned]:
    """Yield the changes of an image in random order; rejected ones are added to `outcome`."""
    operation = OPERATIONS[options.operation]
    annotations = with_caption_attributes(corpus, image_id)
    view, flaws = view_of(corpus, image_id, annotations, operation.name, config.quality, config.seed)
    refuse = partial(_refuse, outcome, image_id, operation.name)
    for flaw in flaws:
        refuse(flaw.object_id, flaw.reason)
    for plan in operation.candidates(view, options):
        if isinstance(plan, Refused):
            refuse(plan.object_id, plan.reason)
            continue
        before = consistency.with_old_value(annotations, plan)
        caption_edits = []
        edits = _caption_edits(corpus, image_id, plan, config)
        if any(len(caption.text) > LONGEST for caption in corpus.captions.get(image_id, ())):
            refuse(plan.object_id, TOO_LONG)
        for edit in edits:
            reason = _refusal(corpus, operation, plan, edit, before)
            if reason is None:
                caption_edits.append(edit)
            else:
                refuse(plan.object_id, reason, edit.text)
        if not edits:
            refuse(plan.object_id, "no caption mentions it")
        if caption_edits:
            yield Planned(plan, caption_edits, before, view)


def _edited(corpus: Corpus, options: OperationConfig, config: InpaintConfig, image_id: str) -> Outcome:
    operation, outcome = OPERATIONS[options.operation], Outcome()
    refuse = partial(_refuse, outcome, image_id, operation.name)
    for each in planned(corpus, options, config, image_id, outcome):
        plan, view = each.plan, each.view
        if sum(pair.inpaint_details.object_id == plan.object_id for pair in outcome.pairs) == _OF_ONE_OBJECT:
            refuse(plan.object_id, "two pairs show it already")
            continue
        pixels = pixels_of(corpus, image_id)
        edited = operation.apply(pixels, view, plan, options)
        if isinstance(edited, Refused):
            refuse(edited.object_id, edited.reason)
            continue
        covered = view.get_object(plan.object_id).covers(view.height, view.width)
        numbers = gates.measured(pixels, edited, covered, plan)
        if flaw := gates.refusal(numbers, config.gates, exchanged=plan.donor is not None):
            refuse(plan.object_id, flaw)
            continue
        box = box_of(edited.covers) if edited.covers is not None and edited.covers.any() else None
        after = consistency.after_edit(each.before, plan, view.get_object(plan.object_id), box)
        for edit in each.caption_edits:
            reason = consistency.refusal_of_edit(edit.text, edit.edited, plan, each.before, after, corpus.nouns)
            if reason is not None:
                refuse(plan.object_id, reason, edit.text)
                continue
            outcome.pairs.append(_pair(corpus, image_id, operation, plan, edit, pixels, edited, numbers))
            outcome.changed_outside += changed_outside(pixels, edited.pixels, edited.touched)
            break
        if len(outcome.pairs) == config.each:
            break
    return outcome


def _refuse(
    outcome: Outcome, image_id: str, operation: str, object_id: str | None, reason: str, caption: str | None = None
) -> None:
    outcome.rejected[Rejection(image_id, object_id, operation, caption, reason)] = None


def _caption_edits(corpus: Corpus, image_id: str, plan: Plan, config: InpaintConfig) -> list[CaptionEdit]:
    """All edits of all captions of an image; captions in random order, unmodified ones first."""
    captions = [caption for caption in corpus.captions.get(image_id, ()) if len(caption.text) <= LONGEST]
    rng(config.seed, "inpaint", "captions", image_id, plan.object_id, plan.kind).shuffle(captions)
    sources = [(caption, caption.text) for caption in captions]
    if config.wording == "insert":
        sources += [(caption, text) for caption in captions for text in captions_with_value(caption.text, plan, corpus)]
    return [
        CaptionEdit(caption, text, edited, words)
        for caption, text in sources
        for edited, words in edited_captions(text, plan, corpus)
    ]


def _refusal(corpus: Corpus, operation: Operation, plan: Plan, edit: CaptionEdit, before: Annotations) -> str | None:
    reason = consistency.refusal_of_words(edit.text, edit.edited, plan, operation, before, corpus.nouns)
    if reason is not None or plan.after is None:
        return reason
    return corpus.unseen_combination(plan.after.name, plan.after.values, edit.edited)


def _pair(
    corpus: Corpus,
    image_id: str,
    operation: Operation,
    plan: Plan,
    edit: CaptionEdit,
    pixels: Pixels,
    edited: Edited,
    numbers: Numbers,
) -> Pair:
    image = corpus.images[image_id]
    captions = tuple(caption.text for caption in corpus.captions[image_id])
    return Pair(
        concept=operation.concept,
        coco_caption=edit.text,
        coco_image=_png(pixels),
        inpaint_caption=edit.edited,
        inpaint_image=_png(edited.pixels),
        mask=_png(np.repeat(edited.touched[..., None], 3, axis=-1).astype(np.uint8) * 255),
        worker=WORKER,
        coco_details=CocoDetails(captions, image_id, image.width, image.height, corpus.origins.get(image_id)),
        inpaint_details=InpaintDetails(
            operation=operation.name,
            operator=operation.operator,
            image_id=image_id,
            caption_id=edit.caption.caption_id,
            object_id=plan.object_id,
            other_object_id=plan.donor.object_id if plan.donor is not None else None,
            old=edit.words[0],
            new=edit.words[1],
            verdict=consistency.verdict(edit.edited, corpus.annotations[image_id], captions),
            **vars(numbers),
        ),
    )


def _png(pixels: np.ndarray) -> bytes:
    """PNG bytes of an image."""
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()
