"""Visual Genome (Krishna et al., IJCV 2017): image_data.json, region_descriptions.json and the scene graphs.

Every file is one JSON list with an entry for each image, which is read entry by entry. Scene graphs are in one file
(scene_graphs.json) or in three (objects.json, attributes.json, relationships.json). The first of several names of an
object is used; versions of the files have `names` or `name`. An image has the same id in all files, as `image_id` or,
in region_descriptions.json, `id`. Boxes are clipped to the image (our choice).
"""

from collections.abc import Callable, Container, Iterator
from math import ceil
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.table_parts import CompressedTable
from nearmiss.base.tables import SCHEMAS
from nearmiss.engine.formats import stream
from nearmiss.engine.formats.records import box, field
from nearmiss.engine.formats.set_aside import (
    Fault,
    Faults,
    LargeReading,
    Reading,
    Rows,
    identifier,
    once,
    printable,
    side_of,
    sound,
    text,
)
from nearmiss.engine.text.category_names import readable_name, with_readable_objects, with_readable_predicates

_SIDES = ("x", "y", "w", "h")


def read_image_data(path: Path) -> Reading:
    """Table `images` of image_data.json; `file` is the last part of the image's address.

    Table `coco_ids` has the number in COCO of each image that is there, too: image_id, coco_id.
    """
    images, faults = Rows("images"), Faults(path)
    coco_ids: dict[str, int] = {}
    for number, record in enumerate(stream.elements(path)):
        name = f"entry {number}"
        try:
            image_id = _image_id(record, path, name)
            name = f"image {image_id}"
            sides = [side_of(field(record, side, (int, float), file=path, name=name)) for side in ("width", "height")]
            if None in sides:
                raise InputError("an image's width or height is not a valid size")
            images.add(image_id, _file(record, image_id), *sides, "train", "visual_genome", name)
            if type(record.get("coco_id")) is int:
                coco_ids[image_id] = record["coco_id"]
        except InputError as error:
            faults.append(Fault(name, error.problem))
    found = once(images.table(), "image_id", faults).frame()
    of_coco = pl.DataFrame(list(coco_ids.items()), schema={"image_id": pl.String, "coco_id": pl.Int64}, orient="row")
    images_found = found.drop("record").with_columns(exhaustive=pl.lit(False))
    return Reading({"images": images_found, "coco_ids": of_coco}, faults)


def read_regions(path: Path, wanted: Container[str], *, most: int | None = None) -> tuple[CompressedTable, Faults]:
    """Table `captions` of region_descriptions.json: every region of a `wanted` image is a caption of the whole image.

    The box of a region is not kept. `most` is the maximum number of captions per image, in file order; duplicate texts
    of an image count once. Regions without an id or a text are set aside.
    """
    captions, faults = Rows("captions", recorded=False, without=("template_id",)), Faults(path)
    for image_id, name, regions in _of_images(path, "regions", wanted, faults):
        seen: set[str] = set()
        for region in regions:
            if most is not None and len(seen) >= most:
                break
            try:
                phrase = text(region, "phrase", path, name).strip()
                key = "region_id" if "region_id" in region else "id"
                region_id = identifier(region, key, path, name)
                if not phrase:
                    raise InputError("a caption is empty")
                if phrase not in seen:
                    seen.add(phrase)
                    captions.add(region_id, image_id, phrase, None, "published")
            except InputError as error:
                faults.append(Fault(name, error.problem, image_id))
    return once(captions.table(), "caption_id", faults), faults


def read_scene_graphs(path: Path, images: pl.DataFrame, wanted: Container[str]) -> LargeReading:
    """Tables `objects` and `relations` of scene_graphs.json for the `wanted` of `images`, names as words."""
    return _Graphs(path, images).read(wanted)


def read_separate_graphs(
    objects: Path, attributes: Path | None, relations: Path | None, images: pl.DataFrame, wanted: Container[str]
) -> LargeReading:
    """The same tables of objects.json, attributes.json and relationships.json; the last two may be missing.

    Attributes join the objects of their image by id. Faults of the three files are in one list. The files are read side
    by side: where they list the images in one order, as published, memory holds one image of each.
    """
    return _Graphs(objects, images).read_beside(wanted, attributes, relations)


