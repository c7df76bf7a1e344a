"""Writes the world in the formats of real data sets: image files, COCO captions and instances, GQA scene graphs.

`published/` holds what a user of the data set gets, `truth/` the exact scenes. Images are made in blocks, each a
function of the configuration only, so that any number of workers writes the same bytes.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from nearmiss.base.files import write_json, write_text
from nearmiss.base.progress import progress
from nearmiss.base.workers import map_in_order
from nearmiss.engine.world.annotations import annotate
from nearmiss.engine.world.benchmark import make_items
from nearmiss.engine.world.conditions import reservation
from nearmiss.engine.world.drawing import draw
from nearmiss.engine.world.scene import Scene
from nearmiss.engine.world.scenes import SPLITS, caption_id_of, scene_of
from nearmiss.engine.world.spec import WorldConfig
from nearmiss.engine.world.tasks import file_of, make_tasks
from nearmiss.engine.world.vocabulary import used
from nearmiss.engine.world.wording import captions, reserved_templates, words

KINDS = ("broad", "narrow")
BLOCK = 100  # images that one worker makes at a time
QUALITY = 95  # of the JPEG files, without color subsampling
LICENSES = [{"id": 1, "name": "MIT License"}]  # also of the images, which nearmiss draws

Map = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
Record = dict[str, Any]


@dataclass(frozen=True)
class Block:
    """Images `start` to `stop` of a split."""

    split: str
    start: int
    stop: int


@dataclass(frozen=True)
class Written:
    """What one block adds to the files of its split; its image files are on disk."""

    scenes: dict[str, Record]
    captions: dict[str, list[Record]]
    graphs: dict[str, Record]
    instances: list[Record]


def publish(config: WorldConfig, folder: Path, workers: int) -> None:
    """Write `folder/published` and `folder/truth`, which must not exist yet."""
    published, truth = Path(folder) / "published", Path(folder) / "truth"
    (published / "images").mkdir(parents=True)
    truth.mkdir()
    write_text(published / "words.txt", "\n".join(words(config)) + "\n")
    write_json(published / "reserved.json", reservation(config).as_record(reserved_templates()))
    each = partial(_each, workers)
    for split in SPLITS:
        _publish_split(config, split, published, truth, each)
    for split in config.benchmark.splits:
        _publish_benchmark(config, split, published, truth, each)
    _publish_tasks(config, published, truth, each)


def _publish_split(config: WorldConfig, split: str, published: Path, truth: Path, each: Map) -> None:
    size = getattr(config.images, split)
    blocks = [Block(split, start, min(start + BLOCK, size)) for start in range(0, size, BLOCK)]
    make = partial(_make_block, config, published / "images")
    done = list(progress(each(make, blocks), what=f"draw {split}", total=len(blocks)))
    side = config.side
    images = [
        {"id": int(scene_id), "file_name": file_of(scene_id), "width": side, "height": side, "license": 1}
        for block in done
        for scene_id in block.scenes
    ]
    common = {
        "info": {"description": f"the embedded world, split {split}", "version": "1"},
        "licenses": LICENSES,
        "images": images,
    }
    for kind in KINDS:
        annotations = [caption for block in done for caption in block.captions[kind]]
        write_json(published / f"captions_{split}_{kind}.json", {**common, "annotations": annotations})
    shapes = used(config).shapes
    categories = [{"id": number, "name": name} for number, name in enumerate(shapes, start=1)]
    instances = [_with_category(instance, shapes) for block in done for instance in block.instances]
    write_json(published / f"instances_{split}.json", {**common, "categories": categories, "annotations": instances})
    write_json(published / f"scene_graphs_{split}.json", _merged(block.graphs for block in done))
    write_json(truth / f"scenes_{split}.json", _merged(block.scenes for block in done))


def _make_block(config: WorldConfig, images: Path, block: Block) -> Written:
    scenes = [scene_of(config, block.split, index) for index in range(block.start, block.stop)]
    for scene in scenes:
        save(scene, images)
    annotated = {scene.scene_id: annotate(scene, config) for scene in scenes}
    return Written(
        scenes={scene.scene_id: scene.as_record() for scene in scenes},
        captions={kind: [row for scene in scenes for row in _captions(scene, kind, config)] for kind in KINDS},
        graphs={scene_id: found.graph for scene_id, found in annotated.items()},
        instances=[instance for found in annotated.values() for instance in found.instances],
    )


def _captions(scene: Scene, kind: Any, config: WorldConfig) -> list[Record]:
    return [
        {
            "id": int(caption_id_of(scene.scene_id, kind, number)),
            "image_id": int(scene.scene_id),
            "caption": text,
            "template_id": template_id,
        }
        for number, (text, template_id) in enumerate(captions(scene, kind, config))
    ]


def _publish_benchmark(config: WorldConfig, split: Any, published: Path, truth: Path, each: Map) -> None:
    made = make_items(config, split)
    info = {"description": f"the embedded world's questions, split {split}", "version": "1"}
    images = _draw_named(made.scenes, published, each, what=f"draw benchmark {split}")
    write_json(published / f"benchmark_{split}.json", {"info": info, "images": images, "items": made.items})
    write_json(published / f"retrieval_{split}.json", {"info": info, "captions": made.retrieval})
    write_json(published / f"classification_{split}.json", {"info": info, "questions": made.classification})
    write_json(truth / f"scenes_benchmark_{split}.json", _records(made.scenes))


def _publish_tasks(config: WorldConfig, published: Path, truth: Path, each: Map) -> None:
    """VSR's files, Food-101's, and COCO's list of the images of both."""
    made, folder = make_tasks(config), published / "tasks"
    info = {"description": "the embedded world's downstream tasks", "version": "1"}
    images = _draw_named(made.scenes, published, each, what="draw tasks")
    write_json(folder / "images.json", {"info": info, "licenses": LICENSES, "images": images})
    for name, rows in made.vsr.items():
        write_text(folder / "vsr" / f"{name}.jsonl", "".join(json.dumps(row, sort_keys=True) + "\n" for row in rows))
    write_text(folder / "shapes" / "classes.txt", "\n".join(used(config).shapes) + "\n")
    for name, classes in made.shapes.items():
        write_json(folder / "shapes" / f"{name}.json", classes)
    write_json(truth / "scenes_tasks.json", _records(made.scenes))


