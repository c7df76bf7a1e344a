"""Items for curation, with an original and a changed caption, independent of the kind of set."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

Kind = Literal["pairs", "negatives"]
Which = Literal["original", "changed", "outline"]


@dataclass(frozen=True)
class Item:
    """One item to decide on.

    `key` identifies it within its set. `original` is the unchanged caption, `changed` the one that may be corrected;
    either may be empty, as some published captions are. `images` lists the available images.
    """

    key: str
    concept: str
    original: str
    changed: str
    images: tuple[Which, ...]


@dataclass(frozen=True)
class ImageContent:
    """The bytes of an image file and its media type."""

    content: bytes
    media: str


class CurationSet(Protocol):
    """A set that the page can display and that can be written with fewer items and other captions."""

    kind: Kind
    digest: str
    """SHA-256 over the set's files: two sets with one digest have the same items in the same order."""
    items: list[Item]
    files: list[Path]
    """The set's files, which are read and never written."""

    def image(self, index: int, which: Which) -> ImageContent | None:
        """An image of the item at an index of `items`; None if there is none."""
        ...

    def write(self, folder: Path, captions: Mapping[str, str]) -> list[str]:
        """Write the items named in `captions`, in the set's own order and format, each with its changed caption.

        Returns the names of the files written into `folder`.
        """
        ...


def unfit(item: Item, caption: str) -> str | None:
    """Why an item cannot be accepted with this changed caption; None if it can.

    The readers of such sets set aside rows with an empty caption or with two equal ones, so neither is ever accepted.
    """
    if not item.original.strip():
        return "the original caption is empty: refuse the item"
    if not caption.strip():
        return "the changed caption is empty: write one, or refuse the item"
    if caption.split() == item.original.split():
        return "both captions are equal: change the new one, or refuse the item"
    return None
