"""COCO files of photographs as the stage's tables; what cannot be used is set aside with a reason, the rest goes on."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl
from PIL import Image

from nearmiss.base.errors import InputError
from nearmiss.base.tables import write_table
from nearmiss.engine.formats import stream
from nearmiss.engine.formats.coco import mask_counts
from nearmiss.engine.formats.inpaintcoco import Origin
from nearmiss.engine.formats.salvage import Fault, read_captions
from nearmiss.engine.formats.salvage_instances import read_instances
from nearmiss.engine.images.decode import FORMATS

SPLIT = "test"
_DEEP = ("I", "F")  # modes of more than eight bits a channel: shown on a screen they are no photograph as it is seen
_REASONS = 10  # in a message
_TABLES = {"images": "instances", "objects": "instances", "captions": "captions"}  # and the file that each comes from


Aside = tuple[str | None, str | None, str]
"""Image, thing (None for the whole photograph), and why it is set aside."""


@dataclass
class Photographs:
    """Tables of the photographs that can be used, in a folder; their origins; (image, thing, reason) of the rest."""

    folder: Path
    origins: dict[str, Origin]
    sources: dict[str, Path]
    """The files that were read: instances and captions."""
    set_aside: list[Aside] = field(default_factory=list)

    def table(self, name: str) -> Path:
        """The file of a table: images, objects or captions."""
        return self.folder / f"{name}.parquet"

    @contextmanager
    def named_in_errors(self) -> Iterator[None]:
        """Errors that name one of the tables name the file that was read instead."""
        try:
            yield
        except InputError as error:
            for name, source in _TABLES.items():
                if error.file == self.table(name):
                    file = self.sources[source]
                    raise InputError(error.problem, file=file, record=error.record, remedy=error.remedy) from None
            raise


def read(images: Path, instances: Path, captions: Path, folder: Path) -> Photographs:
    """Write the tables into `folder`. Raises InputError where a file is malformed or nothing of it can be used."""
    sources = {"instances": Path(instances), "captions": Path(captions)}
    unusable: dict[str, list[tuple[str, Path]]] = {}
    things = read_instances(sources["instances"], partial(_usable, Path(images), unusable))
    usable, objects = things.tables["images"], things.tables["objects"]
    if usable.is_empty():
        raise _nothing_usable(Path(images), sources["instances"], unusable, things.faults)
    masks, origins, flaws = _masks_and_origins(sources["instances"], usable, objects)
    objects = objects.with_columns(mask=pl.Series([masks.get(each) for each in objects["object_id"]], dtype=pl.String))
    said = read_captions(sources["captions"])
    told = said.tables["captions"].join(usable, on="image_id", how="semi", maintain_order="left")
    told = told.filter(pl.col("text").str.strip_chars() != "")
    crowds = objects.filter("crowd").select("image_id", "object_id").iter_rows()
    faults = [_aside(fault, sources["instances"]) for fault in things.faults]
    faults += [_aside(fault, sources["captions"]) for fault in said.faults]
    aside: list[Aside] = [(image, None, reason) for reason, found in unusable.items() for image, _ in found]
    aside += [*((image, thing, "a crowd") for image, thing in crowds), *flaws, *faults]
    _check_there_is_something_to_edit(objects, told, aside, sources)
    texts = _licence_of_texts(sources["captions"])
    origins = {image_id: replace(origin, text_license=texts) for image_id, origin in origins.items()}
    made = Photographs(folder, origins, sources, sorted(aside, key=_order))
    write_table(usable.with_columns(split=pl.lit(SPLIT)), made.table("images"), "images")
    write_table(objects, made.table("objects"), "objects")
    write_table(told, made.table("captions"), "captions")
    return made


def _usable(folder: Path, unusable: dict[str, list[tuple[str, Path]]], listed: pl.DataFrame) -> pl.DataFrame:
    """The photographs that can be edited, with the sizes of their files; the others go to `unusable`, by reason."""
    rows = []
    for row in listed.iter_rows(named=True):
        path, found = _located(folder, row["file"])
        noted = (row["width"], row["height"])
        flaw, size = _flaw_and_size(path, noted) if isinstance(found, Path) else (found, noted)
        if flaw is None and isinstance(found, Path):
            rows.append({**row, "file": found.as_posix(), "width": size[0], "height": size[1]})
        else:
            unusable.setdefault(flaw or "", []).append((row["image_id"], path))
    return pl.DataFrame(rows, schema=listed.schema, orient="row")


def _located(folder: Path, name: str) -> tuple[Path, Path | str]:
    """Where a photograph was looked for last; and its path in the folder, or why it has none.

    Backslashes are taken for slashes where the name as it stands is no file: annotation tools write them on Windows.
    """
    if not name:
        return folder, "its record names no file"
    path, flaw = folder, ""
    for spelled in dict.fromkeys((name, name.replace("\\", "/"))):
        path, pure = folder / spelled, PurePosixPath(spelled)
        if pure.is_absolute() or ".." in pure.parts:
            flaw = "its file lies outside the folder"
            continue
        flaw = "the image is missing"
        try:
            if path.is_file():
                return path, Path(spelled)
        except (OSError, ValueError):  # a name that is too long for the file system, or has a zero byte
            flaw = "its file has no possible name"
    return path, flaw


def _flaw_and_size(file: Path, noted: tuple[int | None, int | None]) -> tuple[str | None, tuple[int, int]]:
    """Why a photograph cannot be edited, None where it can, and its size. Gray and CMYK ones can: they are read as RGB.

    Pixels are taken as they are stored, as COCO's masks are drawn, whatever an EXIF tag says of their rotation.
    """
    size = (0, 0)
    try:
        with Image.open(file, formats=FORMATS) as opened:
            size = opened.size
            if opened.mode.split(";")[0] in _DEEP:
                return "more than eight bits a channel", size
            opened.load()
    except MemoryError:  # what the machine cannot do now is no fault of the file
        raise
    except Exception:  # Pillow's decoders raise whatever their parsers meet
        return "the image does not decode", size
    return ("the image is not of the size that is noted" if noted not in (size, (None, None)) else None), size


def _masks_and_origins(
    instances: Path, usable: pl.DataFrame, objects: pl.DataFrame
) -> tuple[dict[str, str], dict[str, Origin], list[Aside]]:
    """RLE counts by object id, origins by image id, and the objects whose masks are malformed. Crowds have no mask."""
    sizes = {row[0]: (row[1], row[2]) for row in usable.select("image_id", "height", "width").iter_rows()}
    alone = dict(objects.filter(~pl.col("crowd")).select("object_id", "image_id").iter_rows())
    masks: dict[str, str] = {}
    flaws: list[Aside] = []
    listed: dict[str, dict[str, Any]] = {}
    licences: dict[str, str | None] = {}
    for key, record in stream.entries(instances, ("images", "annotations", "licenses")):
        if not isinstance(record, dict):
            continue
        identity = _id(record.get("id"))
        if key == "licenses":
            licences[identity] = _text(record.get("name"))
        elif key == "images" and identity in sizes:
            listed[identity] = record
        elif key == "annotations" and identity in alone and record.get("segmentation"):
            try:
                masks[identity] = mask_counts(record["segmentation"], *sizes[alone[identity]])
            except ValueError as error:
                flaws.append((alone[identity], identity, f"malformed mask: {error}"))
    origins = {
        image_id: Origin(
            coco_url=_text(image.get("coco_url")),
            flickr_url=_text(image.get("flickr_url")),
            date_captured=_text(image.get("date_captured")),
            image_license=licences.get(_id(image.get("license"))),
        )
        for image_id, image in listed.items()
    }
    return masks, origins, flaws


def _licence_of_texts(captions: Path) -> str | None:
    """The licence of a captions file that names exactly one."""
    licences = [record for key, record in stream.entries(captions, ("licenses",)) if key == "licenses" and record]
    only = licences[0] if len(licences) == 1 and isinstance(licences[0], dict) else {}
    return (_text(only.get("name")) or "")[:200] or None


def _id(value: Any) -> str:
    """An id as the tables have it; the records of these ids have been checked."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _text(value: Any) -> str | None:
    """A text of a record that is not needed; None where it is none, or is not Unicode."""
    return value if isinstance(value, str) and value.encode("utf-8", "replace").decode() == value else None


