"""Pairs a second of the classical backend on photographs at 512 px, on two cores.

Edits alone are counted: planning, refusals and the encoding of PNG files stand beside them. Bar: 20 pairs/s. Run:

    python benchmarks/inpaint_classical.py      (reads ../shared/realdata)
"""

import json
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import polars as pl
import yaml
from PIL import Image

from nearmiss.base.tables import write_table
from nearmiss.engine.formats.coco_folder import read_coco_folder
from nearmiss.engine.images.editing.plan import Refused
from nearmiss.engine.images.editing.registry import OPERATIONS
from nearmiss.stages.inpaint.config import InpaintConfig
from nearmiss.stages.inpaint.corpus import Corpus, read_corpus
from nearmiss.stages.inpaint.editing import Outcome, planned
from nearmiss.stages.inpaint.views import pixels_of

REAL = Path(__file__).parents[2] / "shared" / "realdata" / "coco_open_instances"
OPTIONS = Path(__file__).parents[1] / "config" / "coco.yaml"
SIDE, CORES = 512, 2


def main() -> None:
    """Scale the photographs to 512 px, plan, then time every edit."""
    with TemporaryDirectory() as folder:
        corpus = scaled(Path(folder))
        config = InpaintConfig.model_validate(yaml.safe_load(OPTIONS.read_text(encoding="utf-8"))["inpaint"])
        started = time.perf_counter()
        names = sorted(corpus.annotations)
        with ProcessPoolExecutor(CORES) as pool:
            found = list(
                pool.map(edited, [corpus] * CORES, [config] * CORES, [names[part::CORES] for part in range(CORES)])
            )
        wall = time.perf_counter() - started
    for operation in OPERATIONS:
        seconds = [each for part in found for each in part.get(operation, [])]
        if seconds:
            median = float(np.median(seconds))
            print(
                f"{operation:8s} {len(seconds):4d} edits, {1000 * median:6.1f} ms each, {CORES / median:6.1f} pairs/s"
            )
    every = [each for part in found for times in part.values() for each in times]
    print(f"all      {len(every):4d} edits, {CORES * len(every) / sum(every):.1f} pairs/s on {CORES} cores (bar 20)")
    print(f"with reading, planning and refusals: {len(every) / wall:.1f} pairs/s")
    print(json.dumps({"edits": len(every), "pairs_a_second": CORES * len(every) / sum(every)}))


def scaled(folder: Path) -> Corpus:
    """The photographs and their masks with a longer side of 512 px."""
    document = json.loads((REAL / "instances.json").read_text(encoding="utf-8"))
    (folder / "images").mkdir()
    for image in document["images"]:
        picture = Image.open(REAL / "images" / image["file_name"]).convert("RGB")
        factor = SIDE / max(picture.size)
        size = (round(picture.width * factor), round(picture.height * factor))
        picture.resize(size, Image.Resampling.LANCZOS).save(folder / "images" / image["file_name"], quality=95)
        image.update(width=size[0], height=size[1], factor=factor)
    factors = {image["id"]: image["factor"] for image in document["images"]}
    polygons = [each for each in document["annotations"] if isinstance(each["segmentation"], list)]
    for each in polygons:
        factor = factors[each["image_id"]]
        each["bbox"] = [value * factor for value in each["bbox"]]
        each["segmentation"] = [[value * factor for value in polygon] for polygon in each["segmentation"]]
    (folder / "scaled.json").write_text(json.dumps({**document, "annotations": polygons}), encoding="utf-8")
    found = read_coco_folder(
        folder / "images", captions=REAL / "captions.json", instances=folder / "scaled.json", workers=CORES
    )
    tables = {
        "images": found.images.with_columns(split=pl.lit("test")),
        "objects": found.objects,
        "captions": found.captions,
    }
    for name, rows in tables.items():
        write_table(rows, folder / f"{name}.parquet", name)
    files = {name: folder / f"{name}.parquet" for name in tables}
    return read_corpus(**files, relations=None, root=folder / "images", split="test")


def edited(corpus: Corpus, config: InpaintConfig, names: list[str]) -> dict[str, list[float]]:
    """Seconds of each edit that was made, by operation."""
    cv2.setNumThreads(1)
    found: dict[str, list[float]] = {}
    for options in config.operations:
        operation = OPERATIONS[options.operation]
        for image_id in names:
            for each in planned(corpus, options, config, image_id, Outcome()):
                pixels = pixels_of(corpus, image_id)
                started = time.perf_counter()
                made = operation.apply(pixels, each.view, each.plan, options)
                if not isinstance(made, Refused):
                    found.setdefault(operation.name, []).append(time.perf_counter() - started)
    return found


if __name__ == "__main__":
    main()
