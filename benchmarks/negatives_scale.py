"""Is `keyword` flat? Time and peak memory per caption of runs of growing size, each in a process of its own.

    python benchmarks/negatives_scale.py [CAPTIONS ...]      (default: 1000 10000 100000 1000000)

Captions are drawn from a few hundred thousand sentences of common words, five to an image, in COCO's format: of real
ones there are not enough to tell growth from repetition. The table has, for each size, time per caption as a ratio to
that of the second size (the first also pays for the imports) and what each further caption adds to the peak; the last
line is one JSON object, with the exponent of the growth of time from the second size (1: linear) to the last one.
"""

import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

SIZES = (1_000, 10_000, 100_000, 1_000_000)
PARTS = (
    ("A", "One", "The", "A small", "A large", "A young", "An old", "A red", "A blue", "A brown"),
    ("dog", "cat", "man", "woman", "horse", "bus", "car", "boat", "bird", "child", "bench", "truck"),
    ("stands", "rests", "waits", "is seen", "can be seen", "sits", "is shown"),
    ("near", "under", "next to", "behind", "in front of", "to the left of", "on top of"),
    ("a", "the", "one", "a white", "a black", "a tall", "a green", "a tiny"),
    ("table", "chair", "train", "bicycle", "tree", "couch", "umbrella", "bed", "kite", "clock"),
    ("outside", "in the sun", "at night", "during the day", "by the sea", "in a park"),
)


def write(path: Path, number: int) -> None:
    """A captions file, written as it is drawn."""
    random = Random(0)
    with path.open("w", encoding="utf-8") as handle:
        images = (f'{{"id": {i}, "file_name": "{i}.jpg", "width": 640, "height": 480}}' for i in range(number // 5))
        handle.write('{"images": [' + ",".join(images) + '], "annotations": [')
        for n in range(number):
            text = " ".join(random.choice(part) for part in PARTS)
            handle.write(("," if n else "") + json.dumps({"id": n, "image_id": n // 5, "caption": text}))
        handle.write("]}")


def one(captions: Path, out: Path) -> None:
    """A run in this process; prints its seconds, peak megabytes and number of negatives."""
    from nearmiss.stages.negatives.spec import KeywordConfig
    from nearmiss.stages.negatives.stage import run

    start = time.process_time()
    summary = run(name="keyword", config=KeywordConfig(), captions=captions, out=out)
    spent = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << (20 if sys.platform == "darwin" else 10))
    print(json.dumps({"cpu_seconds": spent, "peak_mb": peak, "negatives": summary["negatives"]}))


def main(sizes: list[int]) -> None:
    """All sizes, a table, and the closing line."""
    found = []
    names = ("captions", "CPU s", "captions/s", "peak MB", "negatives", "time ratio", "B/caption")
    print("".join(f"{name:>12}" for name in names))
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            captions = Path(folder) / "captions.json"
            write(captions, size)
            command = [sys.executable, __file__, "--one", str(captions), str(Path(folder) / "negatives.parquet")]
            answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            row = {"captions": size, **json.loads(answer.splitlines()[-1])}
        found.append(row)
        each = [run["cpu_seconds"] / run["captions"] for run in found]
        base, before = each[min(1, len(each) - 1)], found[max(len(found) - 2, 0)]
        more = max(size - before["captions"], 1)
        row["bytes_per_further_caption"] = round((row["peak_mb"] - before["peak_mb"]) * 2**20 / more)
        print(
            f"{size:>12}{row['cpu_seconds']:>12.1f}{1 / each[-1]:>12.0f}{row['peak_mb']:>12.0f}{row['negatives']:>12}"
            f"{each[-1] / base:>12.2f}{row['bytes_per_further_caption']:>12}"
        )
    peak = max(row["peak_mb"] for row in found)
    figures = {"runs": found, "time_per_caption_ratio": [value / base for value in each], "peak_mb": peak}
    first, last = found[min(1, len(found) - 1)], found[-1]
    if last is not first:
        grown = math.log(last["cpu_seconds"] / first["cpu_seconds"])
        figures["exponent"] = round(grown / math.log(last["captions"] / first["captions"]), 3)
        print(f"time grows with exponent {figures['exponent']} from {first['captions']} to {last['captions']} captions")
    print(json.dumps({"benchmark": "negatives_scale", **figures, "under_1_gb": peak < 1000}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        main([int(each) for each in sys.argv[1:]] or list(SIZES))
