"""Views of images for the operations: objects with masks and the attributes from annotations and captions."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from nearmiss.base.seeding import rng
from nearmiss.engine.formats.segmentation import runs_of
from nearmiss.engine.images.decode import open_rgb
from nearmiss.engine.images.editing.light import balanced
from nearmiss.engine.images.editing.measure import measured_color
from nearmiss.engine.images.editing.plan import Donor, DonorImage, ImageObject, Pixels, Refused, View, covered
from nearmiss.engine.images.editing.spec import Quality
from nearmiss.engine.images.masks import Mask, MaskError, box_of, decode, overlap_of_boxes, touches_border
from nearmiss.engine.text.annotations import Annotated, Annotations
from nearmiss.engine.text.inflection import indefinite_article
from nearmiss.engine.text.lexicon import load
from nearmiss.engine.text.parsing import parse
from nearmiss.stages.inpaint.consistency import meant
from nearmiss.stages.inpaint.corpus import KINDS, CaptionRow, Corpus, ObjectRow, family, meters, values_of
from nearmiss.stages.inpaint.wording import stated_colors

_FITS = 0.5  # minimum overlap of an annotated box with the box of its mask


def with_caption_attributes(corpus: Corpus, image_id: str) -> Annotations:
    """The annotations of an image, with colors and sizes that captions state of exactly one object.

    Only if none of that kind is annotated and the captions agree.
    """
    annotations = corpus.annotations[image_id]
    stated: dict[str, dict[str, set[str]]] = {}
    for caption in corpus.captions.get(image_id, ()):
        statement = parse(caption.text, corpus.nouns)
        for mention in statement.mentions if statement is not None else ():
            objects = meant(mention, annotations)
            if len(objects) != 1 or mention.plural or mention.count not in (None, 1):
                continue
            for kind, group in mention.attributes:
                if kind in KINDS:
                    stated.setdefault(objects[0].object_id, {}).setdefault(kind, set()).add(group)
    return replace(annotations, objects=tuple(_with(obj, stated.get(obj.object_id, {})) for obj in annotations.objects))


def _with(obj: Annotated, stated: Mapping[str, set[str]]) -> Annotated:
    kinds = {kind for kind, _ in obj.attributes}
    new = {(kind, min(groups)) for kind, groups in stated.items() if kind not in kinds and len(groups) == 1}
    return replace(obj, attributes=obj.attributes | new) if new else obj


def view_of(
    corpus: Corpus, image_id: str, annotations: Annotations, operation: str, quality: Quality, seed: int
) -> tuple[View, list[Refused]]:
    """The view of an image for one operation, targets in random order; and the objects that cannot be edited."""
    image = corpus.images[image_id]
    seen = balanced(pixels_of(corpus, image_id)) if quality.measured is not None else None
    known = {obj.object_id: obj for obj in annotations.objects}
    objects, targets, flaws = [], [], []
    for row in corpus.objects[image_id]:
        mask, flaw = usable_mask(row, image.height, image.width, quality)
        if flaw is None:
            targets.append(row.object_id)
        else:
            flaws.append(Refused(row.object_id, flaw))
        obj = known[row.object_id]
        values = values_of(obj)
        if seen is not None and flaw is None and "color" not in values and mask is not None:
            values |= _measured(seen, mask, obj.noun, corpus.captions.get(image_id, ()), quality)
        objects.append(ImageObject(row.object_id, obj.noun, values, row.box, mask, family(obj.noun), meters(obj.noun)))
    random = rng(seed, "inpaint", operation, image_id)
    view = View(
        image_id=image_id,
        width=image.width,
        height=image.height,
        objects=tuple(objects),
        targets=tuple(random.sample(targets, len(targets))),
        known=corpus.known,
        donors=tuple(donor for donor in corpus.donors if donor.image_id != image_id),
        load_donor=lambda donor: open_donor(corpus, donor, quality),
        random=random,
        quality=quality,
        with_article=lambda words: f"{indefinite_article(words.split()[0])} {words}",
    )
    return view, flaws


def _measured(
    seen: np.ndarray, mask: Mask, name: str, captions: Sequence[CaptionRow], quality: Quality
) -> dict[str, str]:
    """The color measured on the pixels of an object, unless a caption says another of a thing of its name."""
    if quality.measured is None or not {name, *family(name)}.isdisjoint(load("color")["rarely_colored"]):
        return {}
    color = measured_color(seen, mask, quality.measured)
    stated = set().union(*(stated_colors(caption.text, name) for caption in captions))
    return {} if color is None or stated - {color} else {"color": color}


def usable_mask(row: ObjectRow, height: int, width: int, quality: Quality) -> tuple[Mask | None, str | None]:
    """The mask of an object or None; and why the object cannot be edited, or None."""
    if row.mask is None:
        return None, "no mask"
    try:
        mask = decode(runs_of(row.mask), height, width)
    except MaskError as error:
        return None, str(error)
    except ValueError:
        return None, "malformed mask"
    if overlap_of_boxes(box_of(mask), row.box) < _FITS:
        return mask, "the mask does not fit its box"
    share = float(mask.mean())
    if share < quality.smallest:
        return mask, "too small"
    return mask, "too large" if share > quality.largest else None


def pixels_of(corpus: Corpus, image_id: str) -> Pixels:
    """The image: (H, W, 3) uint8. Raises InputError if it cannot be decoded."""
    return np.asarray(open_rgb(corpus.root / corpus.images[image_id].file))


def open_donor(corpus: Corpus, donor: Donor, quality: Quality) -> DonorImage | None:
    """A donor with its image; None if its mask is unusable, touches the border or overlaps other objects."""
    if donor.object_id in corpus.unusable_donors:
        return None
    image = corpus.images[donor.image_id]
    own, objects = None, []
    for row in corpus.objects[donor.image_id]:
        mask, flaw = usable_mask(row, image.height, image.width, quality)
        objects.append(ImageObject(row.object_id, row.name, {}, row.box, mask))
        if row.object_id == donor.object_id and flaw is None:
            own = mask
    others = covered(objects, donor.object_id, image.height, image.width)
    if own is None or touches_border(own) or (own & others).any():
        corpus.unusable_donors.add(donor.object_id)
        return None
    return DonorImage(pixels_of(corpus, donor.image_id), own, others)
