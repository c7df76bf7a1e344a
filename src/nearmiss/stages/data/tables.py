"""From published files to tables: what every later stage reads, whoever published the files."""

from pathlib import Path

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.tables import write_table
from nearmiss.engine.formats.coco import read_captions, read_images, read_instances
from nearmiss.engine.formats.gqa import read_scene_graphs
from nearmiss.engine.formats.questions import read_questions
from nearmiss.engine.images.decode import check_images

KINDS = ("broad", "narrow")
QUESTIONS = {"items": "benchmark", "retrieval": "retrieval", "classification": "classification"}


def read_published(published: Path, tables: Path, *, splits: list[str], asked: list[str], source: str) -> None:
    """Read the files of `splits` and the questions of the splits `asked` into the folder `tables`.

    Everything is checked before anything is written: records, ids across files, and the images themselves.
    """
    images = [read_images(published / f"captions_{split}_narrow.json", split=split, source=source) for split in splits]
    for split in asked:
        file = published / f"benchmark_{split}.json"
        images.append(read_images(file, split=f"benchmark_{split}", source=source))
    all_images = pl.concat(images)
    check_images(all_images, published)
    captions = {
        kind: pl.concat([read_captions(published / f"captions_{split}_{kind}.json") for split in splits])
        for kind in KINDS
    }
    graphs = [read_scene_graphs(published / f"scene_graphs_{split}.json") for split in splits]
    masks = pl.concat([read_instances(published / f"instances_{split}.json") for split in splits])
    objects = pl.concat([objects for objects, _ in graphs]).drop("mask")
    objects = objects.join(masks.select("object_id", "mask"), on="object_id", how="left", maintain_order="left")
    relations = pl.concat([relations for _, relations in graphs])
    questions = {
        f"{name}_{split}": (name, read_questions(published / f"{file}_{split}.json", name))
        for name, file in QUESTIONS.items()
        for split in asked
    }
    _refuse_strangers("objects", objects["image_id"], all_images, published)
    for kind, frame in captions.items():
        _refuse_strangers(f"captions_{kind}", frame["image_id"], all_images, published)
    for key, (name, frame) in questions.items():
        shown = frame["images"].explode() if name == "items" else frame["image_id"]
        _refuse_strangers(key, shown, all_images, published)

    write_table(all_images, tables / "images.parquet", "images")
    for kind, frame in captions.items():
        write_table(frame, tables / f"captions_{kind}.parquet", "captions")
    write_table(objects, tables / "objects.parquet", "objects")
    write_table(relations, tables / "relations.parquet", "relations")
    for key, (name, frame) in questions.items():
        write_table(frame, tables / f"{key}.parquet", name)


def _refuse_strangers(name: str, image_ids: pl.Series, images: pl.DataFrame, published: Path) -> None:
    strangers = set(image_ids.to_list()) - set(images["image_id"].to_list())
    if strangers:
        raise InputError(
            f"'{name}' speaks of an image that no image list has",
            file=published,
            record=min(strangers),
            remedy="restore the published files from one source",
        )
