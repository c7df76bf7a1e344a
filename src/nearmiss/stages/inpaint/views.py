"""A picture as the operations see it: its things with their masks, and what annotations and captions know of them."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from nearmiss.base.seeding import rng
from nearmiss.engine.formats.segmentation import runs_of
from nearmiss.engine.images.decode import open_rgb
from nearmiss.engine.images.editing.measure import measured_color
from nearmiss.engine.images.editing.plan import Donor, DonorImage, ImageObject, Pixels, Refused, View, covered
from nearmiss.engine.images.editing.spec import Quality
from nearmiss.engine.images.masks import Mask, MaskError, box_of, decode, overlap_of_boxes, touches_border
from nearmiss.engine.text.annotations import Annotated, Annotations
from nearmiss.engine.text.inflection import indefinite_article
from nearmiss.engine.text.parsing import parse
from nearmiss.stages.inpaint.corpus import KINDS, Corpus, Object, family, meters, values_of
from nearmiss.stages.inpaint.judge import meant

_NEVER_OF_A_COLOR = {"person", "food", "traffic light"}  # nobody says one of these, or means its lamp
_FITS = 0.5  # overlap that an annotated box has at least with that of its mask


def studied(corpus: Corpus, image_id: str) -> Annotations:
    """The annotations of a picture, with colors and sizes added that captions give to exactly one thing.

    Only where annotators noted none of that kind, and no two captions disagree.
    """
    noted = corpus.annotations[image_id]
    said: dict[str, dict[str, set[str]]] = {}
    for caption in corpus.captions.get(image_id, ()):
        read = parse(caption.text, corpus.nouns)
        for mention in read.mentions if read is not None else ():
            things = meant(mention, noted)
            if len(things) != 1 or mention.plural or mention.count not in (None, 1):
                continue
            for kind, group in mention.attributes:
                if kind in KINDS:
                    said.setdefault(things[0].object_id, {}).setdefault(kind, set()).add(group)
    return replace(noted, objects=tuple(_with(thing, said.get(thing.object_id, {})) for thing in noted.objects))


def _with(thing: Annotated, said: Mapping[str, set[str]]) -> Annotated:
    kinds = {kind for kind, _ in thing.attributes}
    new = {(kind, min(groups)) for kind, groups in said.items() if kind not in kinds and len(groups) == 1}
    return replace(thing, attributes=thing.attributes | new) if new else thing


def view_of(
    corpus: Corpus, image_id: str, annotations: Annotations, operation: str, quality: Quality, seed: int
) -> tuple[View, list[Refused]]:
    """The picture as one operation sees it, its things in a drawn order; and the things that cannot be edited."""
    picture = corpus.pictures[image_id]
    pixels = pixels_of(corpus, image_id) if quality.measured is not None else None
    known = {thing.object_id: thing for thing in annotations.objects}
    things, targets, flaws = [], [], []
    for row in corpus.objects[image_id]:
        mask, flaw = usable_mask(row, picture.height, picture.width, quality)
        if flaw is None:
            targets.append(row.object_id)
        else:
            flaws.append(Refused(row.object_id, flaw))
        thing = known[row.object_id]
        values = values_of(thing)
        if pixels is not None and flaw is None and "color" not in values and mask is not None:
            values |= _measured(pixels, mask, thing.noun, quality)
        things.append(
            ImageObject(row.object_id, thing.noun, values, row.box, mask, family(thing.noun), meters(thing.noun))
        )
    random = rng(seed, "inpaint", operation, image_id)
    view = View(
        image_id=image_id,
        width=picture.width,
        height=picture.height,
        objects=tuple(things),
        targets=tuple(random.sample(targets, len(targets))),
        known=corpus.known,
        donors=tuple(donor for donor in corpus.donors if donor.image_id != image_id),
        load_donor=lambda donor: borrowed(corpus, donor, quality),
        random=random,
        quality=quality,
        with_article=lambda words: f"{indefinite_article(words.split()[0])} {words}",
    )
    return view, flaws


def _measured(pixels: Pixels, mask: Mask, name: str, quality: Quality) -> dict[str, str]:
    """The color that a thing's pixels tell."""
    if quality.measured is None or {name, *family(name)} & _NEVER_OF_A_COLOR:
        return {}
    color = measured_color(pixels, mask, quality.measured)
    return {} if color is None else {"color": color}


def usable_mask(row: Object, height: int, width: int, quality: Quality) -> tuple[Mask | None, str | None]:
    """A thing's mask, None where there is none; and why the thing cannot be edited, None where it can."""
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
    """The picture: (H, W, 3) uint8. Raises InputError where it does not decode."""
    return np.asarray(open_rgb(corpus.root / corpus.pictures[image_id].file))


def borrowed(corpus: Corpus, donor: Donor, quality: Quality) -> DonorImage | None:
    """A donor with its picture; None where its mask cannot be used, or edge or other things of its picture cut it."""
    if donor.object_id in corpus.unfit:
        return None
    picture = corpus.pictures[donor.image_id]
    own, things = None, []
    for row in corpus.objects[donor.image_id]:
        mask, flaw = usable_mask(row, picture.height, picture.width, quality)
        things.append(ImageObject(row.object_id, row.name, {}, row.box, mask))
        if row.object_id == donor.object_id and flaw is None:
            own = mask
    others = covered(things, donor.object_id, picture.height, picture.width)
    if own is None or touches_border(own) or (own & others).any():
        corpus.unfit.add(donor.object_id)
        return None
    return DonorImage(pixels_of(corpus, donor.image_id), own, others)
