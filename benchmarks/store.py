"""How fast an image store is built, against the decoder: the same JPEG files decoded and resized in as many threads.

    python benchmarks/store.py [--images DIR ...] [--count 2000] [--side 224] [--workers 2] [--tar]

Photographs are repeated until there are `count` of them. The limit is a loop over the same files that decodes and
resizes each in a pool of threads and keeps nothing; up to 4,000 images are timed, before and after the build. The build
is that of `nearmiss store`: it checks the headers of all files, then decodes, writes shards and flushes them to the
disk. Rates are given by wall and by CPU seconds; the second does not depend on what else the machine does. With
`--tar`, images are read from tar archives of 1,000. The last line is one JSON object.

A store of 200,000 photographs at 224 pixels takes 30 GB of disk, at 64 pixels 2.5 GB.
"""

import argparse
import json
import resource
import tarfile
import tempfile
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

from nearmiss.engine.images.decode import check_images, open_rgb
from nearmiss.engine.images.store import Store, write_store
from nearmiss.engine.models.preprocessing import preprocessing, resizing

IMAGES = [Path(__file__).parents[2] / "shared" / "realdata" / "coco_val2017_open" / "val2017"]
LIMIT = 4000  # images from which the rate of the decoder is measured
PER_TAR = 1000


class Clock:
    """Wall and CPU seconds of this process since it was made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def rates(self, images: int) -> np.ndarray:
        """Images a second and images a CPU second: (2,)."""
        return images / np.array([time.perf_counter() - self._wall, time.process_time() - self._cpu])


def decoder_rates(files: list[Path], side: int, workers: int) -> np.ndarray:
    """Rates at which threads decode and resize."""
    resize = resizing(preprocessing(side))
    clock = Clock()
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque = deque()
        for file in files:
            waiting.append(pool.submit(lambda each: resize(open_rgb(each)), file))
            if len(waiting) > 4 * workers:
                waiting.popleft().result()
        for left in waiting:
            left.result()
    return clock.rates(len(files))


def in_archives(files: list[Path], folder: Path) -> list[Path]:
    """The files as members of tar archives."""
    found = []
    for start in range(0, len(files), PER_TAR):
        archive = folder / f"{start // PER_TAR:05d}.tar"
        with tarfile.open(archive, "w") as made:
            for number, file in enumerate(files[start : start + PER_TAR], start):
                made.add(file, f"{number:09d}.jpg")
                found.append(archive / f"{number:09d}.jpg")
    return found


def build(files: list[Path], sizes: list[tuple[int, int]], side: int, workers: int, folder: Path) -> list[np.ndarray]:
    """Rates of the check of headers and of the build."""
    ids = [f"{number:09d}" for number in range(len(files))]
    columns = {"width": [width for width, _ in sizes], "height": [height for _, height in sizes]}
    table = pl.DataFrame({"image_id": ids, "file": [str(file) for file in files], **columns})
    clock = Clock()
    check_images(table, Path("/"))
    checked, clock, config = clock.rates(len(files)), Clock(), preprocessing(side)
    write_store(folder, ids, files, side, resizing(config), state=folder / "state", settings=config, workers=workers)
    return [checked, clock.rates(len(files))]


def size_of(file: Path) -> tuple[int, int]:
    """Width and height of an image."""
    with Image.open(file) as image:
        return image.size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, nargs="+", default=IMAGES)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--tar", action="store_true")
    parser.add_argument("--scratch", type=Path, help="folder on the disk to write to")
    given = parser.parse_args()
    photographs = sorted(file.resolve() for folder in given.images for file in folder.glob("*.jpg"))
    files = list(islice(cycle(photographs), given.count))
    sizes = list(islice(cycle(map(size_of, photographs)), given.count))
    with tempfile.TemporaryDirectory(dir=given.scratch) as folder:
        if given.tar:
            files = in_archives(files, Path(folder))
        (Path(folder) / "store").mkdir()
        before = decoder_rates(files[:LIMIT], given.side, given.workers)
        checked, built = build(files, sizes, given.side, given.workers, Path(folder) / "store")
        limit = (before + decoder_rates(files[:LIMIT], given.side, given.workers)) / 2
        assert len(Store(Path(folder) / "store")) == given.count
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{given.count} images from {len(photographs)} photographs at {given.side} px, {given.workers} threads")
    print(f"{'':36}{'images/s':>10}{'of limit':>10}{'images/CPU s':>14}{'of limit':>10}")
    rows = {"limit: decoded and resized": limit, "store in shards": built, "check of all headers": checked}
    for name, (wall, cpu) in rows.items():
        print(f"{name:36}{wall:10.0f}{wall / limit[0]:10.2f}{cpu:14.0f}{cpu / limit[1]:10.2f}")
    print(f"peak memory {peak:.0f} MiB, the mapped shards of the last check among it")
    print(json.dumps({"images": given.count, "side": given.side, **{name: list(rate) for name, rate in rows.items()}}))


if __name__ == "__main__":
    main()
