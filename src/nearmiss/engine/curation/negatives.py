"""Hard negatives as a set for curation: the caption and its negative, with the image if it is available."""

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.files import sha256
from nearmiss.base.tables import read_table, write_table
from nearmiss.engine.curation.items import ImageContent, Item, Kind, Which
from nearmiss.engine.images.browser import for_browser
from nearmiss.engine.images.members import read_content, size_of
from nearmiss.engine.text.edits import diff

_NEGATIVES, _CAPTIONS = "negatives.parquet", "captions.parquet"
_LARGEST = 64 * 1024 * 1024  # bytes of a displayed image file


class NegativeSet:
    """The rows of negatives.parquet; an item's key is its negative_id."""

    kind: Kind = "negatives"

    def __init__(self, file: Path, *, images: Path | None = None, root: Path | None = None) -> None:
        """Read the table. `images` is the table of images and `root` the folder that its files are relative to.

        Raises InputError if a table is malformed, an id occurs twice, only one of `images` and `root` is given, or
        `root` is not a folder.
        """
        if (images is None) != (root is None):
            raise InputError("images need their table and their folder", remedy="give both --images and --root")
        if root is not None and not Path(root).is_dir():
            raise InputError("the folder of the images is missing", file=root, remedy="give the folder with --root")
        self.files = [file]
        self._table = read_table(file, "negatives")
        self.digest = hashlib.sha256(f"negatives\n{sha256(file)}".encode()).hexdigest()
        twice = self._table.filter(pl.col("negative_id").is_duplicated())
        if not twice.is_empty():
            raise InputError("a negative occurs twice", file=file, record=twice["negative_id"][0])
        self._files = _image_files(images, root) if images is not None and root is not None else {}
        columns = ("negative_id", "concept", "positive", "negative", "image_id")
        self.items = [
            Item(key, concept or "", positive or "", negative or "", ("original",) if image in self._files else ())
            for key, concept, positive, negative, image in self._table.select(columns).iter_rows()
        ]
        if not self.items:
            raise InputError("the set has no negatives", file=file, remedy="give a set with at least one row")

    def image(self, index: int, which: Which) -> ImageContent | None:
        """The image of the caption; None if it is missing or not an image, or if `which` is not the original."""
        file = self._files.get(self._table["image_id"][index])
        if which != "original" or file is None:
            return None
        try:
            size = size_of(file)
            if size is None or size > _LARGEST:
                return None
            found = for_browser(read_content(file))
        except (OSError, InputError):  # file name too long, no permission
            return None
        return None if found is None else ImageContent(*found)

    def write(self, folder: Path, captions: Mapping[str, str]) -> list[str]:
        """Write negatives.parquet; see `CurationSet.write`.

        The `edits` of a corrected negative are computed again. Its `foil_in_scene` becomes null and its verdict
        plausible, because it is not checked again. The captions that some methods write with the table are copied.
        """
        kept = self._table.filter(pl.col("negative_id").is_in(list(captions)))
        rows = []
        for row in kept.iter_rows(named=True):
            caption = captions[row["negative_id"]]
            if caption != row["negative"]:
                row["edits"] = [edit.as_record() for edit in diff(row["positive"], caption)]
                row |= {"negative": caption, "verdict": "plausible", "foil_in_scene": None}
            rows.append(row)
        write_table(pl.DataFrame(rows, schema=self._table.schema, orient="row"), folder / _NEGATIVES, "negatives")
        beside = _captions_of(self.files[0])
        if beside is None:
            return [_NEGATIVES]
        shutil.copyfile(beside, folder / _CAPTIONS)
        return [_NEGATIVES, _CAPTIONS]


def _captions_of(file: Path) -> Path | None:
    """The captions that were written with a table of negatives: in its folder, or as x.captions.parquet.

    A captions.parquet next to a table of another name does not belong to it.
    """
    named = file.with_name(f"{file.name.removesuffix('.parquet')}.{_CAPTIONS}")
    candidates = [named, file.with_name(_CAPTIONS)] if file.name == _NEGATIVES else [named]
    return next((each for each in candidates if each.is_file()), None)


def is_negatives(columns: list[str]) -> bool:
    """Whether the columns are those of a table of negatives."""
    return "negative_id" in columns


def _image_files(images: Path, root: Path) -> dict[str, Path]:
    """The file of every image; files outside of the root are excluded."""
    inside = Path(root).resolve()
    found = {}
    for image_id, file in read_table(images, "images").select("image_id", "file").iter_rows():
        try:
            path = (inside / file).resolve()
        except (ValueError, OSError, RuntimeError):  # a NUL character, a name that is too long, a loop of links
            continue
        if path.is_relative_to(inside):
            found[image_id] = path
    return found
