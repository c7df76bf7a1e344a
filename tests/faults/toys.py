"""Small inputs of every command, a folder for each group of commands; what nearmiss would have made is on record."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import image_benchmark_files
import numpy as np
import planted
import published_files
import small_world
import toy_experiment
import toy_noise
import toy_pictures
import toy_runs
import toy_sets
import toy_tasks
import toy_training
import yaml
from PIL import Image
from running import nearmiss

from nearmiss.base.outputs import OutputFolder
from nearmiss.engine.curation.opening import open_set
from nearmiss.engine.curation.store import Decision, Store
from nearmiss.engine.formats.segmentation import encode_mask

CAPTIONS = [(1, "A red dog on a large table."), (2, "Two cats under a blue bench."), (3, "A man holds a small cup.")]
EXPERIMENT = {
    "experiment": "toy",
    "arms": {name: {"objective": [{"term": "contrastive"}], "num_negatives": 0} for name in ("base", "clip")},
    "pretrain": {**toy_training.CONFIG.model_dump(mode="json"), "base": {"captions": "broad", "steps": 3}},
    "evaluate": {"resamples": 100, "benchmarks": ["world", "retrieval"]},
    "finetune": {
        "tasks": [{"task": "shapes", "strengths": [1.0]}],
        "shares": [1.0],
        "resamples": 100,
        "batch_size": 16,
    },
    "robustness": {
        "items": 1,
        "severities": [1],
        "resamples": 100,
        "corruptions": [{"corruption": "contrast"}, {"corruption": "jpeg_compression"}],
    },
    "compare": {"resamples": 100, "controls": ["clip"]},
    "inpaint": {"operations": [{"operation": "rescale", "pairs": 2}]},
    "data": {
        "source": {
            "name": "world",
            "images": {"train": 6, "val": 2, "test": 4, "final": 0},
            "benchmark": {"splits": ["test"], "iid": 2, "other": 2},
            "tasks": {
                "vsr": {"train": 40, "dev": 8, "test": 12, "held_out": 4},
                "shapes": {"train": 40, "dev": 12, "test": 12, "held_out": 6},
            },
        }
    },
}


def record(folder: Path) -> Path:
    """Put the files of a folder on record, as if a command had made them."""
    away = folder.with_name(f"{folder.name}-away")
    folder.rename(away)
    with OutputFolder(folder) as partial:
        shutil.copytree(away, partial, dirs_exist_ok=True)
    shutil.rmtree(away)
    return folder


def config(folder: Path) -> None:
    """toy.yaml, an experiment of the smallest size."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "toy.yaml").write_text(yaml.safe_dump(EXPERIMENT), encoding="utf-8")


def pairs(folder: Path) -> None:
    """A few pairs in the least columns that an audit reads."""
    frame = planted.drawn(24, planted.replaced)
    (folder / "pairs").mkdir()
    frame.write_parquet(folder / "pairs" / "negatives.parquet")
    record(folder / "pairs")


def text(folder: Path) -> None:
    """Captions and scene graphs as published, the world's tables, its truth, and negatives of two methods."""
    published_files.write(folder / "captions.json", published_files.coco(CAPTIONS))
    small_world.write(folder / "world", 24)
    shutil.move(folder / "world" / "truth", folder / "truth")
    record(folder / "world")
    record(folder / "truth")
    for method in ("keyword", "scene_graph"):
        given = ("--method", method, "--tables", folder / "world")
        answer = nearmiss("negatives", "make", *given, "--out", folder / method)
        assert answer.status == 0, answer.output


def training(folder: Path) -> None:
    """What a pretraining reads."""
    toy_training.write(folder)
    for name in ("tables", "negatives", "pairs"):
        record(folder / name)


def experiment(folder: Path) -> None:
    """What an evaluation and a robustness evaluation read."""
    toy_noise.write(folder)
    for name in ("published", "tables", "negatives"):
        record(folder / name)
    (folder / "trained").mkdir()
    (folder / "checkpoint").rename(folder / "trained" / "checkpoint")
    record(folder / "trained")
    given = ["--config", folder / "toy.yaml", "--cache", folder / "contents"]
    given += ["--move", f"tables={folder / 'tables'}", "--move", f"source={folder / 'published'}"]
    answer = nearmiss("corrupt", *given, "--out", folder / "corrupted")
    assert answer.status == 0, answer.output
    shutil.rmtree(folder / "contents", ignore_errors=True)  # hashes of files this new may not be kept


