"""InpaintCOCO's Parquet schema (Rösch et al., ALVR 2024; data set card of phiyodr/InpaintCOCO): written and read.

A row is an image and its counterfactual: two captions, two images and the mask of the edit. Images are structs {bytes,
path}, as Hugging Face `datasets` writes its feature Image. `worker` is the name of the editor. Members of
`inpaint_details` without a published counterpart (a diffusion model's settings) are our own; readers do not need them.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from nearmiss.base.errors import InputError
from nearmiss.base.files import replacing
from nearmiss.engine.images.decode import REMEDY as RESTORE
from nearmiss.engine.images.decode import open_image, open_image_bytes
from nearmiss.engine.images.masks import from_image

_IMAGE = pl.Struct({"bytes": pl.Binary, "path": pl.String})
_COCO_DETAILS: dict[str, Any] = {
    "captions": pl.List(pl.String),
    "coco_url": pl.String,
    "date_captured": pl.String,
    "flickr_url": pl.String,
    "height": pl.Int64,
    "id": pl.Int64,
    "image_license": pl.String,
    "text_license": pl.String,
    "width": pl.Int64,
}
_INPAINT_DETAILS: dict[str, Any] = {
    "operation": pl.String,
    "operator": pl.String,
    "image_id": pl.String,
    "caption_id": pl.String,
    "object_id": pl.String,
    "other_object_id": pl.String,
    "old": pl.String,
    "new": pl.String,
    "verdict": pl.String,
    "changed_inside": pl.Float64,
    "likeness": pl.Float64,
    "seam": pl.Float64,
    "sharpness": pl.Float64,
    "noise": pl.Float64,
    "margin_original": pl.Float64,
    "margin_changed": pl.Float64,
}
_IMAGES = ("coco_image", "inpaint_image", "mask")
_COLUMNS: dict[str, Any] = {
    "concept": pl.String,
    "coco_caption": pl.String,
    "coco_image": _IMAGE,
    "inpaint_caption": pl.String,
    "inpaint_image": _IMAGE,
    "mask": _IMAGE,
    "worker": pl.String,
    "coco_details": pl.Struct(_COCO_DETAILS),
    "inpaint_details": pl.Struct(_INPAINT_DETAILS),
}
SCHEMA = pl.Schema(_COLUMNS)
NEEDED = ("concept", "coco_caption", "coco_image", "inpaint_caption", "inpaint_image", "mask")
"""Required columns; all others may be missing or have other members."""
_GROUP = 100  # rows of a group


@dataclass(frozen=True)
class Origin:
    """The origin and license of an image according to its data set; None if not specified."""

    coco_url: str | None = None
    flickr_url: str | None = None
    date_captured: str | None = None
    image_license: str | None = None
    text_license: str | None = None


@dataclass(frozen=True)
class CocoDetails:
    """The original image: all its captions, its id in its data set, its size in pixels, its origin."""

    captions: tuple[str, ...]
    image_id: str
    width: int
    height: int
    origin: "Origin | None" = None


@dataclass(frozen=True)
class InpaintDetails:
    """The edit: the operation and its object, the words that changed, and the verdict on the new caption."""

    operation: str
    operator: str
    image_id: str
    caption_id: str
    object_id: str
    other_object_id: str | None
    old: str
    new: str
    verdict: str
    changed_inside: float | None = None
    likeness: float | None = None
    seam: float | None = None
    sharpness: float | None = None
    noise: float | None = None
    """Measurements of the edit (engine/images/editing/gates.py)."""
    margin_original: float | None = None
    margin_changed: float | None = None
    """Cosine of each image with its own caption minus that with the other, if a model filters the pairs."""


@dataclass(frozen=True)
class Pair:
    """A row for writing; images and mask are the bytes of image files."""

    concept: str
    coco_caption: str
    coco_image: bytes
    inpaint_caption: str
    inpaint_image: bytes
    mask: bytes
    worker: str
    coco_details: CocoDetails
    inpaint_details: InpaintDetails


@dataclass(frozen=True)
class Read:
    """A usable row: its number in the file, its captions and images (bytes), the mask (H, W) bool."""

    row: int
    concept: str
    coco_caption: str
    coco_image: bytes
    inpaint_caption: str
    inpaint_image: bytes
    mask: np.ndarray


def write(pairs: Sequence[Pair], path: Path) -> None:
    """Write the rows in their order, atomically; equal rows give equal bytes."""
    write_rows([_row(pair) for pair in pairs], path)


def write_rows(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """As `write`, for rows with the columns and members of `SCHEMA`."""
    schema = pa.schema([(name, _arrow(kind)) for name, kind in SCHEMA.items()], metadata={"huggingface": _features()})
    table = pa.Table.from_pylist(list(rows), schema=schema)
    with replacing(path) as partial:
        # small row groups, so that a viewer can read one image without all others; images are already compressed
        pq.write_table(table, partial, row_group_size=_GROUP, compression="snappy", write_statistics=False)


def read(path: Path) -> tuple[list[Read], list[tuple[int, str]]]:
    """The usable rows of a file, and (row, reason) of the others.

    Rows with an empty caption, equal captions, an image that does not decode, images of unequal size, or a mask that is
    empty or covers the image are not usable. Raises InputError if the file is missing, is not Parquet or lacks a
    column.
    """
    frame = _open(Path(path))
    usable: list[Read] = []
    rejected: list[tuple[int, str]] = []
    for number, row in enumerate(frame.iter_rows(named=True)):
        found = _read_row(number, row)
        if isinstance(found, str):
            rejected.append((number, found))
        else:
            usable.append(found)
    return usable, rejected


def _open(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise InputError(
            "the file of pairs is missing", file=path, remedy="create it with nearmiss inpaint, or correct the path"
        )
    try:
        columns = pl.scan_parquet(path, glob=False).collect_schema()
        missing = [name for name in NEEDED if name not in columns]
        if not missing:
            frame = pl.read_parquet(path, columns=list(NEEDED), glob=False)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise InputError(f"the file of pairs is not readable Parquet: {error}", file=path, remedy=RESTORE) from None
    remedy = "give a file in InpaintCOCO's schema"
    if missing:
        raise InputError(f"the file of pairs lacks the columns {missing}", file=path, remedy=remedy)
    for name in NEEDED:
        kind = frame.schema[name]
        if name not in _IMAGES and isinstance(kind, pl.Categorical | pl.Enum):  # as pandas writes repeated texts
            frame = frame.with_columns(pl.col(name).cast(pl.String))
            kind = frame.schema[name]
        if name in _IMAGES:
            fits = isinstance(kind, pl.Struct) and any(
                each.name == "bytes" and each.dtype == pl.Binary for each in kind.fields
            )
        else:
            fits = kind == pl.String
        if not fits:
            raise InputError(f"column '{name}' is {kind}", file=path, record=name, remedy=remedy)
    return frame


def _read_row(number: int, row: dict[str, Any]) -> Read | str:
    """A row, or the reason why it is not usable."""
    captions = [(row[name] or "").strip() for name in ("coco_caption", "inpaint_caption")]
    if not all(captions):
        return "empty caption"
    if captions[0] == captions[1]:
        return "equal captions"
    content: list[bytes] = [(row[name] or {}).get("bytes") or b"" for name in _IMAGES]
    if not all(content):
        return "image without bytes"
    try:
        sizes = {open_image_bytes(each).size for each in content[:2]}
        with open_image(content[2]) as mask:
            inside = from_image(mask)
            sizes.add(mask.size)
    except InputError:
        return "image does not decode"
    if len(sizes) > 1:
        return "images of unequal size"
    if not inside.any() or inside.all():
        return "degenerate mask"
    return Read(number, (row["concept"] or "").strip(), captions[0], content[0], captions[1], content[1], inside)


def _row(pair: Pair) -> dict[str, Any]:
    coco, edit = pair.coco_details, pair.inpaint_details
    details: dict[str, Any] = dict.fromkeys(_COCO_DETAILS)
    details.update(captions=list(coco.captions), width=coco.width, height=coco.height)
    if coco.origin is not None:
        details.update(vars(coco.origin))
    details["id"] = int(coco.image_id) if coco.image_id.isascii() and coco.image_id.isdigit() else None
    name = "_".join((edit.operation, edit.image_id, edit.object_id, edit.new.replace(" ", "-")))
    return {
        "concept": pair.concept,
        "coco_caption": pair.coco_caption,
        "coco_image": {"bytes": pair.coco_image, "path": f"{name}_coco.png"},
        "inpaint_caption": pair.inpaint_caption,
        "inpaint_image": {"bytes": pair.inpaint_image, "path": f"{name}_inpaint.png"},
        "mask": {"bytes": pair.mask, "path": f"{name}_mask.png"},
        "worker": pair.worker,
        "coco_details": details,
        "inpaint_details": {member: getattr(edit, member) for member in _INPAINT_DETAILS},
    }


def _arrow(kind: Any) -> pa.DataType:
    """A column's type as `datasets` writes it."""
    if isinstance(kind, pl.Struct):
        return pa.struct([(each.name, _arrow(each.dtype)) for each in kind.fields])
    if isinstance(kind, pl.List):
        return pa.list_(_arrow(kind.inner))
    return {pl.String: pa.string(), pl.Int64: pa.int64(), pl.Float64: pa.float64(), pl.Binary: pa.binary()}[kind]


def _features() -> str:
    """The features that `datasets` reads from the file's metadata, so that it decodes images."""

    def feature(kind: Any) -> Any:
        if kind == _IMAGE:
            return {"_type": "Image"}
        if isinstance(kind, pl.Struct):
            return {each.name: feature(each.dtype) for each in kind.fields}
        if isinstance(kind, pl.List):
            return [feature(kind.inner)]
        return {"dtype": {pl.String: "string", pl.Int64: "int64", pl.Float64: "float64"}[kind], "_type": "Value"}

    return json.dumps({"info": {"features": {name: feature(kind) for name, kind in SCHEMA.items()}}}, sort_keys=True)
