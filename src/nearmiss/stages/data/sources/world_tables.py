"""The published files of the synthetic world as tables, and what is worth knowing of a world that was made."""

from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.caption_sets import read_caption_set
from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.base.tables import read_table, write_table
from nearmiss.engine.formats.coco import read_captions, read_images, read_whole_instances
from nearmiss.engine.formats.gqa import read_scene_graphs
from nearmiss.engine.formats.labels_list import read_classes, read_labels
from nearmiss.engine.formats.questions import read_questions
from nearmiss.engine.formats.vsr import read_statements
from nearmiss.engine.images.decode import check_images
from nearmiss.engine.world import oracles
from nearmiss.engine.world.scene import Scene
from nearmiss.engine.world.separability import separability
from nearmiss.engine.world.spec import WorldConfig
from nearmiss.engine.world.undecided import undecided

KINDS = ("broad", "narrow")
SOURCE = "world"
TASKS = "tasks"
PARTS = ("train", "dev", "test")
QUESTIONS = {"items": "benchmark", "retrieval": "retrieval", "classification": "classification"}


def read_published(published: Path, tables: Path, *, splits: list[str], benchmark_splits: list[str]) -> None:
    """Read the files of `splits` and the items of `benchmark_splits` into the folder `tables`.

    Everything is checked before anything is written: records, ids across files, and the images themselves.
    """
    images = [read_images(published / f"captions_{split}_narrow.json", split=split, source=SOURCE) for split in splits]
    for split in benchmark_splits:
        file = published / f"benchmark_{split}.json"
        images.append(read_images(file, split=f"benchmark_{split}", source=SOURCE))
    of_tasks = read_images(published / TASKS / "images.json", split=TASKS, source=SOURCE)
    all_images = pl.concat([*images, of_tasks])
    check_images(all_images, published)
    captions = pl.concat(
        _captions(published / f"captions_{split}_{kind}.json", kind) for kind in KINDS for split in splits
    )
    graphs = [read_scene_graphs(published / f"scene_graphs_{split}.json", strict=True).tables for split in splits]
    masks = pl.concat([read_whole_instances(published / f"instances_{split}.json") for split in splits])
    objects = pl.concat([graph["objects"] for graph in graphs]).drop("mask", "position")
    objects = objects.join(masks.select("object_id", "mask"), on="object_id", how="left", maintain_order="left")
    relations = pl.concat([graph["relations"] for graph in graphs]).drop("position")
    questions = {
        f"{name}_{split}": (name, read_questions(published / f"{file}_{split}.json", name))
        for name, file in QUESTIONS.items()
        for split in benchmark_splits
    }
    examples = {"vsr": _statements(published / TASKS / "vsr", of_tasks)}
    examples["shapes"] = _shapes(published / TASKS / "shapes", of_tasks)
    _refuse_strangers("objects", objects["image_id"], all_images, published)
    _refuse_strangers("captions", captions["image_id"], all_images, published)
    for key, (name, frame) in questions.items():
        shown = frame["images"].explode() if name == "items" else frame["image_id"]
        _refuse_strangers(key, shown, all_images, published)

    write_table(all_images, tables / "images.parquet", "images")
    write_table(captions, tables / "captions.parquet", "captions")
    write_table(objects, tables / "objects.parquet", "objects")
    write_table(relations, tables / "relations.parquet", "relations")
    for key, (name, frame) in questions.items():
        write_table(frame, tables / f"{key}.parquet", name)
    for task, frame in examples.items():
        write_table(frame, tables / f"examples_{task}.parquet", "examples")


def _captions(file: Path, kind: str) -> pl.DataFrame:
    return read_captions(file, strict=True).tables["captions"].with_columns(set=pl.lit(kind))


def _statements(folder: Path, images: pl.DataFrame) -> pl.DataFrame:
    """Task vsr: the files of VSR's random split, and the test of its zero-shot split where there is one.

    The world's two splits have one training; where a data set's own have not, its zero-shot test is another task.
    """
    known = {Path(file).name: image_id for image_id, file in images.select("image_id", "file").iter_rows()}
    parts = [read_statements(folder / "random" / f"{part}.jsonl", split=part, images=known) for part in PARTS]
    held_out = folder / "zeroshot"
    if held_out.is_dir():
        if (held_out / "train.jsonl").read_bytes() != (folder / "random" / "train.jsonl").read_bytes():
            raise InputError(
                "the random and the zero-shot split have not the same training",
                file=held_out / "train.jsonl",
                remedy="publish them as two tasks",
            )
        parts.append(read_statements(held_out / "test.jsonl", split="test", images=known))
    return pl.concat(parts)


def _shapes(folder: Path, images: pl.DataFrame) -> pl.DataFrame:
    """Task shapes, with the images of held-out pairs where there are some."""
    known = {Path(file).stem: image_id for image_id, file in images.select("image_id", "file").iter_rows()}
    files = {**{part: (part, "iid") for part in PARTS}, "new_pair": ("test", "new_pair")}
    classes = read_classes(folder / "classes.txt")
    return pl.concat(
        read_labels(
            folder / f"{name}.json",
            classes,
            task="shapes",
            concept="object",
            split=split,
            condition=condition,
            images=known,
        )
        for name, (split, condition) in files.items()
        if name != "new_pair" or (folder / "new_pair.json").is_file()
    )


def _refuse_strangers(name: str, image_ids: pl.Series, images: pl.DataFrame, published: Path) -> None:
    strangers = set(image_ids.to_list()) - set(images["image_id"].to_list())
    if strangers:
        raise InputError(
            f"'{name}' refers to an image that is in no image list",
            file=published,
            record=min(strangers),
            remedy="restore the published files from one source",
        )


def summary(folder: Path, world: WorldConfig) -> dict[str, Any]:
    """Of the folder that the source fills:

    `images` by split; `captions`, `objects`, `relations`, `items` by count; `undecided` (share of statements that
    pixels cannot decide); `separability` (how often words distinguish an image from its batch); `oracles` (what each
    scores on each subset of a benchmark, by split).
    """
    tables = folder / "tables"
    images = read_table(tables / "images.parquet", "images")
    captions = read_caption_set(tables / "captions.parquet", "narrow")
    scenes = _scenes(folder / "truth" / "scenes_train.json")
    texts: dict[str, list[tuple[str, str]]] = {}
    for image_id, text, template_id in captions.select("image_id", "text", "template_id").iter_rows():
        if image_id in scenes:
            texts.setdefault(image_id, []).append((text, template_id))
    items = {
        split: read_table(tables / f"items_{split}.parquet", "items").to_dicts() for split in world.benchmark.splits
    }
    return {
        "images": dict(images.group_by("split").len().sort("split").iter_rows()),
        "captions": captions.height,
        "objects": read_table(tables / "objects.parquet", "objects").height,
        "relations": read_table(tables / "relations.parquet", "relations").height,
        "items": {split: len(rows) for split, rows in items.items()},
        "undecided": undecided(scenes, texts, world),
        "separability": separability(scenes, texts, seed=world.seed),
        "oracles": {
            split: oracles.table(rows, _scenes(folder / "truth" / f"scenes_benchmark_{split}.json"))
            for split, rows in items.items()
        },
    }


def _scenes(path: Path) -> dict[str, Scene]:
    return {name: Scene.from_record(record) for name, record in read_json(path).items()}
