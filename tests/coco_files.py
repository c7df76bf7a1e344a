"""A small data set in COCO's format: images of colored objects, captions, instances, Karpathy's splits."""

import json
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from pycocotools import mask as rle

from nearmiss.engine.formats.segmentation import runs_of

COLORS = {"red": (200, 30, 30), "blue": (30, 60, 200), "green": (30, 150, 50), "yellow": (230, 210, 40)}
NAMES = ("ball", "box", "kite")
SIDE = 96
LEFT, RIGHT = (8, 30, 36, 58), (56, 34, 88, 66)  # left, top, right, bottom
TEXTS = (
    "a {} {} and a {} {}",
    "a {} {} next to a {} {}",
    "there is a {} {} on the left and a {} {} on the right",
)


def write(root: Path, number: int = 40, *, instances: bool = True) -> Path:
    """Fill the folder with `number` images (PNG), three captions and two objects each, and a crowd in every tenth.

    Every second mask is RLE, compressed or not; the others are polygons.
    """
    (root / "val2017").mkdir(parents=True)
    (root / "annotations").mkdir()
    images, captions, objects = [], [], []
    for number_of_image in range(1, number + 1):
        random = Random(number_of_image)
        shown = [(random.choice(list(COLORS)), name) for name in random.sample(NAMES, 2)]
        canvas = Image.new("RGB", (SIDE, SIDE), (235, 235, 230))
        for place, ((color, name), box) in enumerate(zip(shown, (LEFT, RIGHT), strict=True)):
            polygon = _polygon(name, box)
            ImageDraw.Draw(canvas).polygon(polygon, fill=COLORS[color])
            objects.append(_instance(len(objects) + 1, number_of_image, name, polygon, box, form=place + len(objects)))
        if number_of_image % 10 == 0:
            crowd = _instance(len(objects) + 1, number_of_image, "ball", [(0, 80), (90, 80), (90, 95)], (0, 80, 90, 95))
            objects.append({**crowd, "iscrowd": 1})
        file = f"{number_of_image:012d}.png"
        canvas.save(root / "val2017" / file)
        images.append({"id": number_of_image, "file_name": file, "width": SIDE, "height": SIDE})
        for text in TEXTS:
            words = [word for pair in shown for word in pair]
            captions.append(
                {
                    "id": len(captions) + 1,
                    "image_id": number_of_image,
                    "caption": text.format(*words).capitalize() + ".",
                }
            )
    put(root, "captions", {"images": images, "annotations": captions})
    if instances:
        categories = [{"id": index, "name": name} for index, name in enumerate(NAMES, start=1)]
        put(root, "instances", {"images": images, "categories": categories, "annotations": objects})
    return root


def put(root: Path, kind: str, document: dict[str, Any]) -> Path:
    """Write one of the two JSON files."""
    file = root / "annotations" / f"{kind}_val2017.json"
    file.write_text(json.dumps(document))
    return file


def karpathy(root: Path, splits: dict[int, str]) -> str:
    """Write Karpathy's file of these images; its name below the root."""
    images = [{"cocoid": image_id, "split": split, "filename": "x.jpg"} for image_id, split in splits.items()]
    (root / "dataset_coco.json").write_text(json.dumps({"images": images, "dataset": "coco"}))
    return "dataset_coco.json"


def _polygon(name: str, box: tuple[int, int, int, int]) -> list[tuple[int, int]]:
    left, top, right, bottom = box
    if name == "box":
        return [(left, top), (right, top), (right, bottom), (left, bottom)]
    middle, center = (left + right) // 2, (top + bottom) // 2
    if name == "kite":
        return [(middle, top), (right, center), (middle, bottom), (left, center)]
    angles = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    radius = (right - left) / 2
    return [(round(middle + radius * np.cos(a)), round(center + radius * np.sin(a))) for a in angles]


def _instance(
    identity: int, image_id: int, name: str, polygon: list, box: tuple[int, int, int, int], form: int = 0
) -> dict[str, Any]:
    left, top, right, bottom = box
    flat: Any = [[float(value) for point in polygon for value in point]]
    if form % 4 in (1, 3):
        counts = rle.merge(rle.frPyObjects(flat, SIDE, SIDE))["counts"].decode()
        flat = {"size": [SIDE, SIDE], "counts": counts if form % 4 == 1 else runs_of(counts)}
    return {
        "id": identity,
        "image_id": image_id,
        "category_id": NAMES.index(name) + 1,
        "bbox": [left, top, right - left, bottom - top],
        "segmentation": flat,
        "iscrowd": 0,
        "area": (right - left) * (bottom - top),
    }
