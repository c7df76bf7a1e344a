"""WebDataset: shards of images and captions, such as Conceptual Captions by img2dataset; nothing is copied."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator

from nearmiss.base.errors import InputError
from nearmiss.stages.data.sources.photographs import DrawnSplits, OneOrMore, Shares, names_of
from nearmiss.stages.data.sources.spec import nothing_provided

if TYPE_CHECKING:
    from nearmiss.stages.data.sources.tables import SourceTables


class WebDatasetSource(DrawnSplits):
    """Tar archives with .jpg, .png or .webp, and .txt or .json; images are read inside of them."""

    name: Literal["webdataset"] = Field("webdataset", description="Shards of images and captions.")
    shards: OneOrMore = Field(
        "*.tar",
        description="Patterns of the shards below the root: uncompressed tar archives, or folders of the same files.",
    )
    caption_field: str | None = Field(
        None,
        min_length=1,
        description="Field of the .json files that holds the caption or a list of captions; null for the .txt files, "
        "and `caption` where there is none.",
    )
    splits: Shares = Field(
        {"train": 0.98, "val": 0.01, "test": 0.01},
        description="Share of the images in each split, drawn by image from the seed.",
    )

    @field_validator("shards")
    @classmethod
    def _below(cls, patterns: OneOrMore) -> OneOrMore:
        for pattern in names_of(patterns):
            if not pattern or Path(pattern).is_absolute() or ".." in Path(pattern).parts:
                raise ValueError("a pattern of shards is relative to the root and stays below it")
        return patterns

    def files(self) -> dict[str, Path]:
        """No file is an input of the workflow: shards are too many and too large to hash."""
        return {}

    def shard_names(self) -> list[str]:
        """The shards relative to the root, sorted. Raises `InputError` for a pattern that matches none."""
        root = Path(self.root)
        found: set[str] = set()
        for pattern in names_of(self.shards):
            matched = [path.relative_to(root).as_posix() for path in root.glob(pattern)]
            if not matched:
                raise InputError(
                    f"no shard matches '{pattern}'",
                    file=root,
                    record="data.source.shards",
                    remedy="correct the pattern; it is relative to data.source.root",
                )
            found |= set(matched)
        return sorted(found)

    def check(self, provided: Callable[[Path], bool] = nothing_provided) -> None:
        """Refuse a root without shards, unless entries of the catalog have them."""
        super().check(provided)
        if not self.download:
            self.shard_names()

    def read(self, workers: int) -> "SourceTables":
        """Read the texts of all shards, then decode each image once."""
        from nearmiss.stages.data.sources.webdataset_tables import read

        return read(self, workers)
