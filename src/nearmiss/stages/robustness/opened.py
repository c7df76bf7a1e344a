"""The corrupted images as a model's job reads them, checked against the configuration and the data first."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.base.tables import read_table
from nearmiss.engine.benchmarks import world
from nearmiss.engine.images.pixels import open_pixels
from nearmiss.stages.robustness.config import RobustnessConfig
from nearmiss.stages.robustness.corrupted import CLEAN, IDS, ITEMS, NOISE, Cell, cells, chosen, ids_of, noise, pixels_of

REMEDY = "make the corrupted images again (nearmiss corrupt)"


@dataclass(frozen=True)
class Corrupted:
    """The chosen items, their images' ids, and their pixels (N, H, W, 3) uint8: clean, and mapped for each cell."""

    items: pl.DataFrame
    image_ids: Sequence[str]
    clean: np.ndarray
    noisy: dict[Cell, np.ndarray]


def read(folder: Path, config: RobustnessConfig, tables: Path, root: Path) -> Corrupted:
    """What the command `corrupt` left in `folder`.

    Raises InputError where a file is missing or damaged, where the noise is not what `config` asks for, and where items
    or images are not those of the data (`tables`, `root`).
    """
    _check_noise(folder / NOISE, config)
    items = read_table(folder / ITEMS, "items")
    if not items.equals(chosen(world.load(tables, config.split).frame, config.items)):
        raise InputError("the corrupted images are of other items than the data's", file=folder / ITEMS, remedy=REMEDY)
    image_ids = ids_of(items)
    if read_json(folder / IDS) != image_ids:
        raise InputError("the ids of the images are not those of the items", file=folder / IDS, remedy=REMEDY)
    clean = pixels_of(image_ids, Path(tables) / "images.parquet", Path(root), split=config.split)
    if not np.array_equal(_pixels(folder / CLEAN, clean.shape), clean):
        raise InputError("the corrupted images were made from other images", file=folder / CLEAN, remedy=REMEDY)
    noisy = {cell: _pixels(folder / cell.file, clean.shape) for cell in cells(config)}
    return Corrupted(items, image_ids, clean, noisy)


def _check_noise(file: Path, config: RobustnessConfig) -> None:
    made, asked = read_json(file), noise(config)
    for key in asked:
        if made.get(key) != asked[key]:
            raise InputError(
                f"the corrupted images were made with {key} {made.get(key)!r}, not {asked[key]!r}",
                file=file,
                record=key,
                remedy=f"give both steps the same configuration, or {REMEDY}",
            )


def _pixels(file: Path, shape: tuple[int, ...]) -> np.ndarray:
    """A file of pixels, mapped."""
    pixels = open_pixels(file, what="corrupted images", remedy=REMEDY)
    if pixels.shape != shape:
        raise InputError(f"corrupted images are {pixels.shape}, not {shape}", file=file, remedy=REMEDY)
    return pixels
