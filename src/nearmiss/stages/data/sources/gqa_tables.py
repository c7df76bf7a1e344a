"""Scene graphs of GQA as tables, with statements of the graphs or regions of Visual Genome as captions."""

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.manifest import verify_inputs
from nearmiss.base.table_parts import CompressedTable
from nearmiss.base.tables import table
from nearmiss.engine.formats.gqa import read_large_scene_graphs
from nearmiss.engine.formats.photographs import Photographs, aside_of
from nearmiss.engine.formats.set_aside import LargeReading, of_images
from nearmiss.engine.formats.visual_genome import read_regions
from nearmiss.stages.data.sources.photographs import STATEMENTS, Split
from nearmiss.stages.data.sources.splits import Splits
from nearmiss.stages.data.sources.statement_captions import statement_captions
from nearmiss.stages.data.sources.tables import SourceTables, check_images, of_set, unusable_images

if TYPE_CHECKING:
    from nearmiss.stages.data.sources.gqa import GqaSource

SOURCE = "gqa"


def read(source: "GqaSource", workers: int) -> SourceTables:
    """The tables of all splits. Raises `InputError` where an image is in two of them, or images are missing."""
    files = source.files()
    hashes = verify_inputs(files)
    readings = {split: read_large_scene_graphs(files[f"scene_graphs.{split}"]) for split in source.scene_graphs}
    listed = pl.concat([reading.images for reading in readings.values()])
    listed = listed.with_columns(file=pl.concat_str("image_id", pl.lit(".jpg")))
    of_image = _split_of_each(readings, files)
    splits = Splits(source.seed, source.limit, given=of_image)
    photographs = Photographs(Path(source.root), splits.choose, workers, below=(source.images,))
    usable = photographs.usable(listed)
    key = "scene_graphs.train"
    check_images(photographs, usable.height, listed=files[key], key=key, max_faulty=source.max_faulty)
    aside = [aside_of(fault, each.faults.file) for each in readings.values() for fault in each.faults]
    objects, relations = (_of_all(readings, name, usable) for name in ("objects", "relations"))
    captions = of_set(CompressedTable([table("captions", [])]))
    if source.captions == STATEMENTS:
        captions = statement_captions(
            objects, relations, seed=source.seed, most=source.captions_per_image, workers=workers
        )
    elif source.captions is not None:
        regions, faults = read_regions(files["captions"], set(usable["image_id"]), most=source.captions_per_image)
        captions = of_set(regions)
        aside += [aside_of(fault, files["captions"]) for fault in faults]
        _check_captions(captions, usable, files["captions"])
    return SourceTables(
        images=splits.assigned(photographs.with_file_sizes(usable)).with_columns(source=pl.lit(SOURCE)),
        captions=captions,
        objects=objects.map(photographs.scaled),
        relations=relations,
        set_aside=[*aside, *unusable_images(photographs), *splits.aside],
        image_hashes=photographs.hashes,
        perceptual_hashes=photographs.perceptual_hashes,
        inputs=hashes,
        counts={"scaled": len(photographs.resized)},
        named={"captions": (files.get("captions", files[key]), "captions"), "splits": (files[key], "scene_graphs")},
    )


def _split_of_each(readings: dict[Split, LargeReading], files: dict[str, Path]) -> dict[str, str]:
    """The split of each image."""
    found: dict[str, str] = {}
    for split, reading in readings.items():
        for image_id in reading.images["image_id"]:
            if found.setdefault(image_id, split) != split:
                raise InputError(
                    f"an image is in the scene graphs of two splits, {found[image_id]} and {split}",
                    file=files[f"scene_graphs.{split}"],
                    record=f"image {image_id}",
                    remedy="give files of different images in data.source.scene_graphs",
                )
    return found


def _of_all(readings: dict[Split, LargeReading], name: str, images: pl.DataFrame) -> CompressedTable:
    """A table of all splits, of the images that are used. Object ids of GQA are unique over its files."""
    parts = (part for reading in readings.values() for part in reading.tables.pop(name))
    return CompressedTable(of_images(part, images["image_id"]) for part in parts)


def _check_captions(captions: CompressedTable, images: pl.DataFrame, file: Path) -> None:
    if not captions.height and images.height:
        raise InputError(
            "no caption belongs to an image of the scene graphs",
            file=file,
            record="data.source.captions",
            remedy="give region_descriptions.json of Visual Genome, whose image ids GQA shares",
        )
