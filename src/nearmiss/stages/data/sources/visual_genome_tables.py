"""Files of Visual Genome as tables."""

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.manifest import verify_inputs
from nearmiss.base.table_parts import CompressedTable
from nearmiss.base.tables import table
from nearmiss.engine.formats.photographs import Photographs, aside_of
from nearmiss.engine.formats.visual_genome import (
    read_image_data,
    read_regions,
    read_scene_graphs,
    read_separate_graphs,
)
from nearmiss.stages.data.sources.photographs import STATEMENTS, names_of
from nearmiss.stages.data.sources.splits import Splits
from nearmiss.stages.data.sources.statement_captions import statement_captions
from nearmiss.stages.data.sources.tables import SourceTables, check_images, of_set, unusable_images

if TYPE_CHECKING:
    from nearmiss.stages.data.sources.visual_genome import VisualGenomeSource

SOURCE = "visual_genome"


def read(source: "VisualGenomeSource", workers: int) -> SourceTables:
    """The tables; raises `InputError` where the files are of other images than image_data.json."""
    files = source.files()
    hashes = verify_inputs(files)
    listing = read_image_data(files["image_data"])
    splits = Splits(source.seed, source.limit, shares=source.splits)
    folders = names_of(source.images)
    photographs = Photographs(Path(source.root), splits.choose, workers, below=folders)
    usable = photographs.usable(listing.tables["images"])
    check_images(photographs, usable.height, listed=files["image_data"], key="image_data", max_faulty=source.max_faulty)
    wanted = frozenset(usable["image_id"])
    aside = [aside_of(fault, files["image_data"]) for fault in listing.faults]
    captions, objects, relations = (CompressedTable([table(name, [])]) for name in ("captions", "objects", "relations"))
    captions = of_set(captions)
    if source.captions == "regions":
        regions, faults = read_regions(files["regions"], wanted, most=source.captions_per_image)
        captions = of_set(regions)
        aside += [aside_of(fault, files["regions"]) for fault in faults]
        _check_any(captions, usable, files["regions"], "regions")
    annotations = "scene_graphs" if source.scene_graphs is not None else "objects"
    if annotations in files:
        graphs = (
            read_scene_graphs(files[annotations], usable, wanted)
            if source.scene_graphs is not None
            else read_separate_graphs(
                files["objects"], files.get("attributes"), files.get("relationships"), usable, wanted
            )
        )
        objects, relations = graphs.tables["objects"].map(photographs.scaled), graphs.tables["relations"]
        aside += [aside_of(fault, files[annotations]) for fault in graphs.faults]
        _check_any(objects, usable, files[annotations], annotations)
    if source.captions == STATEMENTS:
        captions = statement_captions(
            objects, relations, seed=source.seed, most=source.captions_per_image, workers=workers
        )
    return SourceTables(
        images=splits.assigned(photographs.with_file_sizes(usable)).with_columns(source=pl.lit(SOURCE)),
        captions=captions,
        objects=objects,
        relations=relations,
        set_aside=[*aside, *unusable_images(photographs)],
        image_hashes=photographs.hashes,
        perceptual_hashes=photographs.perceptual_hashes,
        other_numbers={
            image_id: f"coco:{number}"
            for image_id, number in listing.tables["coco_ids"].iter_rows()
            if image_id in wanted
        },
        inputs=hashes,
        counts={"scaled": len(photographs.resized)},
        named={
            "captions": (files.get("regions", files["image_data"]), "regions"),
            "splits": (files["image_data"], "splits"),
        },
    )


def _check_any(rows: CompressedTable, images: pl.DataFrame, file: Path, key: str) -> None:
    if not rows.height and images.height:
        raise InputError(
            "the file has no usable record of an image that is used",
            file=file,
            record=f"data.source.{key}",
            remedy="give files of one version of Visual Genome",
        )
