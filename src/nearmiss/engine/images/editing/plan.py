"""What operations see of a picture, and what they say of an edit: view, plan, edited picture, refusal.

Words are canonical groups ("large" for "big"), so that an operation needs no dictionary; `kind` says what a word is of:
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
class Thing:
    """A thing of the picture. `mask` is None where it has none that can be used."""

    object_id: str
    name: str
    values: Mapping[str, str]
    """What is known of it: kind -> group, such as color -> red."""
    box: Box
    mask: Mask | None
    family: tuple[str, ...] = ()
    """What sort of thing it is ("animal"); another one that takes its place is of the same sort."""
    meters: float | None = None
    """The usual length of its longest side; None where that is not known."""

    def covers(self, height: int, width: int) -> Mask:
        """Its pixels, or those of its box where there is no mask."""
        return self.mask if self.mask is not None else box_mask(self.box, height, width)


def covered(things: Iterable[Thing], but: str, height: int, width: int) -> Mask:
    """Pixels of all things but one, with a pixel around them for their soft outlines: (height, width) bool."""
    taken = np.zeros((height, width), dtype=bool)
    for thing in things:
        if thing.object_id != but:
            taken |= thing.covers(height, width)
    return dilated(taken, 1.0)


@dataclass(frozen=True)
class Donor:
    """A thing of another picture that may be pasted; what is known of it without opening the picture."""

    object_id: str
    image_id: str
    name: str
    values: Mapping[str, str]
    box: Box
    family: tuple[str, ...] = ()
    meters: float | None = None


@dataclass(frozen=True)
class Lent:
    """A donor's picture, its mask there, and the pixels of all other things there, their soft outlines included."""

    pixels: Pixels
    mask: Mask
    others: Mask


@dataclass(frozen=True)
class View:
    """One picture as an operation sees it."""

    image_id: str
    width: int
    height: int
    things: tuple[Thing, ...]
    targets: tuple[str, ...]
    """Ids of the things that may be edited, in a drawn order."""
    known: Mapping[str, tuple[str, ...]]
    """kind -> groups that the data's captions have a word for, sorted."""
    donors: tuple[Donor, ...]
    """Things of other pictures of the split."""
    borrow: Callable[[Donor], Lent | None]
    """A donor with its picture; None where it cannot be cut out whole."""
    random: Random
    quality: Quality
    with_article: Callable[[str], str] = str
    """Words for a thing as they stand in a sentence."""
    behind: dict[str, Any] = field(default_factory=dict, compare=False)
    """What hole.py found behind things, by their ids: several edits of one thing ask for the same."""

    def thing(self, object_id: str) -> Thing:
        """A thing by its id."""
        return next(thing for thing in self.things if thing.object_id == object_id)

    def editable(self) -> Iterator[tuple[Thing, Mask]]:
        """The things that may be edited, each with its mask."""
        for object_id in self.targets:
            thing = self.thing(object_id)
            if thing.mask is not None:
                yield thing, thing.mask

    def others(self, object_id: str) -> Mask:
        """Pixels of all things but one, their soft outlines included."""
        return covered(self.things, object_id, self.height, self.width)


@dataclass(frozen=True)
class After:
    """What the edited thing is called and is; its box follows from the pixels."""

    name: str
    values: Mapping[str, str]


@dataclass(frozen=True)
class Plan:
    """One change of one thing: the word that was true of it, and the word that shall be."""

    object_id: str
    kind: str
    old: str
    new: str
    after: After | None
    """None where the thing goes."""
    donor: Donor | None = None


@dataclass(frozen=True)
class Refused:
    """No edit, and why."""

    object_id: str | None
    reason: str


@dataclass(frozen=True)
class Edited:
    """The edited picture. Outside `touched` (H, W) every pixel is the original's."""

    pixels: Pixels
    touched: Mask
    covers: Mask | None = field(default=None)
    """Where the thing is now; None where it is gone."""


class Operation(Protocol):
    """An operation: its name, what it changes (concept, operator), and its two halves."""

    name: str
    concept: str
    operator: str

    def candidates(self, view: View, options: Any) -> Iterator[Plan | Refused]:
        """Changes that could be made, in a drawn order, and the things that allow none."""

    def apply(self, pixels: Pixels, view: View, plan: Plan, options: Any) -> Edited | Refused:
        """Make one change."""