def _draw_named(scenes: dict[str, Scene], published: Path, each: Map, *, what: str) -> list[Record]:
    """Draw named images, and list them as COCO does, sorted by name."""
    named = sorted(scenes.items())
    blocks = [named[start : start + BLOCK] for start in range(0, len(named), BLOCK)]
    list(progress(each(partial(_save_block, published / "images"), blocks), what=what, total=len(blocks)))
    return [{"id": name, "file_name": file_of(name), "width": s.side, "height": s.side} for name, s in named]


def _records(scenes: dict[str, Scene]) -> dict[str, Record]:
    return {name: scene.as_record() for name, scene in sorted(scenes.items())}


def _save_block(images: Path, block: list[tuple[str, Scene]]) -> None:
    for name, scene in block:
        save(scene, images, name)


def save(scene: Scene, images: Path, name: str | None = None) -> None:
    """Draw a scene into the folder of image files."""
    draw(scene).save(images / file_of(name or scene.scene_id), quality=QUALITY, subsampling=0)


def _with_category(instance: Record, shapes: tuple[str, ...]) -> Record:
    rest = {key: value for key, value in instance.items() if key != "category"}
    return {**rest, "category_id": shapes.index(instance["category"]) + 1}


def _merged(parts: Iterable[dict[str, Record]]) -> dict[str, Record]:
    return {key: value for part in parts for key, value in part.items()}


def _each(workers: int, make: Callable[[Any], Any], blocks: Iterable[Any]) -> Iterable[Any]:
    return map_in_order(_made, make, blocks, workers, preload=[__name__])


def _made(make: Callable[[Any], Any], block: Any) -> Any:
    return make(block)
