"""Stage `data`: the embedded world publishes its files, then they are read back as any data set's files are."""

from pathlib import Path
from typing import Any

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, replacing_folder, write_json
from nearmiss.base.manifest import Cost, write_manifest
from nearmiss.base.tables import read_table
from nearmiss.engine.world import oracles
from nearmiss.engine.world.publish import publish
from nearmiss.engine.world.scene import Scene
from nearmiss.engine.world.scenes import SPLITS
from nearmiss.engine.world.separability import separability
from nearmiss.engine.world.spec import WorldConfig
from nearmiss.stages.data.config import DataConfig
from nearmiss.stages.data.tables import read_published


def run(*, config: DataConfig, out: Path, workers: int = 1, identity: Path | None = None) -> None:
    """Make the folder `out`: published/, truth/, tables/, summary.json, manifest.json, cost.json. Whole or not at all.

    The files are the same for any number of `workers`.
    """
    cost = Cost()
    world = config.world
    for split in ("train", *world.benchmark.splits):
        if getattr(world.images, split) == 0:
            raise InputError(
                f"split '{split}' is empty",
                record=f"data.world.images.{split}",
                remedy="give the split images, or take it out of data.world.benchmark.splits",
            )
    splits = [split for split in SPLITS if getattr(world.images, split) > 0]
    asked: list[str] = list(world.benchmark.splits)
    with replacing_folder(out) as folder:
        publish(world, folder, workers)
        (folder / "tables").mkdir()
        read_published(folder / "published", folder / "tables", splits=splits, asked=asked, source="world")
        write_json(folder / "summary.json", summary(folder, world))
        images = read_table(folder / "tables" / "images.parquet", "images")
        cost.counts.update(images=images.height)
        cost.write(folder)
        outputs = ["published", "truth", "tables", "summary.json"]
        write_manifest(folder, stage="data", identity=identity, inputs={}, outputs=outputs)


def summary(folder: Path, world: WorldConfig) -> dict[str, Any]:
    """Counts, how often words alone tell an image from its batch, and what each oracle scores on each subset."""
    images = read_table(folder / "tables" / "images.parquet", "images")
    captions = read_table(folder / "tables" / "captions_narrow.parquet", "captions")
    scenes = _scenes(folder / "truth" / "scenes_train.json")
    told: dict[str, list[tuple[str, str]]] = {}
    for image_id, text, template_id in captions.select("image_id", "text", "template_id").iter_rows():
        if image_id in scenes:
            told.setdefault(image_id, []).append((text, template_id))
    return {
        "images": dict(images.group_by("split").len().sort("split").iter_rows()),
        "captions": captions.height,
        "separability": separability(scenes, told, seed=world.seed),
        "oracles": {
            split: oracles.table(
                read_table(folder / "tables" / f"items_{split}.parquet", "items").to_dicts(),
                _scenes(folder / "truth" / f"scenes_benchmark_{split}.json"),
            )
            for split in world.benchmark.splits
        },
    }


def _scenes(path: Path) -> dict[str, Scene]:
    return {name: Scene.from_record(record) for name, record in read_json(path).items()}
