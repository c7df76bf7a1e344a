"""Files in COCO's format as tables: one file of captions, or several with their instances."""

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.manifest import verify_inputs
from nearmiss.base.tables import table
from nearmiss.engine.formats.coco import read_captions
from nearmiss.engine.formats.coco_folder import CocoFolder, read_coco_folder
from nearmiss.engine.formats.karpathy import read_splits
from nearmiss.engine.formats.photographs import NO_IMAGE, Choose
from nearmiss.engine.formats.set_aside import Reading
from nearmiss.stages.data.sources.photographs import names_of
from nearmiss.stages.data.sources.splits import Splits
from nearmiss.stages.data.sources.tables import SourceTables, of_set, refuse_damaged

if TYPE_CHECKING:
    from nearmiss.stages.data.sources.coco import CocoSource

SOURCE = "coco"


def read(source: "CocoSource", workers: int) -> SourceTables:
    """The tables of all files. Raises `InputError` where files do not belong together."""
    files = source.files()
    hashes = verify_inputs(files)
    captions = {key: path for key, path in files.items() if key.startswith("captions")}
    instances: list[Path | None] = [path for key, path in files.items() if key.startswith("instances")]
    instances = instances or [None] * len(captions)
    given = None if source.karpathy is None else read_splits(files["karpathy"])
    reason = "the image is in no split of Karpathy's file"
    splits = Splits(source.seed, source.limit, shares=source.splits, given=given, reason=reason)
    readings: list[Reading] = [read_captions(path) for path in captions.values()]
    choose = splits.choose if len(readings) == 1 else _chosen(readings, splits, captions)
    parts = []
    for (key, path), reading, of_objects in zip(captions.items(), readings, instances, strict=True):
        part = read_coco_folder(
            Path(source.root),
            below=names_of(source.images),
            captions=path,
            instances=of_objects,
            reading=reading,
            choose=choose,
            workers=workers,
        )
        _check_part(part, Path(source.root) / names_of(source.images)[0], path, of_objects, key)
        parts.append(part)
    damaged = [path for part in parts for path in part.unusable.get(NO_IMAGE, [])]
    images = pl.concat([part.images for part in parts])
    refuse_damaged(len(damaged), images.height + len(damaged), str(damaged[0]) if damaged else "", source.max_faulty)
    first = next(iter(captions.values()))
    return SourceTables(
        images=splits.assigned(images).with_columns(source=pl.lit(SOURCE)),
        captions=of_set(_concatenated([part.captions for part in parts], [*captions.values()], "caption_id")),
        objects=_concatenated([part.objects for part in parts], instances, "object_id"),
        origins=table(
            "origins",
            [{"image_id": image_id, **vars(each)} for part in parts for image_id, each in part.origins.items()],
        ),
        set_aside=[*(each for part in parts for each in part.set_aside), *splits.aside],
        image_hashes={name: digest for part in parts for name, digest in part.hashes.items()},
        perceptual_hashes={name: value for part in parts for name, value in part.perceptual_hashes.items()},
        inputs=hashes,
        counts={
            "scaled": sum(part.scaled for part in parts),
            "unlisted_captions": sum(part.unlisted for part in parts),
        },
        named={"captions": (first, "captions"), "splits": (first, "karpathy" if source.karpathy else "splits")},
    )


def _chosen(readings: list[Reading], splits: Splits, files: dict[str, Path]) -> Choose:
    """The images of several files that are used: a limit counts over all of them."""
    listed = pl.concat([reading.tables["images"] for reading in readings])
    for (key, path), reading in zip(files.items(), readings, strict=True):
        if reading.tables["images"].is_empty():
            raise InputError(
                "the file lists no images",
                file=path,
                record=f"data.source.{key}",
                remedy="give files of captions with lists of images: where there are several, each needs its own",
            )
    twice = listed.filter(pl.col("image_id").is_duplicated())
    if not twice.is_empty():
        raise InputError(
            f"{twice['image_id'].n_unique():,} images are listed by two files of captions",
            file=list(files.values())[1],
            record=f"image {min(twice['image_id'])}",
            remedy="give files of different images in data.source.captions",
        )
    wanted = frozenset(splits.choose(listed))
    return lambda images: [image_id for image_id in images["image_id"] if image_id in wanted]


def _check_part(part: CocoFolder, images: Path, captions: Path, instances: Path | None, key: str) -> None:
    """Refuse a file of captions none of whose images can be used, and instances of other images than the captions."""
    if part.unusable or part.faults:
        part.check_usable(images, instances or captions)
    if part.captions.is_empty() and part.unlisted and part.images.height:
        raise InputError(
            "no caption belongs to an image of the instances",
            file=captions,
            record=f"data.source.{key}",
            remedy="give captions and instances of the same split",
        )


def _concatenated(frames: list[pl.DataFrame], files: list[Path | None], key: str) -> pl.DataFrame:
    """The rows of all parts. Where an id is in two parts, ids are qualified by the name of the file: "FILE/ID"."""
    whole = pl.concat(frames, how="diagonal")
    if len(frames) == 1 or not whole[key].is_duplicated().any():
        return whole
    return pl.concat(
        [
            frame.with_columns(pl.concat_str(pl.lit(f"{Path(str(file)).stem}/"), key).alias(key))
            for frame, file in zip(frames, files, strict=True)
        ],
        how="diagonal",
    )
