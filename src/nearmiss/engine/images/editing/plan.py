"""Inputs and outputs of the editing operations: view, plan, edited image, refusal.

Words are canonical groups ("large" for "big"), so that an operation needs no dictionary. `kind` is the kind of a word:
color, size, object, location or count.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

import numpy as np

from nearmiss.engine.images.editing.spec import Quality
from nearmiss.engine.images.masks import Mask, box_mask, dilated

Box = tuple[float, float, float, float]
Pixels = np.ndarray
"""(H, W, 3) uint8, RGB."""


@dataclass(frozen=True)
class ImageObject:
    """An object in the image. `mask` is None where it has no usable mask."""

    object_id: str
    name: str
    values: Mapping[str, str]
    """Its known attributes: kind -> group, such as color -> red."""
    box: Box
    mask: Mask | None
    family: tuple[str, ...] = ()
    """Its categories ("animal"); a replacement has one of them too."""
    meters: float | None = None
    """The usual length of its longest side; None where unknown."""

    def covers(self, height: int, width: int) -> Mask:
        """Its pixels, or those of its box where it has no mask."""
        return self.mask if self.mask is not None else box_mask(self.box, height, width)


def covered(objects: Iterable[ImageObject], but: str, height: int, width: int) -> Mask:
    """Pixels of all objects but one, with a pixel around them for their soft outlines: (height, width) bool."""
    taken = np.zeros((height, width), dtype=bool)
    for obj in objects:
        if obj.object_id != but:
            taken |= obj.covers(height, width)
    return dilated(taken, 1.0)


@dataclass(frozen=True)
class Donor:
    """An object in another image that may be pasted, described without opening that image."""

    object_id: str
    image_id: str
    name: str
    values: Mapping[str, str]
    box: Box
    family: tuple[str, ...] = ()
    meters: float | None = None


@dataclass(frozen=True)
class DonorImage:
    """A donor's image, its mask, and the pixels of all other objects in it, their soft outlines included."""

    pixels: Pixels
    mask: Mask
    others: Mask


@dataclass(frozen=True)
class View:
    """One image with everything that an operation needs."""

    image_id: str
    width: int
    height: int
    objects: tuple[ImageObject, ...]
    targets: tuple[str, ...]
    """Ids of the objects that may be edited, in random order."""
    known: Mapping[str, tuple[str, ...]]
    """kind -> groups for which the captions have a word, sorted."""
    donors: tuple[Donor, ...]
    """Objects of other images of the split."""
    load_donor: Callable[[Donor], DonorImage | None]
    """Loads a donor with its image; None where it cannot be cut out completely."""
    random: Random
    quality: Quality
    with_article: Callable[[str], str] = str
    """Adds the indefinite article to the words for an object."""
    backgrounds: dict[str, Any] = field(default_factory=dict, compare=False)
    """Backgrounds behind objects by their ids, cached by hole.py for several edits of one object."""

    def get_object(self, object_id: str) -> ImageObject:
        """An object by its id."""
        return next(obj for obj in self.objects if obj.object_id == object_id)

    def editable(self) -> Iterator[tuple[ImageObject, Mask]]:
        """The objects that may be edited, each with its mask."""
        for object_id in self.targets:
            obj = self.get_object(object_id)
            if obj.mask is not None:
                yield obj, obj.mask

    def others(self, object_id: str) -> Mask:
        """Pixels of all objects but one, their soft outlines included."""
        return covered(self.objects, object_id, self.height, self.width)


@dataclass(frozen=True)
class After:
    """Name and attributes of the edited object; its box follows from the pixels."""

    name: str
    values: Mapping[str, str]


@dataclass(frozen=True)
class Plan:
    """One change of one object: the word that is true of it before, and the word that is true afterwards."""

    object_id: str
    kind: str
    old: str
    new: str
    after: After | None
    """None where the object is removed."""
    donor: Donor | None = None


@dataclass(frozen=True)
class Refused:
    """An edit that is not possible, with the reason."""

    object_id: str | None
    reason: str


@dataclass(frozen=True)
class Edited:
    """The edited image. Outside `touched` (H, W) every pixel is the original's."""

    pixels: Pixels
    touched: Mask
    covers: Mask | None = field(default=None)
    """Pixels of the edited object; None where it was removed."""


class Operation(Protocol):
    """An operation: its name, what it changes (concept, operator), planning and applying."""

    name: str
    concept: str
    operator: str

    def candidates(self, view: View, options: Any) -> Iterator[Plan | Refused]:
        """Possible changes, in random order, and the objects that allow none."""

    def apply(self, pixels: Pixels, view: View, plan: Plan, options: Any) -> Edited | Refused:
        """Make one change."""
