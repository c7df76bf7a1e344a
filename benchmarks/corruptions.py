"""Speed of the image corruptions against the package `imagecorruptions`, in one run on the same images.

Prints, by corruption, CPU milliseconds per image (mean of five severities), their ratio, and the mean absolute
difference of the two outputs' means and standard deviations in gray levels. Without the package, only our own times.

    python benchmarks/corruptions.py --images 4
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import cv2
import numpy as np

from nearmiss.engine.images.corruptions.registry import CORRUPTIONS
from nearmiss.engine.images.corruptions.spec import imagenet_c

try:
    from imagecorruptions import corrupt
except ImportError:
    corrupt = None

SIDE = 224


def pictures(count: int) -> list[np.ndarray]:
    """Smooth colored images (224, 224, 3) uint8 with edges, drawn from a seed."""
    rng = np.random.default_rng(0)
    coarse = [rng.integers(0, 256, (12, 12, 3), dtype=np.uint8) for _ in range(count)]
    return [cv2.resize(each, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for each in coarse]


def measured(apply: Callable[[np.ndarray, int], np.ndarray], images: list[np.ndarray]) -> tuple[float, np.ndarray]:
    """CPU milliseconds per image, and (severity, [mean, standard deviation]) of what comes out."""
    apply(images[0], 1)
    started = time.process_time()
    made = [[apply(image, severity) for image in images] for severity in range(1, 6)]
    spent = time.process_time() - started
    return 1000 * spent / (5 * len(images)), np.array([[np.mean(each), np.std(each)] for each in made])


def ours_of(options: Any, rng: np.random.Generator, image: np.ndarray, severity: int) -> np.ndarray:
    """One of our corruptions as the peer's signature has it."""
    return CORRUPTIONS[options.corruption].apply(image, options, severity, rng)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=4)
    images = pictures(parser.parse_args().images)
    cv2.setNumThreads(1)
    if corrupt is None:
        print("imagecorruptions is not installed: only this project's times are measured.")
    print(f"{len(images)} images of {SIDE} px, 5 severities, one thread")
    print(f"{'corruption':<20}{'ms':>8}{'peer ms':>10}{'ratio':>8}{'d mean':>8}{'d std':>8}")
    for options in imagenet_c():
        name, rng = options.corruption, np.random.default_rng(0)
        ours, shown = measured(partial(ours_of, options, rng), images)
        row = f"{name:<20}{ours:>8.2f}"
        if corrupt is not None:
            try:
                np.random.seed(0)  # the package draws from the global generator
                theirs, peer = measured(partial(corrupt, corruption_name=name), images)
            except Exception as error:  # what the package cannot do with the installed libraries is part of the result
                row += f"   the package fails: {type(error).__name__}: {str(error).splitlines()[0][:60]}"
            else:
                off = np.abs(shown - peer).mean(axis=0)
                row += f"{theirs:>10.2f}{theirs / ours:>8.1f}{off[0]:>8.1f}{off[1]:>8.1f}"
        print(row, flush=True)


if __name__ == "__main__":
    main()
