"""Flickr8k and Flickr30k: photographs with captions, in Karpathy's JSON or as published; nothing is copied."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from nearmiss.stages.data.sources.photographs import DRAWN, DrawnSplits, Shares, Split

if TYPE_CHECKING:
    from nearmiss.stages.data.sources.tables import SourceTables

KARPATHY_SPLITS = ("train", "val", "test")


class FlickrSource(DrawnSplits):
    """What the two data sets share."""

    images: str = Field("images", description="Folder of the image files.")
    captions: str = Field(
        description="Karpathy's JSON file, which has splits, or a token file, whose lines are FILE#NUMBER, a tab and "
        "the caption."
    )
    split_files: dict[Split, str] | None = Field(
        None, description="With a token file: the list of images of each split; null to draw splits."
    )
    splits: Shares = Field(
        DRAWN, description="With a token file without lists: share of the images in each split, drawn by image."
    )

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if self.split_files is not None and self.is_karpathy():
            raise ValueError("split_files goes with a token file: Karpathy's JSON file has splits")
        if self.split_files is not None and "train" not in self.split_files:
            raise ValueError("train is one of the splits in split_files")
        return self

    def is_karpathy(self) -> bool:
        """Whether the captions are Karpathy's JSON file, by its suffix."""
        return self.captions.endswith(".json")

    def split_names(self) -> tuple[str, ...]:
        """Karpathy's splits, those that have a list, or those that have a share."""
        return KARPATHY_SPLITS if self.is_karpathy() else tuple(self.split_files or self.splits)

    def files(self) -> dict[str, Path]:
        """Captions and lists of splits."""
        lists = {f"split_files.{split}": Path(self.root) / name for split, name in (self.split_files or {}).items()}
        return {"captions": Path(self.root) / self.captions, **lists}

    def folders(self) -> dict[str, Path]:
        """The folder of images."""
        return {"images": Path(self.root) / self.images}

    def read(self, workers: int) -> "SourceTables":
        """Read the captions and decode each image once."""
        from nearmiss.stages.data.sources.flickr_tables import read

        return read(self, workers)


class Flickr8kSource(FlickrSource):
    """Flickr8k (Hodosh et al., JAIR 2013)."""

    name: Literal["flickr8k"] = Field("flickr8k", description="Flickr8k.")
    captions: str = Field(
        "dataset_flickr8k.json",
        description="Karpathy's JSON file, which has splits, or a token file such as Flickr8k.token.txt, whose lines "
        "are FILE#NUMBER, a tab and the caption.",
    )


class Flickr30kSource(FlickrSource):
    """Flickr30k (Young et al., TACL 2014)."""

    name: Literal["flickr30k"] = Field("flickr30k", description="Flickr30k.")
    captions: str = Field(
        "dataset_flickr30k.json",
        description="Karpathy's JSON file, which has splits, or a token file such as results_20130124.token, whose "
        "lines are FILE#NUMBER, a tab and the caption.",
    )