def read_single_file(path: Path) -> LargeReading:
    """The same tables of one of the files alone: scene_graphs, objects, attributes or relationships.json.

    Attributes and relations of the published files repeat the objects they are of. Sizes of images are those that the
    boxes need, because none of these files has them.
    """
    sides: dict[str, list[float]] = {}
    key = ""
    for record in stream.elements(path):
        image_id = record.get("image_id", record.get("id")) if isinstance(record, dict) else None
        if type(image_id) not in (int, str):
            continue
        key = key or next(each for each in ("objects", "attributes", "relationships", "") if each in record or not each)
        corner = sides.setdefault(str(image_id), [1.0, 1.0])
        for obj in _objects_of(record.get(key), key):
            try:
                x, y, w, h = box([obj.get(side) for side in _SIDES], file=path, name="")
            except InputError:
                continue  # reported when the objects are read
            corner[:] = max(corner[0], x + w), max(corner[1], y + h)
    rows = [
        (image, f"{image}.jpg", ceil(x), ceil(y), "train", "visual_genome") for image, (x, y) in sorted(sides.items())
    ]
    images = pl.DataFrame(rows, schema=SCHEMAS["images"], orient="row").with_columns(exhaustive=pl.lit(False))
    return _Graphs(path, images).read_alone(sides, key)


def _objects_of(values: Any, key: str) -> list[dict[str, Any]]:
    """The records of objects in a list of objects, of attributes, or of relations."""
    records = [each for each in values if isinstance(each, dict)] if isinstance(values, list) else []
    if key != "relationships":
        return records
    ends = [each.get(end) for each in records for end in ("subject", "object")]
    return [each for each in ends if isinstance(each, dict)]


class _Graphs:
    """The objects and relations of one or several files."""

    def __init__(self, path: Path, images: pl.DataFrame) -> None:
        self._path, self._images = path, images
        self._sizes = {row[0]: row[1:] for row in images.select("image_id", "width", "height").iter_rows()}
        self._objects = Rows("objects", recorded=False, without=("mask",), finish=with_readable_objects)
        self._relations = Rows("relations", recorded=False, finish=with_readable_predicates)
        self._faults = Faults(path)
        self._spoiled: set[str] = set()

    def read(self, wanted: Container[str]) -> LargeReading:
        """Read a file of whole graphs."""
        records: list[Any] = []
        for image_id, name, objects in self._lists(self._path, "objects", wanted, records.append):
            known = self._add_objects(image_id, name, objects, None)
            self._add_relations(image_id, name, records.pop().get("relationships"), known)
        return self._tables()

    def read_alone(self, wanted: Container[str], key: str) -> LargeReading:
        """Read a file whose lists, under `key`, are objects, attributes or relations with their objects."""
        records: list[Any] = []
        for image_id, name, values in self._lists(self._path, key, wanted, records.append):
            known = self._add_objects(image_id, name, _objects_of(values, key), None)
            relations = records.pop().get("relationships")
            if relations and not known:
                problem = (
                    "relations without objects: they name objects by id; give objects.json beside them in a folder"
                )
                self._faults.append(Fault(name, problem, image_id))
                continue
            self._add_relations(image_id, name, relations, known)
        return self._tables()

    def read_beside(self, wanted: Container[str], attributes: Path | None, relations: Path | None) -> LargeReading:
        """Read a file of objects, and beside it those of attributes and relations."""
        nothing: Iterator[tuple[str, str, list[Any]]] = iter(())
        described = _Beside(
            nothing if attributes is None else _of_images(attributes, "attributes", wanted, Faults(attributes))
        )
        related = _Beside(nothing if relations is None else self._lists(relations, "relationships", wanted))
        for image_id, name, objects in self._lists(self._path, "objects", wanted):
            of_objects = {} if attributes is None else _attributes(*described.of(image_id), attributes)
            known = self._add_objects(image_id, name, objects, of_objects)
            self._add_relations(image_id, *related.of(image_id), known)
        for image_id, name, values in related.rest():
            self._add_relations(image_id, name, values, ())
        return self._tables()

    def _tables(self) -> LargeReading:
        tables = {"objects": self._objects.table(), "relations": self._relations.table()}
        return sound(self._images, tables, self._faults, self._spoiled)

    def _lists(
        self, path: Path, key: str, wanted: Container[str], give: Callable[[Any], None] = lambda record: None
    ) -> Iterator[tuple[str, str, list[Any]]]:
        return _of_images(path, key, wanted, self._faults, self._spoiled.add, give)

    def _add_objects(
        self, image_id: str, name: str, objects: list[Any], attributes: dict[str, list[str]] | None
    ) -> set[str]:
        """Add the objects of an image; their ids. Without `attributes`, each object has its own."""
        known: set[str] = set()
        for obj in objects:
            self._object(obj, image_id, name, known, attributes)
        return known

    def _object(
        self, record: Any, image_id: str, name: str, known: set[str], attributes: dict[str, list[str]] | None
    ) -> None:
        """Add an object to the table and to the `known` ids of its image; of several with one id, the first is used."""
        try:
            object_id = identifier(record, "object_id", self._path, name)
            noun = _name_of(record, name)
            sides = _inside(box([record.get(key) for key in _SIDES], file=self._path, name=name), self._sizes[image_id])
        except InputError as error:
            self._faults.append(Fault(name, error.problem, image_id))
            self._spoiled.add(image_id)
            return
        if object_id in known:
            return
        known.add(object_id)
        given = record.get("attributes") or [] if attributes is None else attributes.get(object_id, [])
        self._objects.add(object_id, image_id, noun, *sides, _words(given), None)

    def _add_relations(self, image_id: str, name: str, relations: Any, known: Container[str]) -> None:
        for relation in relations if isinstance(relations, list) else ():
            try:
                subject, other = (_end(relation, end, self._path, name) for end in ("subject", "object"))
                predicate = text(relation, "predicate", self._path, name)
                if subject not in known or other not in known:
                    raise InputError("a relation is to an object that is not in the graph")
                if not readable_name(predicate):
                    raise InputError("a relation has no name")
                self._relations.add(image_id, subject, predicate, other)
            except InputError as error:
                self._faults.append(Fault(name, error.problem, image_id))