def tasks(folder: Path) -> None:
    """What a fine-tuning reads."""
    toy_tasks.write(folder)
    record(folder / "tables")


def runs(folder: Path) -> None:
    """Finished runs of an experiment."""
    toy_runs.write(folder, questions=4, arms=("base", "clip", "hnc"))
    for name in ("data", "negatives/toy", *(f"{stage}/{arm}/0" for stage in ("pretrain", "evaluate") for arm in ARMS)):
        record(folder / name)


ARMS = ("base", "clip", "hnc")


def curation(folder: Path) -> None:
    """A set of pairs and the decisions of two annotators."""
    file = toy_sets.write_pairs(folder / "set" / "pairs.parquet")
    with Store(folder / "decisions.db", open_set(file).digest) as store:
        for number in range(5):
            for annotator in ("anna", "ben"):
                refused = number == 4 and annotator == "ben"
                reason = "seam" if refused else None
                kind = "refuse" if refused else "accept"
                store.add(Decision(annotator, str(number), kind, reason), f"{annotator}-{number}")


def photographs(folder: Path) -> None:
    """Photographs in COCO's format, and tables of similar images."""
    tables = toy_pictures.write_toys(folder / "pictures", 6)
    assert tables.folder.is_dir()
    (folder / "photographs").mkdir()
    images, annotations, texts = [], [], []
    for number in range(6):
        name, things = f"{number:012d}.png", toy_pictures.scene(number)
        Image.fromarray(toy_pictures.draw(things, name)).save(folder / "photographs" / name)
        images.append({"id": number, "file_name": name, "width": toy_pictures.SIDE, "height": toy_pictures.SIDE})
        for place, thing in enumerate(things):
            annotations.append(_instance(10 * number + place, number, thing))
        for place, text in enumerate(toy_pictures.captions(things)):
            texts.append({"id": 10 * number + place, "image_id": number, "caption": text})
    categories = [{"id": number, "name": name} for number, name in enumerate(toy_pictures.NAMES)]
    document = {"images": images, "categories": categories, "annotations": annotations}
    (folder / "instances.json").write_text(json.dumps(document))
    (folder / "captions.json").write_text(json.dumps({"images": images, "annotations": texts}))


def _instance(number: int, image: int, thing: toy_pictures.Toy) -> dict:
    mask = thing.mask()
    y, x = np.nonzero(mask)
    box = [int(x.min()), int(y.min()), int(x.max() - x.min() + 1), int(y.max() - y.min() + 1)]
    counts = {"size": [toy_pictures.SIDE] * 2, "counts": encode_mask(mask)}
    category = toy_pictures.NAMES.index(thing.name)
    return {"id": number, "image_id": image, "category_id": category, "bbox": box, "iscrowd": 0, "segmentation": counts}


def benchmark(folder: Path) -> None:
    """A data root with one published benchmark, an open_clip folder, and two evaluations of it."""
    image_benchmark_files.squares(folder / "root")
    toy_experiment.write_checkpoint(folder / "model")
    for name in ("one", "other"):
        given = ("--model", f"local-dir:{folder / 'model'}", "--benchmarks", "winoground", "--data-root")
        answer = nearmiss("evaluate", *given, folder / "root", "--cache", folder / "cache", "--out", folder / name)
        assert answer.status == 0, answer.output
    shutil.rmtree(folder / "cache")


GROUPS: dict[str, Callable[[Path], None]] = {
    "none": lambda folder: None,
    "pairs": pairs,
    "text": text,
    "training": training,
    "experiment": experiment,
    "tasks": tasks,
    "runs": runs,
    "curation": curation,
    "photographs": photographs,
    "benchmark": benchmark,
}


def make(group: str, folder: Path) -> Path:
    """The inputs of a group of commands in a new folder."""
    config(folder)
    GROUPS[group](folder)
    return folder
