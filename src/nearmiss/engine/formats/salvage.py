"""COCO and GQA files as people have them: a record that is wrong is set aside with its reason, the rest is read.

The strict readers (coco.py, gqa.py) stop at the first fault, as files that we publish must have none. Here records
come one by one from a file of any size. Nothing depends on the order of records: of several with one id none is kept.
What the annotations of an image lack would count as absent from it, so an image with a faulty object loses them all.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.tables import SCHEMAS
from nearmiss.engine.formats import stream
from nearmiss.engine.formats.records import box
from nearmiss.engine.formats.records import field as value_of

_CHUNK = 50_000  # rows that are Python objects at once
_OUTSIDE = 1.0  # pixels that a box may reach beyond its image: published boxes are rounded


class Fault(NamedTuple):
    """A record that was set aside."""

    record: str
    problem: str
    image_id: str | None = None
    caption_id: str | None = None
    text: str | None = None


@dataclass
class Salvaged:
    """Tables by name, and the records that are in none of them."""

    tables: dict[str, pl.DataFrame]
    faults: list[Fault] = field(default_factory=list)


class _Rows:
    """Rows that become a frame now and then; a further column `record` says where each comes from."""

    def __init__(self, name: str) -> None:
        self._schema: dict[str, Any] = {**SCHEMAS[name], "record": pl.String}
        self._rows: list[tuple[Any, ...]] = []
        self._frames: list[pl.DataFrame] = []

    def add(self, *values: Any) -> None:
        self._rows.append(values)
        if len(self._rows) >= _CHUNK:
            self._flush()

    def _flush(self) -> None:
        self._frames.append(pl.DataFrame(self._rows, schema=self._schema, orient="row"))
        self._rows = []

    def frame(self) -> pl.DataFrame:
        self._flush()
        return pl.concat(self._frames)


def read_captions(path: Path) -> Salvaged:
    """Tables `images` and `captions` of a COCO captions file, the text of captions as it stands.

    Faults: records that lack something, texts that are not Unicode, ids that stand twice, captions of images that the
    file does not list (where it lists any).
    """
    images, captions, faults = _Rows("images"), _Rows("captions"), list[Fault]()
    for key, number, record in _records(path):
        name = _name(key, record, number)
        try:
            if key == "images":
                images.add(*_image(record, path, name))
            elif key == "annotations":
                captions.add(*_caption(record, path, name))
        except InputError as error:
            faults.append(_fault(name, error.problem, record))
    shown, said = _once(images.frame(), "image_id", faults), _once(captions.frame(), "caption_id", faults)
    if shown.height:
        said = _known(said, shown, faults)
    return Salvaged({"images": shown.drop("record"), "captions": said.drop("record")}, faults)


def read_instances(path: Path) -> Salvaged:
    """Tables `images` and `objects` of a COCO instances file; masks are not read."""
    images, objects, faults, names = _Rows("images"), _Rows("objects"), list[Fault](), dict[str, str]()
    spoiled: set[str] = set()
    for key, number, record in _records(path):
        name = _name(key, record, number)
        try:
            if key == "images":
                images.add(*_image(record, path, name))
            elif key == "categories":
                names[_id(record, "id", path, name)] = _text(record, "name", path, name)
            else:
                category = _id(record, "category_id", path, name)
                image_id = _id(record, "image_id", path, name)
                sides = box(record.get("bbox"), file=path, name=name)
                objects.add(_id(record, "id", path, name), image_id, category, *sides, [], None, name)
        except InputError as error:
            faults.append(_fault(name, error.problem, record))
            spoiled.add(faults[-1].image_id or "")
    shown = _once(images.frame(), "image_id", faults)
    found = _known(objects.frame(), shown, faults)
    unnamed = ~pl.col("name").is_in(list(names))
    _set_aside(found.filter(unnamed), "its category is not in the file's list", faults, spoiled)
    found = found.with_columns(name=pl.col("name").replace(names))
    return _sound(shown, found, None, faults, spoiled)


def read_graphs(path: Path) -> Salvaged:
    """Tables `images`, `objects` and `relations` of a GQA scene graphs file.

    A relation to an object that is not in the graph, and an attribute that is no word, are set aside alone.
    """
    images, objects, relations, faults = _Rows("images"), _Rows("objects"), _Rows("relations"), list[Fault]()
    spoiled: set[str] = set()
    for image_id, graph in stream.entries(path):
        name = f"image {image_id}"
        try:
            _unicode(image_id, name)
            sizes = [value_of(graph, key, int, file=path, name=name) for key in ("width", "height")]
            images.add(image_id, "", *sizes, "train", "gqa", name)
            things = value_of(graph, "objects", dict, file=path, name=name)
        except InputError as error:
            faults.append(Fault(name, error.problem, _printable(image_id)))
            spoiled.add(image_id)
            continue
        for object_id, thing in things.items():
            where = f"{name}, object {_printable(object_id)}"
            try:
                objects.add(*_object(image_id, object_id, thing, path, where, faults), where)
                for subject, predicate, other in _relations(object_id, thing, things, image_id, path, where, faults):
                    relations.add(image_id, subject, predicate, other, where)
            except InputError as error:
                faults.append(Fault(where, error.problem, image_id))
                spoiled.add(image_id)
    shown = _once(images.frame(), "image_id", faults)
    return _sound(shown, _known(objects.frame(), shown, faults, quiet=True), relations.frame(), faults, spoiled)


def _records(path: Path) -> Iterator[tuple[str, int, Any]]:
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


def _name(key: str, record: Any, number: int) -> str:
    """Of a record, by its id where it has one: its place in the file says nothing in another order."""
    known = record.get("id") if isinstance(record, dict) else None
    named = isinstance(known, int | str) and not isinstance(known, bool)
    return f"{key[:-1]} {_printable(str(known))}" if named else f"{key[:-1]} without an id, number {number}"


def _image(record: Any, path: Path, name: str) -> tuple[Any, ...]:
    image_id = _id(record, "id", path, name)
    sides = [value_of(record, side, int, file=path, name=name) for side in ("width", "height")]
    if min(sides) < 1:
        raise InputError(f"an image's sides are {sides}", file=path, record=name)
    return image_id, str(record.get("file_name", "")), *sides, "train", "coco", name


def _caption(record: Any, path: Path, name: str) -> tuple[Any, ...]:
    text = _text(record, "caption", path, name)
    ids = [_id(record, key, path, name) for key in ("id", "image_id")]
    template = record.get("template_id")
    return *ids, text, template if isinstance(template, str) else None, "published", name


def _object(image_id: str, object_id: str, thing: Any, path: Path, where: str, faults: list[Fault]) -> tuple[Any, ...]:
    noun = _text(thing, "name", path, where)
    if not noun.strip():
        raise InputError("an object has no name", file=path, record=where)
    _unicode(object_id, where)
    attributes = value_of(thing, "attributes", list, file=path, name=where)
    words = [each for each in attributes if isinstance(each, str) and each.strip() and _printable(each) == each]
    faults += [
        Fault(where, f"an attribute is no word: {_printable(repr(each))}", image_id)
        for each in attributes
        if each not in words
    ]
    sides = box([thing.get(key) for key in ("x", "y", "w", "h")], file=path, name=where)
    return object_id, image_id, noun, *sides, words, None


def _relations(
    subject: str, thing: Any, things: dict[str, Any], image_id: str, path: Path, where: str, faults: list[Fault]
) -> Iterator[tuple[str, str, str]]:
    for relation in value_of(thing, "relations", list, file=path, name=where):
        try:
            other = _text(relation, "object", path, where)
            if other not in things:
                raise InputError(f"a relation is to object {other}, which is not in the graph")
            yield subject, _text(relation, "name", path, where), other
        except InputError as error:
            faults.append(Fault(where, error.problem, image_id))


def _sound(
    images: pl.DataFrame,
    objects: pl.DataFrame,
    relations: pl.DataFrame | None,
    faults: list[Fault],
    spoiled: set[str],
) -> Salvaged:
    """Without the annotations of images of which an object is faulty."""
    sized = objects.join(images.select("image_id", "width", "height"), on="image_id", how="left", maintain_order="left")
    right, bottom = pl.col("x") + pl.col("w"), pl.col("y") + pl.col("h")
    outside = pl.min_horizontal("x", "y", pl.col("width") - right, pl.col("height") - bottom) < -_OUTSIDE
    _set_aside(sized.filter(outside), "its box lies outside the image", faults, spoiled)
    twice = objects.filter(pl.col("object_id").is_duplicated())
    _set_aside(twice, "its id stands twice", faults, spoiled)
    kept = ~pl.col("image_id").is_in(sorted(spoiled))
    tables = {"images": images, "objects": objects.filter(kept)}
    if relations is not None:
        tables["relations"] = relations.filter(kept).join(images.select("image_id"), on="image_id", how="semi")
    return Salvaged({name: frame.drop("record") for name, frame in tables.items()}, faults)


def _set_aside(rows: pl.DataFrame, problem: str, faults: list[Fault], spoiled: set[str]) -> None:
    for record, image_id in rows.select("record", "image_id").iter_rows():
        faults.append(Fault(record, f"{problem}; the image's annotations are set aside with it", image_id))
        spoiled.add(image_id)


def _once(frame: pl.DataFrame, key: str, faults: list[Fault]) -> pl.DataFrame:
    twice = pl.col(key).is_duplicated()
    for row in frame.filter(twice).iter_rows(named=True):
        faults.append(
            Fault(row["record"], "its id stands twice", row["image_id"], row.get("caption_id"), row.get("text"))
        )
    return frame.filter(~twice)


def _known(frame: pl.DataFrame, images: pl.DataFrame, faults: list[Fault], *, quiet: bool = False) -> pl.DataFrame:
    """The rows of images that the file lists."""
    if not quiet:
        for row in frame.join(images, on="image_id", how="anti").iter_rows(named=True):
            problem = "its image is not in the file's list"
            faults.append(Fault(row["record"], problem, row["image_id"], row.get("caption_id"), row.get("text")))
    return frame.join(images.select("image_id"), on="image_id", how="semi", maintain_order="left")


def _id(record: Any, key: str, path: Path, name: str) -> str:
    return _unicode(str(value_of(record, key, (int, str), file=path, name=name)), name)


def _text(record: Any, key: str, path: Path, name: str) -> str:
    return _unicode(value_of(record, key, str, file=path, name=name), name)


def _unicode(text: str, name: str) -> str:
    if _printable(text) != text:
        raise InputError("its text is not UTF-8", record=name)
    return text


def _printable(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _fault(name: str, problem: str, record: Any) -> Fault:
    """With as much of the record as can be written down."""
    given = record if isinstance(record, dict) else {}
    image, text = given.get("image_id"), given.get("caption")
    is_caption = "caption" in given and isinstance(given.get("id"), int | str)
    return Fault(
        name,
        _printable(problem)[:200],
        _printable(str(image)) if isinstance(image, int | str) else None,
        _printable(str(given["id"])) if is_caption else None,
        _printable(text) if isinstance(text, str) else None,
    )
