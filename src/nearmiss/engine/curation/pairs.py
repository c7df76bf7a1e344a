"""Image pairs in InpaintCOCO's schema as a set for curation, written back in the same form.

The published set has a gigabyte of images in three files: captions are read at the start, images on request.
"""

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from nearmiss.base.errors import InputError
from nearmiss.base.files import replacing, sha256
from nearmiss.engine.curation.items import ImageContent, Item, Kind, Which
from nearmiss.engine.curation.outline import outline_svg
from nearmiss.engine.formats.inpaintcoco import NEEDED
from nearmiss.engine.images.browser import for_browser
from nearmiss.engine.images.decode import open_image
from nearmiss.engine.images.masks import from_image

_COLUMN: dict[Which, str] = {"original": "coco_image", "changed": "inpaint_image", "outline": "mask"}
_GROUPS = 2  # row groups whose images are cached: that of the displayed item and a neighboring one


class PairSet:
    """The rows of one or several Parquet files; an item's key is its row, counted over all files in their order."""

    kind: Kind = "pairs"

    def __init__(self, files: Sequence[Path]) -> None:
        """Read the captions. Raises InputError if a file is not Parquet in InpaintCOCO's schema, or all are empty."""
        self.files = list(files)
        self.digest = hashlib.sha256("\n".join(["pairs", *map(sha256, self.files)]).encode()).hexdigest()
        self.items: list[Item] = []
        self._locations: list[tuple[int, int, int]] = []  # file, row group, row of the group
        self._lock = Lock()  # pyarrow's readers and their cache are used by several threads of the server
        self._open: list[pq.ParquetFile] = []
        for number, file in enumerate(self.files):
            self._open.append(_open_parquet(file))
            self._read_captions(number)
        self._images = lru_cache(maxsize=_GROUPS)(self._read_images)
        if not self.items:
            raise InputError("the set has no pairs", file=self.files[0], remedy="give a set with at least one row")

    def image(self, index: int, which: Which) -> ImageContent | None:
        """The bytes of an image, or the mask's outline; None if it is missing or does not decode."""
        file, group, row = self._locations[index]
        try:
            with self._lock:
                content = self._images(file, group)[_COLUMN[which]][row]
        except (pa.ArrowException, OSError):
            return None
        if not content:
            return None
        if which != "outline":
            found = for_browser(content)
            return None if found is None else ImageContent(*found)
        try:
            with open_image(content) as mask:
                outline = outline_svg(from_image(mask))
        except (InputError, MemoryError):
            return None
        return None if outline is None else ImageContent(outline, "image/svg+xml")

    def write(self, folder: Path, captions: Mapping[str, str]) -> list[str]:
        """Write every file again under its name, all columns and `datasets`' metadata kept; see `CurationSet.write`."""
        row = 0
        for file, table in zip(self.files, self._open, strict=True):
            with (
                replacing(folder / file.name) as partial,
                pq.ParquetWriter(partial, table.schema_arrow, compression="snappy", write_statistics=False) as writer,
            ):
                for group in range(table.num_row_groups):
                    rows = table.read_row_group(group)
                    items = self.items[row : row + rows.num_rows]
                    row += rows.num_rows
                    kept = [index for index, item in enumerate(items) if item.key in captions]
                    corrected = {
                        row: captions[items[index].key]
                        for row, index in enumerate(kept)
                        if captions[items[index].key] != items[index].changed
                    }
                    if kept:
                        writer.write_table(_recaptioned(rows.take(kept), corrected))
        return [file.name for file in self.files]

    def _read_captions(self, number: int) -> None:
        table = self._open[number]
        for group in range(table.num_row_groups):
            try:
                rows = table.read_row_group(group, columns=["concept", "coco_caption", "inpaint_caption"]).to_pylist()
            except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
                raise InputError(
                    f"the captions of the pairs cannot be read: {error}",
                    file=self.files[number],
                    record=f"row group {group}",
                    remedy="restore the file from its source",
                ) from None
            for index, row in enumerate(rows):
                concept, original, changed = (
                    (row[name] or "").strip() for name in ("concept", "coco_caption", "inpaint_caption")
                )
                self.items.append(Item(str(len(self.items)), concept, original, changed, tuple(_COLUMN)))
                self._locations.append((number, group, index))

    def _read_images(self, file: int, group: int) -> dict[str, list[bytes | None]]:
        rows = self._open[file].read_row_group(group, columns=list(_COLUMN.values()))
        return {name: [(each or {}).get("bytes") for each in rows[name].to_pylist()] for name in _COLUMN.values()}


def is_pairs(columns: Sequence[str]) -> bool:
    """Whether the columns are those of a table of pairs."""
    return "inpaint_image" in columns


def _open_parquet(file: Path) -> pq.ParquetFile:
    try:
        table = pq.ParquetFile(file)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"the file of pairs is not readable Parquet: {error}", file=file) from None
    schema = table.schema_arrow
    missing = [name for name in NEEDED if name not in schema.names]
    remedy = "give a file in InpaintCOCO's schema"
    if missing:
        raise InputError(f"the file of pairs lacks the columns {missing}", file=file, remedy=remedy)
    for name in NEEDED:
        kind = schema.field(name).type
        if name in _COLUMN.values():
            fits = pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0
        else:
            fits = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        if not fits:
            raise InputError(f"column '{name}' is {kind}", file=file, record=name, remedy=remedy)
    return table


def _recaptioned(rows: pa.Table, corrected: Mapping[int, str]) -> pa.Table:
    """The rows with the corrected captions, by row; all others are unchanged."""
    at: Any = rows.schema.get_field_index("inpaint_caption")
    captions = [corrected.get(row, caption) for row, caption in enumerate(rows.column(at).to_pylist())]
    return rows.set_column(at, rows.schema.field(at), pa.array(captions, rows.schema.field(at).type))
