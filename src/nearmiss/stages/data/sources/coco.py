"""Photographs with captions, and instances where there are some, in COCO's format; nothing is copied."""

from collections.abc import Callable
from math import isclose
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator

from nearmiss.base.errors import InputError
from nearmiss.base.typed import Seed
from nearmiss.stages.data.sources.spec import TABLES, DataSource, Declaration, nothing_provided

Split = Literal["train", "val", "test", "final"]
KARPATHY_SPLITS: tuple[Split, ...] = ("train", "val", "test")
CAPTION_SET = "published"


class CocoSource(DataSource):
    """A folder in COCO's format (Lin et al., ECCV 2014)."""

    name: Literal["coco"] = Field("coco", description="Photographs in COCO's format.")
    root: str = Field(min_length=1, description="Folder that the other paths are relative to.")
    images: str = Field("val2017", description="Folder of the image files.")
    captions: str = Field("annotations/captions_val2017.json", description="COCO captions, a JSON file.")
    instances: str | None = Field(
        None, description="COCO instances, a JSON file; null for a data set without annotations of objects."
    )
    karpathy: str | None = Field(
        None, description="Karpathy's splits, such as dataset_coco.json; null to draw splits. restval counts as train."
    )
    splits: dict[Split, Annotated[float, Field(gt=0, le=1)]] = Field(
        {"train": 0.8, "val": 0.1, "test": 0.1},
        description="Share of the images in each split, drawn by image; not used with Karpathy's splits.",
    )
    seed: Seed = Field(0, description="Seed of the splits and of the images that a limit leaves.")
    limit: int | None = Field(None, ge=10, description="Most images that are used, drawn by seed; null for all.")
    min_count: int = Field(
        5,
        ge=1,
        description="Times that the training captions must use a word for it to be in the vocabulary of a model that "
        "is trained from random weights; other words are one unknown token.",
    )

    download: tuple[str, ...] = Field(
        (),
        description="Entries of the catalog that have these files, such as coco_2017_val_images (`nearmiss download`); "
        "they are downloaded below download.root, of which root is a folder.",
    )

    @field_validator("splits")
    @classmethod
    def _whole(cls, splits: dict[Split, float]) -> dict[Split, float]:
        if "train" not in splits or not isclose(sum(splits.values()), 1.0, abs_tol=1e-6):
            raise ValueError("the shares of the splits add up to 1, and train is one of them")
        return splits

    def declare(self, data: str) -> Declaration:
        """Tables of images, captions and objects, retrieval of every split but train, and the words."""
        splits = KARPATHY_SPLITS if self.karpathy else tuple(self.splits)
        return Declaration(
            splits=splits,
            caption_sets=(CAPTION_SET,),
            default_sets=dict.fromkeys(("base", "continued", "negatives", "inpaint"), CAPTION_SET),
            image_root=self.root,
            images=f"{data}/tables/images.parquet",
            words=f"{data}/words.txt",
            inputs=tuple(str(path) for path in self.paths().values()),
            downloads=self.download,
            tables=(*TABLES, "origins", *(f"retrieval_{split}" for split in splits if split != "train")),
            files=(f"{data}/set_aside.parquet",),
            masks=self.instances is not None,
            keys={"images": "data.source.splits", "benchmarks": "data.source.splits"},
        )

    def paths(self) -> dict[str, Path]:
        """The files and the folder that are read, by their keys."""
        names = {key: getattr(self, key) for key in ("images", "captions", "instances", "karpathy")}
        return {key: Path(self.root) / name for key, name in names.items() if name is not None}

    def check(self, provided: Callable[[Path], bool] = nothing_provided) -> None:
        """Refuse a source of which a part is missing."""
        for key, path in self.paths().items():
            there = path.is_dir() if key == "images" else path.is_file()
            if not there and not provided(path):
                raise InputError(
                    f"the data source has no {'folder of images' if key == 'images' else f'file of {key}'} here",
                    file=path,
                    record=f"data.source.{key}",
                    remedy="set download.root to a folder above data.source.root, or correct the path"
                    if self.download
                    else "correct the path; it is relative to data.source.root",
                )

    def write(self, data: Path, workers: int) -> tuple[dict[str, object], dict[str, str]]:
        """Read the JSON files, decode each image once, and draw the splits."""
        self.check()
        from nearmiss.stages.data.sources.coco_tables import write_tables

        return write_tables(self, data, workers)

    def smaller(self) -> Self:
        """At most 500 images."""
        return self.model_copy(update={"limit": min(self.limit or 500, 500)})
