"""The images of benchmarks, corrupted once for all models.

Each corruption and severity is one flat file of pixels, in the order of images.json, which has the path, the size and
the content hash of each image; clean.npy has the clean pixels. corruptions.json has the settings of the corruptions.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, write_json
from nearmiss.base.manifest import OF_IMAGES, Cost, write_manifest
from nearmiss.base.outputs import OutputFolder
from nearmiss.base.progress import progress
from nearmiss.base.seeding import array_rng
from nearmiss.base.workers import map_in_order
from nearmiss.engine.benchmarks import registry
from nearmiss.engine.benchmarks.benchmark import Benchmark, EmbeddedImage, Options, views_of
from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.engine.images.arrays import open_array, write_flat_pixels
from nearmiss.engine.images.corruptions.registry import CORRUPTIONS
from nearmiss.engine.scoring.embeddings import view_name
from nearmiss.engine.scoring.images import BenchmarkImages
from nearmiss.stages.robustness.config import RobustnessConfig
from nearmiss.stages.robustness.selection import select

IMAGES, SETTINGS, CLEAN = "images.json", "corruptions.json", "clean.npy"
AGAIN = "create the corrupted images again (nearmiss corrupt)"


@dataclass(frozen=True)
class Cell:
    """One corruption at one severity."""

    corruption: str
    severity: int

    @property
    def file(self) -> str:
        """The file of its pixels."""
        return f"{self.corruption}-{self.severity}.npy"


@dataclass(frozen=True)
class Pixels:
    """A flat array of the pixels of several images, and their shapes."""

    values: np.ndarray
    shapes: Sequence[tuple[int, int]]

    @cached_property
    def _starts(self) -> np.ndarray:
        return np.concatenate([[0], np.cumsum([3 * h * w for h, w in self.shapes])])

    def image(self, row: int) -> np.ndarray:
        """(H, W, 3) uint8."""
        start, end = self._starts[row : row + 2]
        return np.asarray(self.values[start:end]).reshape(*self.shapes[row], 3)


def cells(config: RobustnessConfig) -> list[Cell]:
    """Every corruption of images at every severity."""
    return [Cell(each.corruption, severity) for each in config.corruptions for severity in sorted(config.severities)]


def settings(config: RobustnessConfig) -> dict[str, Any]:
    """The part of the configuration that determines the pixels, as in corruptions.json."""
    keys = {"seed", "split", "benchmarks", "items", "gallery", "side", "severities", "corruptions"}
    made = config.model_dump(mode="json", include=keys)
    return {**made, "severities": sorted(made["severities"])}


def selected(config: RobustnessConfig, root: DataRoot, cache: Path) -> tuple[list[Benchmark], BenchmarkImages]:
    """The scored items, and the images of all benchmarks. Raises InputError if a benchmark has no file."""
    names = config.benchmarks if config.benchmarks is not None else ["world"]
    benchmarks, absent = registry.load(names, root, Options(split=config.split))
    if absent:
        raise InputError(
            "no file of a benchmark exists", record=", ".join(absent), remedy="correct robustness.benchmarks"
        )
    images = BenchmarkImages(benchmarks, root, cache)
    return [select(benchmark, config, images.digests) for benchmark in benchmarks], images


def views(benchmarks: Sequence[Benchmark]) -> list[str]:
    """Names of the views of benchmarks, sorted: each crop is corrupted as a separate image."""
    return sorted({view_name(path, crop) for benchmark in benchmarks for path, crop in views_of(benchmark)})


def run(
    *,
    config: RobustnessConfig,
    root: DataRoot,
    out: Path,
    cache: Path,
    workers: int = 1,
    fingerprint: Path | None = None,
) -> None:
    """Corrupt the images of the selected items and write the folder `out`. The bytes do not depend on `workers`."""
    cost = Cost()
    target = OutputFolder(out, inputs=[*root.inputs()], roots=[root.path("source")])
    benchmarks, images = selected(config, root, cache)
    names = views(benchmarks)
    decoded = [_decode(images, name, config.side) for name in progress(names, what="decode images", total=len(names))]
    shapes = [(pixels.shape[0], pixels.shape[1]) for pixels in decoded]
    with target as folder:
        listed = [
            {"image": name, "height": h, "width": w, "digest": images.content_key(name)}
            for name, (h, w) in zip(names, shapes, strict=True)
        ]
        write_json(folder / IMAGES, listed)
        write_json(folder / SETTINGS, settings(config))
        write_flat_pixels(folder / CLEAN, [pixels.size for pixels in decoded], decoded)
        every = cells(config)
        done = map_in_order(_write, (config, folder, names, shapes), every, workers, preload=[__name__])
        for _ in progress(done, what="corrupt images", total=len(every)):
            pass
        cost.counts.update(images=len(names) * len(every))
        cost.write(folder)
        inputs = {f"{each.name}/{file}": h for each in benchmarks for file, h in each.coverage.hashes.items()}
        inputs |= {f"{each.name}{OF_IMAGES}": images.digest(each) for each in benchmarks}
        outputs = [IMAGES, SETTINGS, CLEAN, *(cell.file for cell in every)]
        write_manifest(folder, stage="robustness", fingerprint=fingerprint, inputs=inputs, outputs=outputs)


def _decode(images: BenchmarkImages, name: str, side: int) -> np.ndarray:
    """(H, W, 3) uint8 of a view, its shorter side at most `side`."""
    image = images.opener(name)()
    if image is None:
        raise InputError("an image does not decode", file=name, remedy="restore it, or remove its benchmark")
    scale = side / min(image.size)
    if scale < 1:
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.BICUBIC)
    return np.asarray(image)


def _write(given: tuple[RobustnessConfig, Path, list[str], list[tuple[int, int]]], cell: Cell) -> None:
    """Corrupt every image for one cell; the noise of an image depends only on its file name."""
    config, folder, names, shapes = given
    corruption = CORRUPTIONS[cell.corruption]
    options = next(each for each in config.corruptions if each.corruption == cell.corruption)
    clean = Pixels(np.load(folder / CLEAN, mmap_mode="r"), shapes)

    def corrupted(row: int, name: str) -> np.ndarray:
        rng = array_rng(config.seed, "corruption", cell.corruption, cell.severity, Path(name).stem)
        return corruption.apply(clean.image(row), options, cell.severity, rng)

    sizes = [3 * h * w for h, w in shapes]
    write_flat_pixels(folder / cell.file, sizes, (corrupted(row, name) for row, name in enumerate(names)))


@dataclass(frozen=True)
class Corrupted:
    """The corrupted images: names of views, and their pixels, clean and per cell."""

    names: list[str]
    clean: Pixels
    cells: dict[Cell, Pixels]

    def embedded(self, cell: Cell | None) -> dict[str, EmbeddedImage]:
        """The images of one cell, or the clean ones, by name (see `label`)."""
        pixels = self.clean if cell is None else self.cells[cell]
        return {
            label(name, cell): EmbeddedImage(partial(_image, pixels, row), _digest(pixels, row))
            for row, name in enumerate(self.names)
        }


def label(name: str, cell: Cell | None) -> str:
    """The name of the image of a view in one cell."""
    return name if cell is None else f"{name}@{cell.corruption}-{cell.severity}"


def _image(pixels: Pixels, row: int) -> Image.Image:
    return Image.fromarray(pixels.image(row))


def _digest(pixels: Pixels, row: int) -> str:
    return hashlib.sha256(repr(pixels.shapes[row]).encode() + pixels.image(row).tobytes()).hexdigest()


def read(folder: Path, config: RobustnessConfig, benchmarks: Sequence[Benchmark], images: BenchmarkImages) -> Corrupted:
    """Read the output `folder` of command `corrupt`.

    Raises InputError if a file is missing or damaged, if the corruptions are not those of `config`, and if the images
    are not those of the benchmarks.
    """
    made, wanted = read_json(folder / SETTINGS), settings(config)
    for key, value in wanted.items():
        if made.get(key) != value:
            raise InputError(
                f"the corrupted images were made with {key} {made.get(key)!r}, not {value!r}",
                file=folder / SETTINGS,
                record=key,
                remedy=f"use the same configuration for both steps, or {AGAIN}",
            )
    listed, names = read_json(folder / IMAGES), views(benchmarks)
    if [each["image"] for each in listed] != names:
        raise InputError("the corrupted images are of other items", file=folder / IMAGES, remedy=AGAIN)
    if other := [each["image"] for each in listed if each["digest"] != images.content_key(each["image"])]:
        raise InputError(
            "the corrupted images were made from other images", file=folder / IMAGES, record=other[0], remedy=AGAIN
        )
    shapes = [(int(each["height"]), int(each["width"])) for each in listed]
    return Corrupted(
        names,
        _pixels(folder / CLEAN, shapes),
        {cell: _pixels(folder / cell.file, shapes) for cell in cells(config)},
    )


def _pixels(file: Path, shapes: list[tuple[int, int]]) -> Pixels:
    """A memory-mapped file of pixels."""
    values = open_array(file, what="corrupted images", remedy=AGAIN)
    expected = sum(3 * h * w for h, w in shapes)
    if values.shape != (expected,):
        raise InputError(f"corrupted images are {values.shape}, not ({expected},)", file=file, remedy=AGAIN)
    return Pixels(values, shapes)
