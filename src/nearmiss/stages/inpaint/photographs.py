"""COCO files of photographs as the stage's tables; what cannot be used is set aside with a reason, the rest goes on."""

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
_TABLES = {"images": "instances", "objects": "instances", "captions": "captions"}  # and the file that each comes from


@dataclass
class Photographs:
    """Tables of the photographs that can be used, in a folder; their origins; and what is set aside."""

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
    """Write the tables into `folder`. Raises InputError where a file is malformed or nothing of it can be used."""
    sources = {"instances": Path(instances), "captions": Path(captions)}
    found = read_coco_folder(Path(images), captions=sources["captions"], instances=sources["instances"])
    if found.images.is_empty():
        raise _nothing_usable(Path(images), sources["instances"], found)
    _check_there_is_something_to_edit(found, sources)
    made = Photographs(folder, found.origins, sources, found.set_aside, found.scaled)
    write_table(found.images.with_columns(split=pl.lit(SPLIT)), made.table("images"), "images")
    write_table(found.objects, made.table("objects"), "objects")
    write_table(found.captions, made.table("captions"), "captions")
    return made


def _nothing_usable(images: Path, instances: Path, found: CocoFolder) -> InputError:
    """Says why no photograph can be used: each reason with its number and an example."""
    reasons = [f"{reason} ({len(paths)}), such as {paths[0]}" for reason, paths in found.unusable.items()]
    records: dict[str, list[str]] = {}
    for fault in found.faults:
        if fault.record.startswith("image "):
            records.setdefault(fault.problem, []).append(fault.record)
    reasons += [f"{problem} ({len(named)}), such as {named[0]} of {instances}" for problem, named in records.items()]
    listed = "".join(f"\n  {reason}" for reason in sorted(reasons)) or f"\n  {instances} lists none"
    return InputError(
        f"no photograph can be used:{listed}", file=images, remedy="give the folder that the instances speak of"
    )


def _check_there_is_something_to_edit(found: CocoFolder, sources: dict[str, Path]) -> None:
    if found.objects["mask"].null_count() == found.objects.height:
        counts = Counter(each.reason.split("; record: ")[0] for each in found.set_aside)
        listed = "".join(f"\n  {reason} ({number})" for reason, number in counts.most_common(_REASONS))
        raise InputError(
            "no thing of a photograph that can be used has a mask" + (f"; set aside:{listed}" if listed else ""),
            file=sources["instances"],
            remedy="give instances with segmentations",
        )
    if found.captions.is_empty():
        raise InputError(
            "no caption is of a photograph that can be used",
            file=sources["captions"],
            remedy="give captions of these images",
        )
