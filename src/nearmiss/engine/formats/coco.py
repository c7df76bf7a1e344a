"""COCO captions and instances JSON (Lin et al., ECCV 2014) and LVIS. Malformed records are handled by set_aside.py.

Records are read one by one from a file of any size. Incomplete annotations are marked in optional columns
(base/tables.py). `iscrowd: 1` (COCO) is a crowd. In a file whose images have `neg_category_ids` or
`not_exhaustive_category_ids` (LVIS, Gupta et al., CVPR 2019), few categories of each image are annotated exhaustively:
those that are annotated and not listed as not exhaustive, and those that are listed as absent. `closed` contains their
names, unless a name is shared with a category that is not exhaustive: "bow" is in `closed` only if both `bow_(weapon)`
and `bow_(decorative_ribbons)` are.
"""

from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.table_parts import CompressedTable, parts_of
from nearmiss.engine.formats import stream
from nearmiss.engine.formats.records import REMEDY, box, is_crowd, shown
from nearmiss.engine.formats.segmentation import MOST_PIXELS, mask_counts
from nearmiss.engine.formats.set_aside import (
    Fault,
    Faults,
    Reading,
    Rows,
    fault_of,
    identifier,
    known,
    once,
    printable,
    set_aside,
    side_of,
    sound,
    text,
)
from nearmiss.engine.text.annotations import relatives
from nearmiss.engine.text.category_names import readable_name
from nearmiss.engine.text.lexicon import noun_group

_LISTS = {"neg_category_ids": "absent", "not_exhaustive_category_ids": "partly"}

Sized = Callable[[pl.DataFrame], pl.DataFrame]
"""From a table `images`, selects the usable images, with their sizes."""


def read_images(path: Path, *, split: str, source: str, folder: str = "images") -> pl.DataFrame:
    """Table `images` of a file that is read strictly; files are in `folder`, and every image has a size."""
    images = read_captions(path, strict=True, captions=False).tables["images"]
    for image_id in images.filter(pl.col("width").is_null())["image_id"]:
        raise InputError("an image has no width and height", file=path, record=f"image {image_id}", remedy=REMEDY)
    return images.with_columns(
        file=pl.concat_str(pl.lit(f"{folder}/"), "file"), split=pl.lit(split), source=pl.lit(source)
    )


def read_captions(path: Path, *, strict: bool = False, captions: bool = True) -> Reading:
    """Tables `images` and `captions` (source "published") of a captions file, the text of captions as it is.

    Image sizes are optional and may be null. Faults: records with missing fields, captions that are empty or not
    Unicode, duplicate ids, captions of images that the file does not list (if it lists any). `strict` raises
    InputError for the first fault and for a file without images. Without `captions`, captions are not read.
    """
    images, captions_read, faults = Rows("images"), Rows("captions"), Faults(path, strict=strict)
    for key, number, record in _records(path):
        name = _name_of(key, record, number)
        try:
            if key == "images":
                images.add(*_image_of(record, path, name, strict), name)
            elif key == "annotations" and captions:
                captions_read.add(*_caption(record, path, name, faults), name)
        except InputError as error:
            faults.append(fault_of(name, error.problem, record))
    image_table, caption_table = (
        once(images.table(), "image_id", faults).frame(),
        once(captions_read.table(), "caption_id", faults).frame(),
    )
    if strict and image_table.is_empty():
        raise InputError("the file has no images: the split is empty", file=path, remedy="give the split images")
    if image_table.height:
        caption_table = known(caption_table, image_table, faults)
    return Reading({"images": image_table.drop("record"), "captions": caption_table.drop("record")}, faults)


def read_instances(path: Path, sized: Sized = lambda images: images, *, strict: bool = False) -> Reading:
    """Tables `images` and `objects` of an instances file, names as words; masks are not read (`read_masks`).

    `sized` removes images that cannot be used and may correct the sizes of others. The annotations of an image are set
    aside if it has no size or has a malformed object, such as one of a category with no name or two names.
    `strict` raises InputError for the first fault.
    """
    further = dict.fromkeys(_LISTS.values(), pl.List(pl.String))
    images, objects = Rows("images", further), Rows("objects", {"crowd": pl.Boolean})
    faults = Faults(path, strict=strict)
    names: dict[str, set[str]] = {}
    spoiled: set[str] = set()
    for key, number, record in _records(path):
        name = _name_of(key, record, number)
        try:
            if key == "images":
                row = _image_of(record, path, name, strict)
                images.add(*row, *(_ids(record, each, name, row[0], faults, spoiled) for each in _LISTS), name)
            elif key == "categories":
                names.setdefault(identifier(record, "id", path, name), set()).add(_readable(record, path, name))
            else:
                objects.add(*_object(record, path, name), name)
        except InputError as error:
            faults.append(fault_of(name, error.problem, record))
            spoiled.add(faults[-1].image_id or "")
    image_table = once(images.table(), "image_id", faults).frame()
    found = known(objects.frame(), image_table, faults)
    usable = sized(image_table)
    found = _named(known(found, usable, faults, quiet=True), names, faults, spoiled)
    reading = sound(usable, {"objects": CompressedTable(parts_of(found))}, faults, spoiled).reading()
    reading.tables["images"] = _closed(reading.tables["images"], found, names, faults, spoiled)
    reading.tables["objects"] = reading.tables["objects"].drop("category")
    return reading


