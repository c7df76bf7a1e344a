"""Images of noise, JSON, CSV and text files."""

import csv
import json
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 32


def put_text(file: Path, text: str) -> Path:
    """A file with this text, to the letter."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode())
    return file


def picture(file: Path, seed: int) -> None:
    """Noise, so that every image has another embedding."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(seed)).save(file)


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def put(file: Path, content: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content), encoding="utf-8")


def coco(root: Path, number: int, folder: str = "val2017") -> str:
    name = f"{number:012d}.jpg"
    picture(root / "coco" / folder / name, number)
    return name


def csv_file(file: Path, rows: list[list[object]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows(rows)


def png(pixels: np.ndarray) -> bytes:
    written = BytesIO()
    Image.fromarray(pixels).save(written, "PNG")
    return written.getvalue()
