"""GQA scene graphs (Hudson and Manning, CVPR 2019). Malformed records are handled by set_aside.py.

GQA's object ids are unique in the whole file. Other tools often number the objects of each image from 0: if an id
occurs in two images of a file, all ids of that file are qualified by their image, "IMAGE/OBJECT".
"""

from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.engine.formats import stream
from nearmiss.engine.formats.records import box, field
from nearmiss.engine.formats.set_aside import (
    Fault,
    Faults,
    LargeReading,
    Reading,
    Rows,
    identifier,
    of_images,
    once,
    printable,
    repeated,
    side_of,
    sound,
    text,
    unicode_text,
)
from nearmiss.engine.text.category_names import readable_name, with_readable_objects, with_readable_predicates


def read_scene_graphs(path: Path, *, strict: bool = False) -> Reading:
    """The tables of `read_large_scene_graphs` as data frames."""
    return read_large_scene_graphs(path, strict=strict).reading()


def read_large_scene_graphs(path: Path, *, strict: bool = False) -> LargeReading:
    """Tables `images`, `objects` and `relations` of a GQA scene graphs file, names as words.

    Column `position` has the order of the file. A relation to an object that is not in the graph, and an attribute that
    is not a word, are set aside individually.
    `strict` raises InputError for the first fault, for an id that occurs twice in the file, and for an empty file.
    """
    images = Rows("images")
    objects = Rows("objects", recorded=False, without=("mask",), finish=_positioned(with_readable_objects))
    relations = Rows("relations", recorded=False, finish=_positioned(with_readable_predicates))
    faults = Faults(path, strict=strict)
    spoiled: set[str] = set()
    for image_id, graph in stream.entries(path):
        name = f"image {printable(image_id)}"
        try:
            unicode_text(image_id, name)
            images.add(image_id, "", *_sides(graph, path, name), "train", "gqa", name)
            nodes = field(graph, "objects", dict, file=path, name=name)
        except InputError as error:
            faults.append(Fault(name, error.problem, printable(image_id)))
            spoiled.add(image_id)
            continue
        for object_id, obj in nodes.items():
            where = f"{name}, object {printable(object_id)}"
            try:
                objects.add(*_object(image_id, object_id, obj, path, where, faults))
                for subject, predicate, other in _relations(object_id, obj, nodes, image_id, path, where, faults):
                    relations.add(image_id, subject, predicate, other)
            except InputError as error:
                faults.append(Fault(where, error.problem, image_id))
                spoiled.add(image_id)
    image_table = once(images.table(), "image_id", faults).frame().with_columns(exhaustive=pl.lit(False))
    found = objects.table().map(lambda part: of_images(part, image_table["image_id"]))
    related = relations.table()
    if strict and image_table.is_empty():
        raise InputError("the file has no scene graphs: the split is empty", file=path, remedy="give the split images")
    if not strict and any(True for _ in repeated(found, "object_id")):
        found = found.map(lambda part: part.with_columns(_qualified("object_id")))
        related = related.map(lambda part: part.with_columns(_qualified("subject_id"), _qualified("object_id")))
    return sound(image_table, {"objects": found, "relations": related}, faults, spoiled)


def _positioned(finish: Callable[[pl.DataFrame], pl.DataFrame]) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """`finish`, and then column `position`, which counts the rows of one chunk after the other."""
    before = count()

    def finished(chunk: pl.DataFrame) -> pl.DataFrame:
        positions = pl.Series("position", list(islice(before, chunk.height)), dtype=pl.Int64)
        return finish(chunk).with_columns(positions)

    return finished


def _qualified(column: str) -> pl.Expr:
    return pl.concat_str("image_id", column, separator="/").alias(column)


def _sides(graph: Any, path: Path, name: str) -> list[int]:
    sides = [side_of(field(graph, key, (int, float), file=path, name=name)) for key in ("width", "height")]
    if sides[0] is None or sides[1] is None:
        raise InputError("an image's width or height is not a valid size", file=path, record=name)
    return [sides[0], sides[1]]


def _object(image_id: str, object_id: str, obj: Any, path: Path, where: str, faults: Faults) -> tuple[Any, ...]:
    noun = text(obj, "name", path, where)
    if not readable_name(noun):
        raise InputError("an object has no name", file=path, record=where)
    unicode_text(object_id, where)
    attributes = field(obj, "attributes", list, file=path, name=where)
    words = [each for each in attributes if isinstance(each, str) and readable_name(each) and printable(each) == each]
    faults.extend(
        Fault(where, f"an attribute is not a word: {printable(repr(each))[:80]}", image_id)
        for each in attributes
        if each not in words
    )
    sides = box([obj.get(key) for key in ("x", "y", "w", "h")], file=path, name=where)
    return object_id, image_id, noun, *sides, words, None


def _relations(
    subject: str, obj: Any, nodes: dict[str, Any], image_id: str, path: Path, where: str, faults: Faults
) -> Iterator[tuple[str, str, str]]:
    for relation in field(obj, "relations", list, file=path, name=where):
        try:
            other = identifier(relation, "object", path, where)
            if other not in nodes:
                raise InputError(f"a relation is to object {other[:80]}, which is not in the graph")
            predicate = text(relation, "name", path, where)
            if not readable_name(predicate):
                raise InputError("a relation has no name")
            yield subject, predicate, other
        except InputError as error:
            faults.append(Fault(where, error.problem, image_id))
