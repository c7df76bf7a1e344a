"""What is worth knowing of a world that was made: its size, and how well it isolates what it asks for."""

from pathlib import Path
from typing import Any

from nearmiss.base.files import read_json
from nearmiss.base.tables import read_table
from nearmiss.engine.world import oracles
from nearmiss.engine.world.scene import Scene
from nearmiss.engine.world.separability import separability
from nearmiss.engine.world.spec import WorldConfig
from nearmiss.engine.world.undecided import undecided


def summary(folder: Path, world: WorldConfig) -> dict[str, Any]:
    """Of the folder that stage data makes:

    `images` by split; `captions`, `objects`, `relations`, `items` by count; `undecided` (share of statements that
    pixels cannot decide); `separability` (how often words alone tell an image from its batch); `oracles` (what each
    scores on each subset of a benchmark, by split).
    """
    tables = folder / "tables"
    images = read_table(tables / "images.parquet", "images")
    captions = read_table(tables / "captions_narrow.parquet", "captions")
    scenes = _scenes(folder / "truth" / "scenes_train.json")
    told: dict[str, list[tuple[str, str]]] = {}
    for image_id, text, template_id in captions.select("image_id", "text", "template_id").iter_rows():
        if image_id in scenes:
            told.setdefault(image_id, []).append((text, template_id))
    items = {
        split: read_table(tables / f"items_{split}.parquet", "items").to_dicts() for split in world.benchmark.splits
    }
    return {
        "images": dict(images.group_by("split").len().sort("split").iter_rows()),
        "captions": captions.height,
        "objects": read_table(tables / "objects.parquet", "objects").height,
        "relations": read_table(tables / "relations.parquet", "relations").height,
        "items": {split: len(rows) for split, rows in items.items()},
        "undecided": undecided(scenes, told, world),
        "separability": separability(scenes, told, seed=world.seed),
        "oracles": {
            split: oracles.table(rows, _scenes(folder / "truth" / f"scenes_benchmark_{split}.json"))
            for split, rows in items.items()
        },
    }


def _scenes(path: Path) -> dict[str, Scene]:
    return {name: Scene.from_record(record) for name, record in read_json(path).items()}