def _order(aside: Aside) -> tuple[str, ...]:
    return tuple(part or "" for part in aside)


def _aside(fault: Fault, file: Path) -> Aside:
    return fault.image_id, None, f"{fault.problem}; record: {fault.record} of {file.name}"


def _nothing_usable(
    images: Path, instances: Path, unusable: dict[str, list[tuple[str, Path]]], faults: list[Fault]
) -> InputError:
    """Says why no photograph can be used: each reason with its number and an example."""
    reasons = [f"{reason} ({len(found)}), such as {found[0][1]}" for reason, found in unusable.items()]
    records: dict[str, list[str]] = {}
    for fault in faults:
        if fault.record.startswith("image "):
            records.setdefault(fault.problem, []).append(fault.record)
    reasons += [f"{problem} ({len(found)}), such as {found[0]} of {instances}" for problem, found in records.items()]
    listed = "".join(f"\n  {reason}" for reason in sorted(reasons)) or f"\n  {instances} lists none"
    return InputError(
        f"no photograph can be used:{listed}", file=images, remedy="give the folder that the instances speak of"
    )


def _check_there_is_something_to_edit(
    objects: pl.DataFrame, told: pl.DataFrame, aside: list[Aside], sources: dict[str, Path]
) -> None:
    if objects["mask"].null_count() == objects.height:
        counts = Counter(reason.split("; record: ")[0] for _, _, reason in sorted(aside, key=_order))
        listed = "".join(f"\n  {reason} ({number})" for reason, number in counts.most_common(_REASONS))
        raise InputError(
            "no thing of a photograph that can be used has a mask" + (f"; set aside:{listed}" if listed else ""),
            file=sources["instances"],
            remedy="give instances with segmentations",
        )
    if told.is_empty():
        raise InputError(
            "no caption is of a photograph that can be used",
            file=sources["captions"],
            remedy="give captions of these images",
        )
