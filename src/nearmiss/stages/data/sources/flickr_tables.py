"""Captions of Flickr8k and Flickr30k as tables."""

from pathlib import Path
from typing import TYPE_CHECKING

from nearmiss.base.errors import InputError
from nearmiss.base.manifest import verify_inputs
from nearmiss.engine.formats import karpathy
from nearmiss.engine.formats.photographs import aside_of
from nearmiss.engine.formats.tokens import read_list, read_tokens
from nearmiss.stages.data.sources.captioned import read_captioned
from nearmiss.stages.data.sources.splits import NAMES, Splits
from nearmiss.stages.data.sources.tables import SourceTables

if TYPE_CHECKING:
    from nearmiss.stages.data.sources.flickr import FlickrSource


def read(source: "FlickrSource", workers: int) -> SourceTables:
    """The tables of either form."""
    files = source.files()
    hashes = verify_inputs(files)
    captions = files["captions"]
    if source.is_karpathy():
        reading = karpathy.read_captions(captions)
        rows = reading.tables["images"].select("image_id", "split").iter_rows()
        given: dict[str, str] | None = {image_id: NAMES.get(split, split) for image_id, split in rows}
        given = {image_id: split for image_id, split in (given or {}).items() if split in source.split_names()}
        splits_key = "captions"
    else:
        reading = read_tokens(captions)
        given = None if source.split_files is None else _listed(source.split_files, files)
        splits_key = "splits" if given is None else "split_files"
    return read_captioned(
        source,
        reading.tables["images"],
        reading.tables["captions"],
        Splits(source.seed, source.limit, shares=source.splits, given=given),
        listed=captions,
        key="captions",
        splits_key=splits_key,
        workers=workers,
        below=(source.images,),
        set_aside=[aside_of(fault, captions) for fault in reading.faults],
        inputs=hashes,
    )


def _listed(lists: dict, files: dict[str, Path]) -> dict[str, str]:
    """The split of each file name."""
    found: dict[str, str] = {}
    for split in lists:
        path = files[f"split_files.{split}"]
        for name in read_list(path):
            if found.setdefault(name, split) != split:
                raise InputError(
                    f"an image is in two splits, {found[name]} and {split}",
                    file=path,
                    record=name,
                    remedy="give lists of different images in data.source.split_files",
                )
    return found
