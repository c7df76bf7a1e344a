"""Stage `data`: the embedded world publishes its files, then they are read back as any data set's files are."""

from pathlib import Path

from nearmiss.base.errors import InputError
from nearmiss.base.files import write_json
from nearmiss.base.manifest import Cost, write_manifest
from nearmiss.base.outputs import OutputFolder
from nearmiss.base.tables import read_table
from nearmiss.engine.world.publish import publish
from nearmiss.engine.world.scenes import SPLITS
from nearmiss.stages.data.config import DataConfig
from nearmiss.stages.data.summary import summary
from nearmiss.stages.data.tables import read_published


def run(*, config: DataConfig, out: Path, workers: int = 1, fingerprint: Path | None = None) -> None:
    """Make the folder `out`: published/, truth/, tables/, summary.json, manifest.json, cost.json. Whole or not at all.

    The files are the same for any number of `workers`.
    """
    cost = Cost()
    target = OutputFolder(out)
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
    with target as folder:
        publish(world, folder, workers)
        (folder / "tables").mkdir()
        read_published(folder / "published", folder / "tables", splits=splits, asked=asked, source="world")
        write_json(folder / "summary.json", summary(folder, world))
        images = read_table(folder / "tables" / "images.parquet", "images")
        cost.counts.update(images=images.height)
        cost.write(folder)
        outputs = ["published", "truth", "tables", "summary.json"]
        write_manifest(folder, stage="data", fingerprint=fingerprint, inputs={}, outputs=outputs)
