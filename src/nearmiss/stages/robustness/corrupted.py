"""The images of the fine-grained items, corrupted once for all models.

Each corruption and severity is one file of pixels at the size as drawn, (images, H, W, 3) uint8, in the order of
image_ids.json; clean.npy is what they were made from. items.parquet holds the items that are asked, noise.json what
noise was made.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.files import write_json
from nearmiss.base.manifest import Cost, image_folder, verify_inputs, write_manifest
from nearmiss.base.outputs import OutputFolder
from nearmiss.base.progress import progress
from nearmiss.base.seeding import array_rng
from nearmiss.base.tables import read_table, write_table
from nearmiss.base.workers import map_in_order
from nearmiss.engine.benchmarks import world
from nearmiss.engine.images.corruptions.registry import CORRUPTIONS
from nearmiss.engine.images.decode import open_rgb
from nearmiss.engine.images.pixels import write_pixels
from nearmiss.stages.robustness.config import RobustnessConfig

IDS, ITEMS, NOISE, CLEAN = "image_ids.json", "items.parquet", "noise.json", "clean.npy"


@dataclass(frozen=True)
class Cell:
    """One corruption at one severity."""

    corruption: str
    severity: int

    @property
    def file(self) -> str:
        """The file of its pixels."""
        return f"{self.corruption}-{self.severity}.npy"


def cells(config: RobustnessConfig) -> list[Cell]:
    """Every corruption of images at every severity."""
    return [Cell(each.corruption, severity) for each in config.corruptions for severity in sorted(config.severities)]


def noise(config: RobustnessConfig) -> dict[str, Any]:
    """The part of the configuration that decides the pixels, as noise.json holds it."""
    made = config.model_dump(mode="json", include={"seed", "split", "items", "severities", "corruptions"})
    return {**made, "severities": sorted(made["severities"])}


def run(
    *, config: RobustnessConfig, tables: Path, root: Path, out: Path, workers: int = 1, fingerprint: Path | None = None
) -> None:
    """Corrupt the images of the chosen items and write the folder `out`. The same bytes for any number of workers."""
    cost = Cost()
    target = OutputFolder(out, inputs=[tables], roots=[root])
    inputs = verify_inputs({"items": Path(tables) / f"items_{config.split}.parquet", "images": image_folder(root)})
    items = chosen(world.load(tables, config.split).frame, config.items)
    image_ids = ids_of(items)
    clean = pixels_of(image_ids, Path(tables) / "images.parquet", Path(root), split=config.split)
    with target as folder:
        write_table(items, folder / ITEMS, "items")
        write_json(folder / IDS, image_ids)
        write_json(folder / NOISE, noise(config))
        write_pixels(folder / CLEAN, clean.shape, clean)
        every = cells(config)
        done = map_in_order(_write, (config, folder, image_ids), every, workers, preload=[__name__])
        for _ in progress(done, what="corrupt images", total=len(every)):
            pass
        cost.counts.update(images=len(image_ids) * len(every))
        cost.write(folder)
        outputs = [IDS, ITEMS, NOISE, CLEAN, *(cell.file for cell in every)]
        write_manifest(folder, stage="robustness", fingerprint=fingerprint, inputs=inputs, outputs=outputs)


def chosen(items: pl.DataFrame, most: int) -> pl.DataFrame:
    """2x2 items of condition iid, at most `most` of each concept and operator, evenly spaced in the order of ids."""
    able = items.filter(pl.col("subset") == "2x2", pl.col("condition") == "iid").sort("item_id")
    if able.is_empty():
        raise InputError("the benchmark has no 2x2 items of condition iid", remedy="give the data source more")
    parts = []
    for _, group in able.group_by("concept", "operator", maintain_order=True):
        kept = np.unique(np.linspace(0, group.height - 1, min(most, group.height)).round().astype(int))
        parts.append(group[kept.tolist()])
    return pl.concat(parts).sort("item_id")


def ids_of(items: pl.DataFrame) -> list[str]:
    """Each unique image of the items, sorted."""
    return sorted({image_id for images in items["images"] for image_id in images})


def pixels_of(image_ids: list[str], table: Path, root: Path, *, split: str) -> np.ndarray:
    """The decoded images (N, H, W, 3) uint8, which are the benchmark's of this split.

    Raises InputError where one is unknown, broken, of another split or of another size.
    """
    known = {row[0]: row[1:] for row in read_table(table, "images").select("image_id", "file", "split").iter_rows()}
    decoded: list[np.ndarray] = []
    for image_id in progress(image_ids, what="decode images", total=len(image_ids)):
        if image_id not in known:
            raise InputError(
                "an item asks for an image that is not in the table of images",
                file=table,
                record=image_id,
                remedy="make the data again, so that both tables come from one run",
            )
        file, home = known[image_id]
        if home != f"benchmark_{split}":
            raise InputError(
                f"an item of split '{split}' asks for an image of split '{home}'",
                file=table,
                record=image_id,
                remedy="make the data again: a benchmark has images of its own",
            )
        pixels = np.asarray(open_rgb(root / file))
        if decoded and pixels.shape != decoded[0].shape:
            raise InputError(
                f"images are of different sizes: {pixels.shape[:2]} and {decoded[0].shape[:2]}",
                file=root / file,
                record=image_id,
                remedy="robustness reads images of one size: resize the benchmark's images first",
            )
        decoded.append(pixels)
    return np.stack(decoded)


def _write(given: tuple[RobustnessConfig, Path, list[str]], cell: Cell) -> None:
    """Corrupt every image for one cell; the noise of an image depends on its own name alone."""
    config, folder, image_ids = given
    corruption = CORRUPTIONS[cell.corruption]
    options = next(each for each in config.corruptions if each.corruption == cell.corruption)
    clean = np.load(folder / CLEAN, mmap_mode="r")

    def corrupted(row: int, image_id: str) -> np.ndarray:
        rng = array_rng(config.seed, "corruption", cell.corruption, cell.severity, image_id)
        return corruption.apply(np.asarray(clean[row]), options, cell.severity, rng)

    write_pixels(folder / cell.file, clean.shape, (corrupted(row, image_id) for row, image_id in enumerate(image_ids)))
