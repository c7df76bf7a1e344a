"""Photographs with captions, and instances where there are some, in COCO's format; nothing is copied."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, model_validator

from nearmiss.stages.data.sources.photographs import DRAWN, DrawnSplits, OneOrMore, Shares, names_of

if TYPE_CHECKING:
    from nearmiss.stages.data.sources.tables import SourceTables

KARPATHY_SPLITS = ("train", "val", "test")


class CocoSource(DrawnSplits):
    """A folder in COCO's format (Lin et al., ECCV 2014)."""

    name: Literal["coco"] = Field("coco", description="Photographs in COCO's format.")
    images: OneOrMore = Field("val2017", description="Folder of the image files, or several: [train2014, val2014].")
    captions: OneOrMore = Field(
        "annotations/captions_val2017.json", description="COCO captions, a JSON file, or several."
    )
    instances: OneOrMore | None = Field(
        None,
        description="COCO instances, as many JSON files as there are of captions; null for a data set without "
        "annotations of objects.",
    )
    karpathy: str | None = Field(
        None, description="Karpathy's splits, such as dataset_coco.json; null to draw splits. restval counts as train."
    )
    splits: Shares = Field(
        DRAWN, description="Share of the images in each split, drawn by image; not used with Karpathy's splits."
    )

    @model_validator(mode="after")
    def _paired(self) -> Self:
        if self.instances is not None and len(names_of(self.instances)) != len(names_of(self.captions)):
            raise ValueError("instances name as many files as captions, in the same order")
        return self

    def split_names(self) -> tuple[str, ...]:
        """Karpathy's splits, or those that have a share."""
        return KARPATHY_SPLITS if self.karpathy else tuple(self.splits)

    def files(self) -> dict[str, Path]:
        """Captions, instances and Karpathy's splits."""
        return self._paths("captions", "instances", "karpathy")

    def folders(self) -> dict[str, Path]:
        """The folders of images."""
        return self._paths("images")

    def has_masks(self) -> bool:
        """Whether instances are given."""
        return self.instances is not None

    def has_origins(self) -> bool:
        """Instances state them; without instances the table is empty."""
        return True

    def read(self, workers: int) -> "SourceTables":
        """Read the JSON files, decode each image once, and draw the splits."""
        from nearmiss.stages.data.sources.coco_tables import read

        return read(self, workers)

    def _paths(self, *keys: str) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for key in keys:
            value: Any = getattr(self, key)
            names = names_of(value)
            found |= {
                key if isinstance(value, str) else f"{key}.{at}": Path(self.root) / name
                for at, name in enumerate(names)
            }
        return found
