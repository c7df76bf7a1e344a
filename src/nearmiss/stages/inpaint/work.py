"""The work on one picture with one operation: the first change that picture, caption and annotations all allow."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO

import cv2
import numpy as np
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
from nearmiss.stages.inpaint import judge
from nearmiss.stages.inpaint.config import InpaintConfig
from nearmiss.stages.inpaint.corpus import Corpus, Said
from nearmiss.stages.inpaint.views import pixels_of, studied, view_of
from nearmiss.stages.inpaint.wording import edited_captions, told_captions

WORKER = "nearmiss"
"""What stands in InpaintCOCO's column `worker`, which names who edited a picture."""


@dataclass(frozen=True)
class Rejection:
    """A row of rejected.parquet: what was not made, and why."""

    image_id: str | None
    object_id: str | None
    operation: str
    caption: str | None
    reason: str


@dataclass
class Outcome:
    """What came of one picture with one operation."""

    pairs: list[Pair] = field(default_factory=list)
    changed_outside: int = 0
    cpu_seconds: float = 0.0
    """Of whichever process did the work."""
    rejected: dict[Rejection, None] = field(default_factory=dict)  # in order, each once


@dataclass(frozen=True)
class Telling:
    """A caption, what is told of the original, its edited form, and the words that were exchanged.

    `told` is the caption itself, or the caption with a color or size written into it.
    """

    caption: Said
    told: str
    edited: str
    words: tuple[str, str]


def edit_picture(corpus: Corpus, options: OperationConfig, config: InpaintConfig, image_id: str) -> Outcome:
    """The pairs of a picture, `config.each` at most, and what was refused. The same for equal arguments, time aside."""
    cv2.setNumThreads(1)
    started = time.process_time()
    outcome = _edited(corpus, options, config, image_id)
    outcome.cpu_seconds = time.process_time() - started
    return outcome


@dataclass(frozen=True)
class Planned:
    """A change that picture, captions and annotations allow by their words, before a pixel is touched."""

    plan: Plan
    tellings: list[Telling]
    before: Annotations
    view: View


def planned(
    corpus: Corpus, options: OperationConfig, config: InpaintConfig, image_id: str, outcome: Outcome
) -> Iterator[Planned]:
    """The changes of a picture in their drawn order; what is refused goes to `outcome`."""
    operation = OPERATIONS[options.operation]
    noted = studied(corpus, image_id)
    view, flaws = view_of(corpus, image_id, noted, operation.name, config.quality, config.seed)
    refuse = partial(_refuse, outcome, image_id, operation.name)
    for flaw in flaws:
        refuse(flaw.object_id, flaw.reason)
    for plan in operation.candidates(view, options):
        if isinstance(plan, Refused):
            refuse(plan.object_id, plan.reason)
            continue
        before = judge.supposed(noted, plan)
        tellings = []
        mentioned = _tellings(corpus, image_id, plan, config)
        if any(len(caption.text) > LONGEST for caption in corpus.captions.get(image_id, ())):
            refuse(plan.object_id, TOO_LONG)
        for telling in mentioned:
            reason = _refusal(corpus, operation, plan, telling, before)
            if reason is None:
                tellings.append(telling)
            else:
                refuse(plan.object_id, reason, telling.told)
        if not mentioned:
            refuse(plan.object_id, "no caption mentions it")
        if tellings:
            yield Planned(plan, tellings, before, view)


def _edited(corpus: Corpus, options: OperationConfig, config: InpaintConfig, image_id: str) -> Outcome:
    operation, outcome = OPERATIONS[options.operation], Outcome()
    refuse = partial(_refuse, outcome, image_id, operation.name)
    for each in planned(corpus, options, config, image_id, outcome):
        plan, view = each.plan, each.view
        pixels = pixels_of(corpus, image_id)
        edited = operation.apply(pixels, view, plan, options)
        if isinstance(edited, Refused):
            refuse(edited.object_id, edited.reason)
            continue
        place = view.get_object(plan.object_id).covers(view.height, view.width)
        numbers = gates.measured(pixels, edited, place, plan)
        if flaw := gates.refusal(numbers, config.gates, exchanged=plan.donor is not None):
            refuse(plan.object_id, flaw)
            continue
        box = box_of(edited.covers) if edited.covers is not None and edited.covers.any() else None
        after = judge.after_edit(each.before, plan, view.get_object(plan.object_id), box)
        for telling in each.tellings:
            reason = judge.refusal_of_edit(telling.told, telling.edited, plan, each.before, after, corpus.nouns)
            if reason is not None:
                refuse(plan.object_id, reason, telling.told)
                continue
            outcome.pairs.append(_pair(corpus, image_id, operation, plan, telling, pixels, edited, numbers))
            outcome.changed_outside += changed_outside(pixels, edited.pixels, edited.touched)
            break
        if len(outcome.pairs) == config.each:
            break
    return outcome


def _refuse(
    outcome: Outcome, image_id: str, operation: str, object_id: str | None, reason: str, caption: str | None = None
) -> None:
    outcome.rejected[Rejection(image_id, object_id, operation, caption, reason)] = None


def _tellings(corpus: Corpus, image_id: str, plan: Plan, config: InpaintConfig) -> list[Telling]:
    """Every edited form of every caption of a picture, captions in a drawn order, those that are as written first."""
    captions = [caption for caption in corpus.captions.get(image_id, ()) if len(caption.text) <= LONGEST]
    rng(config.seed, "inpaint", "captions", image_id, plan.object_id, plan.kind).shuffle(captions)
    told = [(caption, caption.text) for caption in captions]
    if config.wording == "insert":
        told += [(caption, text) for caption in captions for text in told_captions(caption.text, plan, corpus)]
    return [
        Telling(caption, text, edited, words)
        for caption, text in told
        for edited, words in edited_captions(text, plan, corpus)
    ]


def _refusal(corpus: Corpus, operation: Operation, plan: Plan, telling: Telling, before: Annotations) -> str | None:
    reason = judge.refusal_of_words(telling.told, telling.edited, plan, operation, before, corpus.nouns)
    if reason is not None or plan.after is None:
        return reason
    return corpus.unfamiliar(plan.after.name, plan.after.values, telling.edited)


def _pair(
    corpus: Corpus,
    image_id: str,
    operation: Operation,
    plan: Plan,
    telling: Telling,
    pixels: Pixels,
    edited: Edited,
    numbers: Numbers,
) -> Pair:
    picture = corpus.pictures[image_id]
    captions = tuple(said.text for said in corpus.captions[image_id])
    return Pair(
        concept=operation.concept,
        coco_caption=telling.told,
        coco_image=_png(pixels),
        inpaint_caption=telling.edited,
        inpaint_image=_png(edited.pixels),
        mask=_png(np.repeat(edited.touched[..., None], 3, axis=-1).astype(np.uint8) * 255),
        worker=WORKER,
        coco_details=CocoDetails(captions, image_id, picture.width, picture.height, corpus.origins.get(image_id)),
        inpaint_details=InpaintDetails(
            operation=operation.name,
            operator=operation.operator,
            image_id=image_id,
            caption_id=telling.caption.caption_id,
            object_id=plan.object_id,
            other_object_id=plan.donor.object_id if plan.donor is not None else None,
            old=telling.words[0],
            new=telling.words[1],
            verdict=judge.verdict(telling.edited, corpus.annotations[image_id], captions),
            **vars(numbers),
        ),
    )


def _png(pixels: np.ndarray) -> bytes:
    """Lossless bytes of a picture."""
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()
