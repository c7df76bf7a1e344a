"""Toy images with their tables: textured ground, balls, cubes and crosses of known color and size."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import polars as pl
from PIL import Image

from nearmiss.base.seeding import array_rng, rng
from nearmiss.base.tables import table, write_table
from nearmiss.engine.formats.segmentation import encode_mask
from nearmiss.engine.images.editing.recolor import references
from nearmiss.stages.inpaint.config import InpaintConfig

EVERY = ("recolor", "replace", "rescale", "move", "remove")
SIDE = 80
NAMES = ("ball", "cube", "cross")
COLORS = ("red", "blue", "green", "yellow", "purple")
RADII = {"small": 9, "large": 12}


@dataclass(frozen=True)
class Toy:
    """An object: its center, and what it is."""

    name: str
    color: str
    size: str
    x: int
    y: int

    @property
    def words(self) -> str:
        return f"{self.size} {self.color} {self.name}"

    def mask(self) -> np.ndarray:
        """Its pixels."""
        radius = RADII[self.size]
        y, x = np.mgrid[0:SIDE, 0:SIDE]
        across, down = np.abs(x - self.x), np.abs(y - self.y)
        if self.name == "ball":
            return across**2 + down**2 <= radius**2
        if self.name == "cube":
            return np.maximum(across, down) <= radius - 2
        return (np.minimum(across, down) <= radius // 3) & (np.maximum(across, down) <= radius)


def draw(things: list[Toy], name: str) -> np.ndarray:
    """The image: (SIDE, SIDE, 3) uint8."""
    noise = array_rng(0, "toy", name).normal(0, 9, (SIDE, SIDE)).astype(np.float32)
    ground = 150 + cv2.GaussianBlur(noise, (0, 0), 0.8)[..., None] + np.array([0, 15, -20], np.float32)
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    for thing in things:
        light = 1 - 0.02 * (x - thing.x + y - thing.y)
        surface = np.asarray(references()[thing.color], np.float32) * np.clip(light, 0.5, 1.3)[..., None]
        ground = np.where(thing.mask()[..., None], surface, ground)
    return np.clip(np.rint(ground), 0, 255).astype(np.uint8)


def scene(number: int) -> list[Toy]:
    """Two objects, left and right; no cube is red."""
    random = rng(0, "toy scene", number)
    found: list[Toy] = []
    for x in (22, 57):
        name = found[0].name if found and number % 3 == 0 else random.choice(NAMES)
        taken = {thing.color for thing in found}
        colors = [color for color in COLORS if color not in taken and (name, color) != ("cube", "red")]
        found.append(Toy(name, random.choice(colors), random.choice(sorted(RADII)), x, random.choice((24, 56))))
    return found


def captions(things: list[Toy]) -> list[str]:
    """The captions of a scene."""
    first, second = things
    texts = [f"a {first.words} and a {second.words}", f"There is a {first.words} on the left.", "two things"]
    texts.append(f"a {second.words} {'at the top' if second.y < SIDE / 2 else 'at the bottom'}")
    if first.name == second.name:
        texts.append(f"there are two {'crosses' if first.name == 'cross' else first.name + 's'}")
    return texts


@dataclass(frozen=True)
class Data:
    """The paths of the tables; tests read, change and rewrite them."""

    folder: Path

    def file(self, name: str) -> Path:
        return self.folder / f"{name}.parquet"

    def change(self, table_name: str, **columns: pl.Expr) -> None:
        """Put other values into columns of a table."""
        file = self.file(table_name)
        write_table(pl.read_parquet(file).with_columns(**columns), file, table_name)

    def arguments(self) -> dict[str, Path]:
        """What the stage is called with."""
        tables = {name: self.file(name) for name in ("images", "objects", "captions", "relations")}
        return {**tables, "root": self.folder}


def write_toys(folder: Path, count: int) -> Data:
    """`count` images of split test with their tables."""
    (folder / "images").mkdir(parents=True)
    images, objects, texts = [], [], []
    for number in range(count):
        name, things = f"{number:03d}", scene(number)
        file = f"images/{name}.png"
        Image.fromarray(draw(things, name)).save(folder / file)
        images.append(dict(image_id=name, file=file, width=SIDE, height=SIDE, split="test", source="toy"))
        for place, thing in enumerate(things):
            mask = thing.mask()
            x, y, w, h = cv2.boundingRect(mask.astype(np.uint8))
            objects.append(
                dict(object_id=f"{name}{place}", image_id=name, name=thing.name, x=x, y=y, w=w, h=h)
                | dict(attributes=[thing.size, thing.color], mask=encode_mask(mask))
            )
        for place, text in enumerate(captions(things)):
            texts.append(
                dict(caption_id=f"{name}{place}", image_id=name, text=text, template_id=None, source="published")
            )
    rows = {"images": images, "objects": objects, "captions": texts, "relations": []}
    for name, content in rows.items():
        write_table(table(name, content), folder / f"{name}.parquet", name)
    return Data(folder)


def options(*operations: str, pairs: int = 40, **more: object) -> InpaintConfig:
    """A configuration with some operations."""
    return InpaintConfig.model_validate(
        {"operations": [{"operation": name, "pairs": pairs} for name in operations], **more}
    )