def read_masks(
    path: Path,
    objects: pl.DataFrame,
    encode: Callable[[str, Any], str],
    other: Callable[[str, dict[str, Any]], None] = lambda key, record: None,
) -> tuple[pl.DataFrame, list[Fault]]:
    """The objects with masks, RLE counts of the whole image, and those whose masks are malformed. Crowds have none.

    `encode(image_id, segmentation)` returns the counts or raises ValueError, as `mask_counts` does. `other` is called
    with the name of the list and the record, for every record of images and licenses.
    """
    single = dict(objects.filter(~pl.col("crowd")).select("object_id", "image_id").iter_rows())
    masks: dict[str, str] = {}
    flaws: list[Fault] = []
    for key, record in stream.entries(path, ("images", "annotations", "licenses")):
        if not isinstance(record, dict):
            continue
        if key != "annotations":
            other(key, record)
        elif (identity := id_of(record.get("id"))) in single and record.get("segmentation"):
            try:
                masks[identity] = encode(single[identity], record["segmentation"])
            except ValueError as error:
                flaws.append(Fault(identity, f"malformed mask: {error}", single[identity]))
    return objects.with_columns(
        mask=pl.Series([masks.get(each) for each in objects["object_id"]], dtype=pl.String)
    ), flaws


def read_whole_instances(path: Path) -> pl.DataFrame:
    """Table `objects` with masks of a file without faults. Raises `InputError` for the first fault."""
    reading = read_instances(path, strict=True)
    sizes = {
        row[0]: (row[1], row[2]) for row in reading.tables["images"].select("image_id", "height", "width").iter_rows()
    }
    objects, flaws = read_masks(path, reading.tables["objects"], lambda image, given: mask_counts(given, *sizes[image]))
    for flaw in flaws:
        raise InputError(flaw.problem, file=path, record=f"annotation {flaw.record}", remedy=REMEDY)
    return objects


def id_of(value: Any) -> str:
    """An id as a string; the ids of these records have been checked."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _records(path: Path) -> Iterator[tuple[str, int, Any]]:
    """(list, number in it, record) of all images, annotations and categories of a file in COCO's format, in its order.

    Raises InputError if the file has none of these lists.
    """
    lists = ("images", "annotations", "categories")
    numbers = dict.fromkeys(lists, 0)
    empty = True
    for key, record in stream.entries(path, lists):
        if key in numbers:
            empty = False
            yield key, numbers[key], record
            numbers[key] += 1
    if empty:
        raise InputError(
            "the file has neither images nor annotations", file=path, remedy="give a file in COCO's format"
        )


def _name_of(key: str, record: Any, number: int) -> str:
    """The name of a record: its id if it has one, because its position depends on the order of the file."""
    known = record.get("id") if isinstance(record, dict) else None
    named = isinstance(known, int | str) and not isinstance(known, bool)
    singular = "category" if key == "categories" else key[:-1]
    return f"{singular} {printable(str(known))}" if named else f"{singular} without an id, number {number}"


def _image_of(record: Any, path: Path, name: str, strict: bool) -> tuple[Any, ...]:
    """A row of table `images`; missing or invalid sizes are null, unless `strict`."""
    image_id = identifier(record, "id", path, name)
    sides = [side_of(record.get(side)) for side in ("width", "height")]
    file = _file_of(record, image_id)
    if strict:
        _check_image(record, file, path, name)
    return image_id, file, *(sides if all(sides) else (None, None)), "train", "coco"


def _check_image(record: dict[str, Any], file: str, path: Path, name: str) -> None:
    """Refuse a file outside of its folder and an invalid width or height."""
    if PurePosixPath(file).is_absolute() or ".." in PurePosixPath(file).parts:
        raise InputError(f"an image's file is outside of its folder: {file}", file=path, record=name)
    for key in ("width", "height"):
        value = side_of(record.get(key))
        if key in record and (value is None or value > MOST_PIXELS):
            raise InputError(f"an image's {key} is {shown(record[key])}", file=path, record=name)


def _file_of(image: dict[str, Any], image_id: str) -> str:
    """The file of an image record; without one (LVIS), the last part of its `coco_url`, else COCO 2017's file name.

    Returns "" if it cannot be determined. Blanks and backslashes are not changed.
    """
    name, url = image.get("file_name"), image.get("coco_url")
    if isinstance(name, str) and name:
        return printable(name)
    if isinstance(url, str) and url.rstrip("/"):
        return printable(url.split("?")[0].split("#")[0].rstrip("/").rpartition("/")[2])
    return f"{int(image_id):012d}.jpg" if image_id.isascii() and image_id.isdigit() and len(image_id) <= 12 else ""


def _caption(record: Any, path: Path, name: str, faults: Faults) -> tuple[Any, ...]:
    caption = text(record, "caption", path, name)
    ids = [identifier(record, key, path, name) for key in ("id", "image_id")]
    if not caption.strip():
        raise InputError("a caption is empty", file=path, record=name)
    template = record.get("template_id")
    if template is not None and not isinstance(template, str):
        faults.append(Fault(name, f"'template_id' of a record has the wrong type: {shown(template)}", ids[1]))
        template = None
    return *ids, caption, template, "published"


def _readable(record: Any, path: Path, name: str) -> str:
    readable = readable_name(text(record, "name", path, name))
    if not readable:
        raise InputError("a category has no name", file=path, record=name)
    return readable


def _object(record: Any, path: Path, name: str) -> tuple[Any, ...]:
    """A row of table `objects`, the category's id in place of its name."""
    category = identifier(record, "category_id", path, name)
    image_id = identifier(record, "image_id", path, name)
    sides = box(record.get("bbox"), file=path, name=name)
    return identifier(record, "id", path, name), image_id, category, *sides, [], None, is_crowd(record, path, name)


