"""GQA scene graphs (Hudson and Manning, CVPR 2019): read into tables `objects` and `relations`."""

from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.base.tables import table
from nearmiss.engine.formats.records import REMEDY, box, field, unique


def read_scene_graphs(path: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Tables `objects` (masks null) and `relations`; a relation to an unknown object is an InputError.

    Object ids must be unique in the whole file, as they are in GQA.
    """
    path = Path(path)
    document = read_json(path)
    if not isinstance(document, dict):
        raise InputError("scene graphs are an object of image ids", file=path, record="the whole file", remedy=REMEDY)
    if not document:
        raise InputError("the file has no scene graphs: the split is empty", file=path, remedy="give the split images")
    objects: list[dict[str, Any]] = []
    relations: list[dict[str, Any]] = []
    seen: set[str] = set()
    for image_id, graph in document.items():
        name = f"image {image_id}"
        known = field(graph, "objects", dict, file=path, name=name)
        for object_id, thing in known.items():
            where = f"{name}, object {object_id}"
            objects.append(_object(image_id, unique(seen, object_id, file=path, name=where), thing, path, where))
            for index, relation in enumerate(field(thing, "relations", list, file=path, name=where)):
                relations.append(_relation(image_id, object_id, relation, known, path, f"{where}, relation {index}"))
    return table("objects", objects), table("relations", relations)


def _object(image_id: str, object_id: str, thing: Any, path: Path, where: str) -> dict[str, Any]:
    attributes = field(thing, "attributes", list, file=path, name=where)
    if not all(isinstance(attribute, str) for attribute in attributes):
        raise InputError(f"attributes are not words: {attributes!r}", file=path, record=where, remedy=REMEDY)
    x, y, w, h = box([thing.get(key) for key in ("x", "y", "w", "h")], file=path, name=where)
    return {
        "object_id": object_id,
        "image_id": image_id,
        "name": field(thing, "name", str, file=path, name=where),
        "x": x,
        "y": y,
        "w": w,
        "h": h,
        "attributes": attributes,
        "mask": None,
    }


def _relation(
    image_id: str, subject_id: str, relation: Any, known: dict[str, Any], path: Path, where: str
) -> dict[str, Any]:
    other = field(relation, "object", str, file=path, name=where)
    if other not in known:
        raise InputError(f"object {other} is not in the graph", file=path, record=where, remedy=REMEDY)
    return {
        "image_id": image_id,
        "subject_id": subject_id,
        "predicate": field(relation, "name", str, file=path, name=where),
        "object_id": other,
    }
