"""How fast images reach the model: JPEG files decoded at every step, and bytes decoded once, on one core.

    python benchmarks/loader.py [--images DIR] [--side 224] [--batch 64] [--copies 20]

Both give normalized float32 batches, equal in every bit. Files are read in a random order as a training does; the store
holds each picture `copies` times, in rows of their own. The last line is one JSON object.
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from torch import Tensor

from nearmiss.engine.images.store import Store, write_store
from nearmiss.engine.models.preprocessing import Normalization, preprocessing, resizing

IMAGES = Path(__file__).parents[2] / "shared" / "realdata" / "coco_open_instances" / "images"
SECONDS = 5.0  # each way is timed for at least so long


def rate(batches: Iterator[Tensor], batch: int, seconds: float = SECONDS) -> float:
    """Images a second."""
    next(batches)
    start, count = time.perf_counter(), 0
    while (spent := time.perf_counter() - start) < seconds:
        next(batches)
        count += batch
    return count / spent


def decoded(files: list[Path], batch: int, transform: Callable[[Image.Image], Tensor]) -> Iterator[Tensor]:
    """Batches of files drawn at random, decoded and transformed as open_clip's own loader does."""
    draw = random.Random(0)
    while True:
        yield torch.stack([transform(Image.open(draw.choice(files)).convert("RGB")) for _ in range(batch)])


def stored(store: Store, batch: int, normalize: Normalization) -> Iterator[Tensor]:
    """Batches of rows drawn at random from mapped files, normalized in one piece."""
    draw = np.random.default_rng(0)
    while True:
        yield normalize(torch.from_numpy(store.pixels[draw.integers(0, len(store), batch)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, default=IMAGES)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--copies", type=int, default=20)
    given = parser.parse_args()
    torch.set_num_threads(1)
    config = preprocessing(given.side)
    files = sorted(given.images.glob("*.jpg"))
    transform, normalize = image_transform_v2(PreprocessCfg(**config), is_train=False), Normalization(config, _CPU)
    with tempfile.TemporaryDirectory() as folder:
        many = files * given.copies
        start = time.perf_counter()
        write_store(
            Path(folder),
            [str(n) for n in range(len(many))],
            many,
            given.side,
            resizing(config),
            state=Path(folder) / "state",
        )
        making = time.perf_counter() - start
        store = Store(Path(folder))
        same = normalize(torch.from_numpy(store.pixels[:1].copy()))[0]
        assert torch.equal(same, transform(Image.open(files[0]).convert("RGB")))
        found = {
            "decoded": rate(decoded(files, given.batch, transform), given.batch),
            "stored": rate(stored(store, given.batch, normalize), given.batch),
            "bytes_an_image": store.pixels[0].nbytes,
        }
    print(f"{len(files)} photographs at {given.side} px, batch {given.batch}, one core")
    print(f"  JPEG files, decoded at every step {found['decoded']:8.0f} images/s")
    print(f"  bytes, decoded once               {found['stored']:8.0f} images/s", end="")
    print(f"  ({found['stored'] / found['decoded']:.0f} x; made at {len(many) / making:.0f} images/s)")
    print(json.dumps(found))


_CPU = torch.device("cpu")

if __name__ == "__main__":
    main()
