"""Converts COCO files of photographs to the tables of the stage; unusable records are set aside with a reason."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.tables import write_table
from nearmiss.engine.formats.coco_folder import Aside, CocoFolder, read_coco_folder
from nearmiss.engine.formats.inpaintcoco import Origin

SPLIT = "test"
_REASONS = 10  # in a message
_TABLES = {"images": "instances", "objects": "instances", "captions": "captions"}  # table -> source file


@dataclass
class Photographs:
    """Tables of the usable photographs in a folder, their origins, and the records that were set aside."""

    folder: Path
    origins: dict[str, Origin]
    sources: dict[str, Path]
    """The files that were read: instances and captions."""
    set_aside: list[Aside]
    scaled: int
    """Photographs whose annotations were scaled to the size of their files."""

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
    """Write the tables into `folder`. Raises InputError if a file is malformed or has no usable record."""
    sources = {"instances": Path(instances), "captions": Path(captions)}
    found = read_coco_folder(Path(images), captions=sources["captions"], instances=sources["instances"])
    if found.images.is_empty():
        raise _no_usable_photograph(Path(images), sources["instances"], found)
    _check_masks_and_captions(found, sources)
    photographs = Photographs(folder, found.origins, sources, found.set_aside, found.scaled)
    write_table(found.images.with_columns(split=pl.lit(SPLIT)), photographs.table("images"), "images")
    write_table(found.objects, photographs.table("objects"), "objects")
    write_table(found.captions, photographs.table("captions"), "captions")
    return photographs


def _no_usable_photograph(images: Path, instances: Path, found: CocoFolder) -> InputError:
    """The error if no photograph is usable: each reason with its count and an example."""
    reasons = [f"{reason} ({len(paths)}), such as {paths[0]}" for reason, paths in found.unusable.items()]
    records: dict[str, list[str]] = {}
    for fault in found.faults:
        if fault.record.startswith("image "):
            records.setdefault(fault.problem, []).append(fault.record)
    reasons += [f"{problem} ({len(named)}), such as {named[0]} of {instances}" for problem, named in records.items()]
    listed = "".join(f"\n  {reason}" for reason in sorted(reasons)) or f"\n  {instances} lists none"
    return InputError(
        f"no photograph can be used:{listed}", file=images, remedy="give the image folder of the instances"
    )


def _check_masks_and_captions(found: CocoFolder, sources: dict[str, Path]) -> None:
    if found.objects["mask"].null_count() == found.objects.height:
        counts = Counter(each.reason.split("; record: ")[0] for each in found.set_aside)
        listed = "".join(f"\n  {reason} ({number})" for reason, number in counts.most_common(_REASONS))
        raise InputError(
            "no object of a usable photograph has a mask" + (f"; set aside:{listed}" if listed else ""),
            file=sources["instances"],
            remedy="give instances with segmentations",
        )
    if found.captions.is_empty():
        raise InputError(
            "no caption belongs to a usable photograph",
            file=sources["captions"],
            remedy="give captions of these images",
        )
