"""Any folder of images with a CSV, TSV or JSON Lines file of captions; nothing is copied."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator

from nearmiss.stages.data.sources.photographs import DRAWN, DrawnSplits, Shares

if TYPE_CHECKING:
    from nearmiss.stages.data.sources.tables import SourceTables

_SUFFIXES = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson")


class FolderSource(DrawnSplits):
    """Images and a list of captions. Several rows of an image are several captions."""

    name: Literal["folder"] = Field("folder", description="Images with a list of captions.")
    images: str = Field("images", description="Folder of the image files; names in the list are relative to it.")
    captions: str = Field("captions.csv", description="The list: .csv, .tsv, .txt (as .tsv), .jsonl or .ndjson.")
    image_key: str = Field("filepath", min_length=1, description="Column of the image files.")
    caption_key: str = Field(
        "title", min_length=1, description="Column of the captions; in JSON Lines, a text or a list of texts."
    )
    split_key: str | None = Field(
        None,
        description="Column of the splits, of which those in `splits` are used; null to draw splits. restval counts as "
        "train; validation, valid and dev count as val.",
    )
    separator: str | None = Field(
        None, min_length=1, max_length=1, description="What separates columns; null for the one of the suffix."
    )
    splits: Shares = Field(
        DRAWN, description="Share of the images in each split, drawn by image; with `split_key` only its names count."
    )

    @field_validator("captions")
    @classmethod
    def _known(cls, name: str) -> str:
        if not name.endswith(_SUFFIXES):
            raise ValueError(f"the name of the list ends with one of {', '.join(_SUFFIXES)}")
        return name

    def files(self) -> dict[str, Path]:
        """The list."""
        return {"captions": Path(self.root) / self.captions}

    def folders(self) -> dict[str, Path]:
        """The folder of images."""
        return {"images": Path(self.root) / self.images}

    def read(self, workers: int) -> "SourceTables":
        """Read the list and decode each image once."""
        from nearmiss.stages.data.sources.folder_tables import read

        return read(self, workers)
