"""Downstream tasks from their published files: the same tables that a data source writes, made from a data root.

vsr_random, vsr_zeroshot: vsr/{random,zeroshot}/{train,dev,test}.jsonl and vsr/images, as the authors publish them (Liu,
Emerson, Collier, TACL 2023). imagefolder: FOLDER/{train,val,test}/CLASS/IMAGE, the layout of torchvision's ImageFolder.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.tables import table, write_table
from nearmiss.engine.formats.vsr import read_statements
from nearmiss.engine.images.decode import open_image
from nearmiss.stages.finetune.config import PUBLISHED, ImageFolderConfig, TaskConfig

VSR = "vsr"
SPLITS = {"train": "train", "val": "dev", "test": "test"}
"""The folder of each split of an image folder, and its name here."""
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")


def write_tables(tasks: Sequence[TaskConfig], root: Path, out: Path) -> None:
    """Write images.parquet and examples_<task>.parquet of each task into the folder `out`; files lie below `root`.

    Raises InputError, with the file and the record, for a task without published files, a missing file or folder, a
    statement whose image is missing, a class that is only in some splits, and what is no image.
    """
    files: set[str] = set()
    for options in tasks:
        if options.task not in PUBLISHED:
            raise InputError(
                f"task {options.task} has no published files",
                record="--tasks",
                remedy=f"name some of {', '.join(PUBLISHED)}, or give --tables and --root of a data source",
            )
        read = _of_folder(options, root) if isinstance(options, ImageFolderConfig) else _statements(options.task, root)
        files |= set(read["image_id"])
        write_table(read, out / f"examples_{options.task}.parquet", "examples")
    images = [_image(root, file) for file in sorted(files)]
    write_table(table("images", images), out / "images.parquet", "images")


def _statements(task: str, root: Path) -> pl.DataFrame:
    """Table `examples` of a published split of VSR; a statement's image is in vsr/images."""
    there = {file.name: f"{VSR}/images/{file.name}" for file in _existing(root / VSR / "images").iterdir()}
    folder = root / VSR / task.removeprefix("vsr_")
    parts = [
        read_statements(_existing(folder / f"{split}.jsonl"), split=split, images=there)
        for split in ("train", "dev", "test")
    ]
    return pl.concat(parts).with_columns(task=pl.lit(task))


def _of_folder(options: ImageFolderConfig, root: Path) -> pl.DataFrame:
    """Table `examples` of an image folder; classes are sorted by the names of their folders."""
    folder = _existing(root / options.folder)
    classes = {split: _folders(_existing(folder / split)) for split in SPLITS}
    for split, names in classes.items():
        if differing := sorted(set(names) ^ set(classes["train"])):
            raise InputError(
                f"a class is in one of the splits train and {split} only",
                file=folder / split,
                record=differing[0],
                remedy="give every split a folder of each class",
            )
    rows: list[dict[str, Any]] = []
    for split, name in SPLITS.items():
        for label, cls in enumerate(classes[split]):
            found = [file for file in (folder / split / cls).iterdir() if file.suffix.lower() in _SUFFIXES]
            if not found:
                raise InputError(
                    "a class has no images", file=folder / split / cls, remedy=f"put images there ({_SUFFIXES[0]}, ...)"
                )
            rows += [_example(file.relative_to(root).as_posix(), name, label, classes[split]) for file in sorted(found)]
    return table("examples", rows)


def _example(file: str, split: str, label: int, classes: list[str]) -> dict[str, Any]:
    return {
        "example_id": file,
        "task": "imagefolder",
        "split": split,
        "condition": "iid",
        "image_id": file,
        "text": None,
        "label": label,
        "classes": classes,
        "concept": None,
    }


def _image(root: Path, file: str) -> dict[str, Any]:
    """A row of table `images`; an image's id is its file."""
    with open_image(root / file) as opened:
        width, height = opened.size
    return {"image_id": file, "file": file, "width": width, "height": height, "split": "tasks", "source": "published"}


def _folders(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir() if each.is_dir())


def _existing(path: Path) -> Path:
    if not path.exists():
        raise InputError(
            "a published file or folder is missing", file=path, remedy="put it there, or correct --data-root"
        )
    return path
