"""Records of a Parquet file in which images are embedded, as the Hugging Face Hub stores data sets with images.

An image is a struct {bytes, path}. The bytes are hashed when the file is read and read again when the image is opened,
so that a benchmark of thousands of images does not stay in memory.
"""

import hashlib
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from nearmiss.base.errors import InputError
from nearmiss.engine.benchmarks.benchmark import EmbeddedImage
from nearmiss.engine.benchmarks.fields import Record
from nearmiss.engine.formats.records import REMEDY
from nearmiss.engine.images.decode import open_image_bytes

_BATCH = 100  # rows that are in memory at once
_CACHED = 4  # columns of a row group that stay in memory: images are opened in the order of their rows


def parquet_records(file: Path, texts: Sequence[str], images: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number (from 0) and cells of each row: `texts` as they are stored, `images` as `EmbeddedImage` or None.

    An image is None where its cell has no bytes. Raises InputError where the file is not Parquet or lacks a column.
    """
    try:
        table = pq.ParquetFile(file)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"the file is not readable Parquet: {error}", file=file, remedy=REMEDY) from None
    with table:
        missing = [column for column in (*texts, *images) if column not in table.schema_arrow.names]
        if missing:
            raise InputError(f"the file lacks the columns {missing}", file=file, remedy=REMEDY)
        number = 0
        for group in range(table.num_row_groups):
            place = 0
            for batch in table.iter_batches(_BATCH, row_groups=[group], columns=[*texts, *images]):
                for row in batch.to_pylist():
                    for column in images:
                        row[column] = _embedded(row[column], file, group, column, place)
                    yield number, row
                    number, place = number + 1, place + 1


def embedded_image(record: Record, column: str) -> EmbeddedImage:
    """The image of a cell. Raises InputError, which sets the record aside, where the cell has no bytes."""
    image = record.of(column)
    if not isinstance(image, EmbeddedImage):
        raise record.wrong(f"'{column}' holds no image")
    return image


def _embedded(cell: Any, file: Path, group: int, column: str, place: int) -> EmbeddedImage | None:
    content = cell.get("bytes") if isinstance(cell, dict) else None
    if not isinstance(content, bytes) or not content:
        return None
    return EmbeddedImage(partial(_open, file, group, column, place), hashlib.sha256(content).hexdigest())


def _open(file: Path, group: int, column: str, place: int) -> Image.Image:
    return open_image_bytes(_column(file, group, column)[place], file=file, record=f"{column}, group {group}, {place}")


@lru_cache(maxsize=_CACHED)
def _column(file: Path, group: int, column: str) -> list[bytes]:
    with pq.ParquetFile(file) as table:
        return [cell["bytes"] for cell in table.read_row_group(group, columns=[column]).column(column).to_pylist()]
