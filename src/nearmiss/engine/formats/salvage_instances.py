"""COCO and LVIS instances as people have them; see salvage.py.

What a file leaves open goes into its tables (base/tables.py, OPTIONAL). `iscrowd: 1` (COCO) is a crowd. A file whose
images have `neg_category_ids` or `not_exhaustive_category_ids` (LVIS, Gupta et al., CVPR 2019) marks few categories of
each image without exception: those that it annotates there and does not call not exhaustive, and those that it says are
absent. `closed` holds their names, as far as no other category of the file may go by them: "bow" only where both
`bow_(weapon)` and `bow_(decorative_ribbons)` are known.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.engine.formats.records import box, is_crowd, shown
from nearmiss.engine.formats.salvage import (
    Fault,
    Rows,
    Salvaged,
    fault_of,
    identifier,
    image_of,
    known,
    name_of,
    once,
    records,
    set_aside,
    sound,
    text,
)
from nearmiss.engine.text.annotations import relatives
from nearmiss.engine.text.category_names import spoken_name
from nearmiss.engine.text.lexicon import noun_group

_LISTS = {"neg_category_ids": "absent", "not_exhaustive_category_ids": "partly"}

Sized = Callable[[pl.DataFrame], pl.DataFrame]
"""Of a table `images`, the images that can be used, with their sizes."""


def read_instances(path: Path, sized: Sized = lambda images: images) -> Salvaged:
    """Tables `images` and `objects` of a COCO instances file, names as they are spoken; masks are not read.

    `sized` leaves out images that cannot be used and may know the size of others better than the file. An image without
    a size loses its annotations, as do images with a faulty object, such as one of a category that has no name, or two.
    """
    further = dict.fromkeys(_LISTS.values(), pl.List(pl.String))
    images, objects, faults = Rows("images", further), Rows("objects", {"crowd": pl.Boolean}), list[Fault]()
    names: dict[str, set[str]] = {}
    spoiled: set[str] = set()
    for key, number, record in records(path):
        name = name_of(key, record, number)
        try:
            if key == "images":
                row = image_of(record, path, name)
                images.add(*row, *(_ids(record, each, name, row[0], faults, spoiled) for each in _LISTS), name)
            elif key == "categories":
                names.setdefault(identifier(record, "id", path, name), set()).add(_spoken(record, path, name))
            else:
                objects.add(*_object(record, path, name), name)
        except InputError as error:
            faults.append(fault_of(name, error.problem, record))
            spoiled.add(faults[-1].image_id or "")
    listed = once(images.frame(), "image_id", faults)
    found = known(objects.frame(), listed, faults)
    usable = sized(listed)
    found = _named(known(found, usable, faults, quiet=True), names, faults, spoiled)
    salvaged = sound(usable, found, None, faults, spoiled)
    salvaged.tables["images"] = _closed(salvaged.tables["images"], found, names, faults, spoiled)
    salvaged.tables["objects"] = salvaged.tables["objects"].drop("category")
    return salvaged


def _spoken(record: Any, path: Path, name: str) -> str:
    spoken = spoken_name(text(record, "name", path, name))
    if not spoken:
        raise InputError("a category has no name", file=path, record=name)
    return spoken


def _object(record: Any, path: Path, name: str) -> tuple[Any, ...]:
    """A row of table `objects`, the category's id in place of its name."""
    category = identifier(record, "category_id", path, name)
    image_id = identifier(record, "image_id", path, name)
    sides = box(record.get("bbox"), file=path, name=name)
    return identifier(record, "id", path, name), image_id, category, *sides, [], None, is_crowd(record, path, name)


def _ids(
    image: dict[str, Any], key: str, name: str, image_id: str, faults: list[Fault], spoiled: set[str]
) -> list[str] | None:
    """A list of category ids of an image, None where it is missing; one that is no such list spoils the image."""
    values = image.get(key)
    if values is None:
        return None
    if isinstance(values, list) and all(isinstance(each, int) and not isinstance(each, bool) for each in values):
        return list(map(str, values))
    problem = f"'{key}' is no list of ids: {shown(values)}"
    faults.append(Fault(name, f"{problem}; the image's annotations are set aside with it", image_id))
    spoiled.add(image_id)
    return []


def _named(found: pl.DataFrame, names: dict[str, set[str]], faults: list[Fault], spoiled: set[str]) -> pl.DataFrame:
    """Objects with names; those of a category without one, or with several, are set aside with their images."""
    several = sorted(category for category, words in names.items() if len(words) > 1)
    for category in several:
        words = ", ".join(sorted(names[category]))
        faults.append(Fault(f"category {category}", f"its id stands for several names: {words}"))
    set_aside(
        found.filter(~pl.col("name").is_in(list(names))), "its category is not in the file's list", faults, spoiled
    )
    doubtful = found.filter(pl.col("name").is_in(several))
    set_aside(doubtful, "the id of its category stands for several names", faults, spoiled)
    single = {category: min(words) for category, words in names.items()}
    return found.with_columns(category=pl.col("name"), name=pl.col("name").replace(single))


def _closed(
    images: pl.DataFrame, found: pl.DataFrame, names: dict[str, set[str]], faults: list[Fault], spoiled: set[str]
) -> pl.DataFrame:
    """Images with column `closed` in place of the lists of a federated data set; without it where there are none."""
    listed = list(_LISTS.values())
    if images.select(pl.all_horizontal(pl.col(listed).is_null()).all()).item():
        return images.drop(listed)
    annotated = found.select("image_id", "category").unique().group_by("image_id").agg("category")
    positives = {image_id: set(categories) for image_id, categories in annotated.iter_rows()}
    categories = _Categories(names)
    closed: list[list[str] | None] = []
    for image_id, absent, partly in images.select("image_id", *listed).iter_rows():
        present = positives.get(image_id, set())
        contradicted = sorted(present & set(absent or ()))
        faults += [
            Fault(f"image {image_id}", f"category {category} is said to be absent and is annotated", image_id)
            for category in contradicted
        ]
        exhaustive = present - set(partly) if partly is not None else set()
        sure = (exhaustive | set(absent or ())) - set(contradicted)
        closed.append(None if image_id in spoiled else categories.closed(sure))
    return images.drop(listed).with_columns(pl.Series("closed", closed, dtype=pl.List(pl.String)))


class _Categories:
    """The categories of a file by the nouns that they may go by."""

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
        """The names, sorted, of which every object is marked where that holds for the categories `sure`."""
        single = {min(self._names[category]) for category in sure if len(self._names.get(category, ())) == 1}
        certain = {category for category in sure if len(self._names.get(category, ())) == 1}
        return sorted(name for name in single if self._needed[noun_group(name)] <= certain)
