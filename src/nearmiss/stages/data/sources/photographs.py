"""What every source of photographs with captions shares: its options, and how its tables are written."""

from collections.abc import Callable, Mapping
from math import isclose
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, field_validator

from nearmiss.base.errors import InputError
from nearmiss.base.typed import Seed
from nearmiss.stages.data.sources.spec import TABLES, DataSource, Declaration, nothing_provided

if TYPE_CHECKING:
    from nearmiss.stages.data.overlap import Exclusion
    from nearmiss.stages.data.sources.tables import SourceTables

Split = Literal["train", "val", "test", "final"]
Shares = dict[Split, Annotated[float, Field(gt=0, le=1)]]
OneOrMore = str | Annotated[list[str], Field(min_length=1)]
"""One name, or several."""
CAPTION_SET = "published"
STATEMENTS = "scene_graphs"
"""The caption set, and the value of option `captions`, of statements that are written from scene graphs."""
DRAWN: Shares = {"train": 0.8, "val": 0.1, "test": 0.1}
QUICK = 500  # images of `quick: true`


def names_of(value: OneOrMore | None) -> tuple[str, ...]:
    """The names of an option that is one name, several, or null."""
    return () if value is None else (value,) if isinstance(value, str) else tuple(value)


class PhotographSource(DataSource):
    """Options that all sources of photographs have. A subclass adds its files and implements `read`."""

    root: str = Field(min_length=1, description="Folder that the other paths are relative to.")
    download: tuple[str, ...] = Field(
        (),
        description="Entries of the catalog that have these files, such as coco_2017_val_images (`nearmiss download`); "
        "they are downloaded below download.root, of which root is a folder.",
    )
    seed: Seed = Field(0, description="Seed of the splits and of the images that a limit leaves.")
    limit: int | None = Field(None, ge=10, description="Most images that are used, drawn by seed; null for all.")
    min_count: int = Field(
        5,
        ge=1,
        description="Times that the training captions must use a word for it to be in the vocabulary of a model that "
        "is trained from random weights; other words are one unknown token.",
    )
    max_faulty: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Largest share of images that may be damaged. Damaged images are set aside; more of them are an "
        "error. Images whose files do not exist are set aside and do not count.",
    )

    def split_names(self) -> tuple[str, ...]:
        """The splits that the source has."""
        raise NotImplementedError

    def splits_key(self) -> str:
        """The key that messages about a missing split name."""
        return "data.source"

    def files(self) -> Mapping[str, Path]:
        """The files that are read, by the name of their option (`captions`, or `captions.0` in a list)."""
        raise NotImplementedError

    def folders(self) -> Mapping[str, Path]:
        """The folders of images, in the same way."""
        return {}

    def read(self, workers: int) -> "SourceTables":
        """The tables of the source."""
        raise NotImplementedError

    def caption_set(self) -> str | None:
        """The set of the images' captions; None if they have none."""
        return CAPTION_SET

    def has_masks(self) -> bool:
        """Whether objects have masks."""
        return False

    def has_origins(self) -> bool:
        """Whether the files state addresses and licenses of images."""
        return False

    def declare(self, data: str) -> Declaration:
        """Tables of images, captions and annotations, retrieval of every split but train, and the words."""
        splits, name = self.split_names(), self.caption_set()
        return Declaration(
            splits=splits,
            caption_sets=() if name is None else (name,),
            default_sets={} if name is None else dict.fromkeys(("base", "continued", "negatives", "inpaint"), name),
            image_root=self.root,
            images=f"{data}/tables/images.parquet",
            words=f"{data}/words.txt",
            inputs=tuple(str(path) for path in self.files().values()),
            downloads=self.download,
            tables=(
                *TABLES,
                *(("origins",) if self.has_origins() else ()),
                *(f"retrieval_{split}" for split in splits if split != "train" and name is not None),
            ),
            files=(f"{data}/set_aside.parquet",),
            masks=self.has_masks(),
            keys={"images": self.splits_key(), "benchmarks": self.splits_key()},
        )

    def check(self, provided: Callable[[Path], bool] = nothing_provided) -> None:
        """Refuse a source of which a file or folder is missing."""
        root = {} if self.download else {"root": Path(self.root)}
        for key, path in {**root, **self.folders()}.items():
            if not path.is_dir() and not provided(path):
                raise self.missing("folder", key, path)
        for key, path in self.files().items():
            if not path.is_file() and not provided(path):
                raise self.missing("file", key, path)

    def missing(self, kind: str, key: str, path: Path) -> InputError:
        """The error for a file or folder that does not exist."""
        name = key.partition(".")[0]
        what = "root folder" if key == "root" else f"{kind} of {name}"
        return InputError(
            f"the data source has no {what} here",
            file=path,
            record=f"data.source.{key}",
            remedy="set download.root to a folder above data.source.root, or correct the path"
            if self.download
            else "correct the path" + ("" if key == "root" else "; it is relative to data.source.root"),
        )

    def write(
        self, data: Path, workers: int, exclusion: "Exclusion | None" = None
    ) -> tuple[dict[str, object], dict[str, str]]:
        """Read the files, decode each image once, and write the tables."""
        self.check()
        from nearmiss.stages.data.sources.tables import write_source

        found, declared = self.read(workers), self.declare("")
        return write_source(found, declared, data, min_count=self.min_count, exclusion=exclusion)

    def smaller(self) -> Self:
        """At most 500 images."""
        return self.model_copy(update={"limit": min(self.limit or QUICK, QUICK)})


class DrawnSplits(PhotographSource):
    """A source whose splits are drawn where its files have none."""

    splits: Shares = Field(DRAWN, description="Share of the images in each split, drawn by image from the seed.")

    @field_validator("splits")
    @classmethod
    def _whole(cls, splits: Shares) -> Shares:
        if "train" not in splits or not isclose(sum(splits.values()), 1.0, abs_tol=1e-6):
            raise ValueError("the shares of the splits add up to 1, and train is one of them")
        return splits

    def split_names(self) -> tuple[str, ...]:
        """The splits that have a share."""
        return tuple(self.splits)

    def splits_key(self) -> str:
        """The shares."""
        return "data.source.splits"