def _of_images(
    path: Path,
    key: str,
    wanted: Container[str],
    faults: Faults,
    spoil: Callable[[str], None] = lambda image_id: None,
    give: Callable[[Any], None] = lambda record: None,
) -> Iterator[tuple[str, str, list[Any]]]:
    """(image id, record name, list under `key`) of every wanted image; `give` returns it from the whole record."""
    seen: set[str] = set()
    for number, record in enumerate(stream.elements(path)):
        name = f"entry {number}"
        try:
            image_id = _image_id(record, path, name)
            if image_id not in wanted:
                continue
            name = f"image {image_id}"
            if image_id in seen:
                spoil(image_id)
                raise InputError("its id occurs twice")
            seen.add(image_id)
            values = field(record, key, list, file=path, name=name)
        except InputError as error:
            faults.append(Fault(name, error.problem))
            continue
        give(record)
        yield image_id, name, values


class _Beside:
    """The lists of a file that is read beside another one: it keeps the images that the other has not come to."""

    def __init__(self, lists: Iterator[tuple[str, str, list[Any]]]) -> None:
        self._lists = lists
        self._passed: dict[str, tuple[str, list[Any]]] = {}

    def of(self, image_id: str) -> tuple[str, list[Any]]:
        """The record's name and the list of an image, empty if the file has none."""
        while image_id not in self._passed:
            following = next(self._lists, None)
            if following is None:
                return f"image {image_id}", []
            self._passed[following[0]] = following[1:]
        return self._passed.pop(image_id)

    def rest(self) -> Iterator[tuple[str, str, list[Any]]]:
        """Image, record's name and list of the images that the other file does not have."""
        yield from ((image_id, *kept) for image_id, kept in self._passed.items())
        yield from self._lists


def _attributes(name: str, records: list[Any], path: Path) -> dict[str, list[str]]:
    """Attributes of an image by object id; those that are not words are left out."""
    found: dict[str, list[str]] = {}
    for record in records:
        given = record.get("attributes") if isinstance(record, dict) else None
        if given and (words := _words(given)):
            found.setdefault(identifier(record, "object_id", path, name), []).extend(words)
    return found


def _image_id(record: Any, path: Path, name: str) -> str:
    return identifier(record, "image_id" if isinstance(record, dict) and "image_id" in record else "id", path, name)


def _file(record: dict[str, Any], image_id: str) -> str:
    """The last part of the image's address; without an address, the id."""
    url = record.get("url")
    name = PurePosixPath(printable(url)).name if isinstance(url, str) else ""
    return name or f"{image_id}.jpg"


def _name_of(record: dict[str, Any], name: str) -> str:
    names = record.get("names") or [record.get("name")]
    noun = names[0] if isinstance(names, list) else None
    if not isinstance(noun, str) or printable(noun) != noun or not readable_name(noun):
        raise InputError("an object has no name", record=name)
    return noun


def _inside(sides: tuple[float, float, float, float], size: tuple[int, int]) -> tuple[float, float, float, float]:
    """A box clipped to its image: published boxes exceed it. A box outside of the image is kept, and is a fault."""
    left, top = max(sides[0], 0.0), max(sides[1], 0.0)
    right, bottom = min(sides[0] + sides[2], float(size[0])), min(sides[1] + sides[3], float(size[1]))
    return sides if right < left or bottom < top else (left, top, right - left, bottom - top)


def _words(values: Any) -> list[str]:
    """Attributes that are words, each once."""
    given = values if isinstance(values, list) else []
    return list(
        dict.fromkeys(
            each.strip() for each in given if isinstance(each, str) and readable_name(each) and printable(each) == each
        )
    )


def _end(relation: Any, end: str, path: Path, name: str) -> str:
    """The object at one end of a relation: `subject_id`, or the id inside of `subject`."""
    inner = relation.get(end) if isinstance(relation, dict) else None
    if isinstance(inner, dict):
        return identifier(inner, "object_id", path, name)
    return identifier(relation, f"{end}_id", path, name)