def _ids(
    image: dict[str, Any], key: str, name: str, image_id: str, faults: Faults, spoiled: set[str]
) -> list[str] | None:
    """A list of category ids of an image; None if it is missing. A malformed list is a fault of the image."""
    values = image.get(key)
    if values is None:
        return None
    if isinstance(values, list) and all(isinstance(each, int) and not isinstance(each, bool) for each in values):
        return list(map(str, values))
    problem = f"'{key}' is not a list of ids: {shown(values)}"
    faults.append(Fault(name, f"{problem}; the image's annotations are set aside with it", image_id))
    spoiled.add(image_id)
    return []


def _named(found: pl.DataFrame, names: dict[str, set[str]], faults: Faults, spoiled: set[str]) -> pl.DataFrame:
    """Objects with names; those of a category without one, or with several, are set aside with their images."""
    several = sorted(category for category, words in names.items() if len(words) > 1)
    for category in several:
        words = ", ".join(sorted(names[category]))
        faults.append(Fault(f"category {category}", f"its id has several names: {words}"))
    set_aside(
        found.filter(~pl.col("name").is_in(list(names))), "its category is not in the file's list", faults, spoiled
    )
    doubtful = found.filter(pl.col("name").is_in(several))
    set_aside(doubtful, "the id of its category has several names", faults, spoiled)
    single = {category: min(words) for category, words in names.items()}
    return found.with_columns(category=pl.col("name"), name=pl.col("name").replace(single))


def _closed(
    images: pl.DataFrame, found: pl.DataFrame, names: dict[str, set[str]], faults: Faults, spoiled: set[str]
) -> pl.DataFrame:
    """Images with column `closed` instead of the lists of a federated data set; without it if there are no lists."""
    columns = list(_LISTS.values())
    if images.select(pl.all_horizontal(pl.col(columns).is_null()).all()).item():
        return images.drop(columns)
    annotated = found.select("image_id", "category").unique().group_by("image_id").agg("category")
    positives = {image_id: set(categories) for image_id, categories in annotated.iter_rows()}
    categories = _Categories(names)
    closed: list[list[str] | None] = []
    for image_id, absent, partly in images.select("image_id", *columns).iter_rows():
        present = positives.get(image_id, set())
        contradicted = sorted(present & set(absent or ()))
        faults.extend(
            Fault(f"image {image_id}", f"category {category} is listed as absent and is annotated", image_id)
            for category in contradicted
        )
        exhaustive = present - set(partly) if partly is not None else set()
        sure = (exhaustive | set(absent or ())) - set(contradicted)
        closed.append(None if image_id in spoiled else categories.closed(sure))
    return images.drop(columns).with_columns(pl.Series("closed", closed, dtype=pl.List(pl.String)))


class _Categories:
    """The categories of a file by the nouns that may name them."""

    def __init__(self, names: dict[str, set[str]]) -> None:
        self._names = names
        self._of_group: dict[str, set[str]] = {}
        for category, words in names.items():
            for word in words:
                self._of_group.setdefault(noun_group(word), set()).add(category)
        self._needed = {
            group: frozenset(category for other in others for category in self._of_group[other])
            for group, others in relatives(self._of_group).items()
        }

    def closed(self, sure: set[str]) -> list[str]:
        """The names, sorted, that are annotated exhaustively if the categories `sure` are."""
        single = {min(self._names[category]) for category in sure if len(self._names.get(category, ())) == 1}
        certain = {category for category in sure if len(self._names.get(category, ())) == 1}
        return sorted(name for name in single if self._needed[noun_group(name)] <= certain)
