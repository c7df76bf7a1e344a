"""SugarCrepe on the items whose photographs are at hand: ours against an item-by-item evaluator.

The peer reads each image, encodes it and the two captions one at a time, as the authors' evaluator does; imports, the
model's construction and the hash of its weights are counted on neither side. Weights are random, which costs as much as
trained ones. Bars: at least 10 times as fast, and 50 times for a second evaluation of the same model. Decisions must be
equal item by item, but where the two similarities are within 1e-5. Run:

    python benchmarks/evaluate_sugarcrepe.py [--model ViT-B-32]      (reads ../shared/realdata)
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import open_clip
import torch
from PIL import Image

from nearmiss.engine.benchmarks import registry, sugarcrepe
from nearmiss.engine.benchmarks.benchmark import Options
from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.engine.scoring import metrics
from nearmiss.engine.scoring.encode import encode
from nearmiss.engine.scoring.encoder import Encoder
from nearmiss.engine.scoring.evaluator import Comparison, Training, outcomes
from nearmiss.engine.scoring.images import BenchmarkImages

REAL = Path(__file__).parents[2] / "shared" / "realdata"
ROOT = DataRoot(
    REAL, {"sugarcrepe/data": REAL / "sugarcrepe" / "data", "coco/val2017": REAL / "coco_val2017_open" / "val2017"}
)
NEAR = 1e-5


@torch.inference_mode()
def item_by_item(model: torch.nn.Module, transform: object, tokenizer: object) -> dict[str, tuple[bool, float]]:
    """item -> whether its caption is more similar than its negative, and by how much."""
    found = {}
    for part in sugarcrepe.PARTS:
        file = ROOT.path(f"sugarcrepe/data/{part}.json")
        for number, record in json.loads(file.read_text(encoding="utf-8")).items():
            image = ROOT.path(f"coco/val2017/{record['filename']}")
            if not image.is_file():
                continue
            view = model.encode_image(transform(Image.open(image)).unsqueeze(0), normalize=True)
            texts = [record["caption"], record["negative_caption"]]
            one, other = (float(model.encode_text(tokenizer([text]), normalize=True) @ view.T) for text in texts)
            found[f"sugarcrepe/{part}/{number}"] = (one > other, one - other)
    return found


def evaluated(encoder: Encoder, folder: Path) -> tuple[float, dict[str, bool]]:
    """Seconds of an evaluation with what `folder` keeps, and the decisions."""
    started = time.perf_counter()
    benchmarks, _ = registry.load(["sugarcrepe"], ROOT, Options())
    images = BenchmarkImages(benchmarks, ROOT, folder)
    embeddings = encode(benchmarks, images, encoder, folder)
    comparison = Comparison(benchmarks[0], Training([], None), embeddings)
    found = outcomes(benchmarks[0], embeddings)
    run = metrics.Run(model="model", arm="model", seed=0, stage="evaluate", split=None)
    comparison.rows(found, run, metrics.Bootstrap(resamples=1_000, level=0.95))
    seconds = time.perf_counter() - started
    decided = found.filter(found["metric"] == "score", found["subset"].is_in(sugarcrepe.PARTS))
    return seconds, {item: value == 1 for item, value in decided.select("item_id", "value").iter_rows()}


def main() -> None:
    """Print the times, their ratios and the comparison of decisions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="ViT-B-32")
    name = parser.parse_args().model
    encoder = Encoder(name, None)
    model, _, transform = open_clip.create_model_and_transforms(name)
    model.load_state_dict(encoder.model.state_dict())
    tokenizer = open_clip.get_tokenizer(name)
    model.eval()
    tokenizer(["warm"])

    with tempfile.TemporaryDirectory() as folder:
        first, ours = evaluated(encoder, Path(folder))
        second, again = evaluated(encoder, Path(folder))
    started = time.perf_counter()
    theirs = item_by_item(model, transform, tokenizer)
    peer = time.perf_counter() - started

    differ = [item for item, (right, gap) in theirs.items() if ours[item] != right and abs(gap) > NEAR]
    near = [item for item, (right, gap) in theirs.items() if ours[item] != right and abs(gap) <= NEAR]
    print(f"{name}, {torch.get_num_threads()} threads, {len(theirs):,} items of SugarCrepe, {peer:.0f} s item by item")
    print(f"ours: {first:.1f} s, {peer / first:.1f} times as fast (bar 10), blind baselines included")
    print(f"a second time: {second:.2f} s, {peer / second:.0f} times as fast (bar 50)")
    print(f"decisions that differ: {len(differ)}; within {NEAR:g} of a tie and differ: {len(near)}")
    assert again == ours
    assert ours.keys() == theirs.keys()
    assert not differ


if __name__ == "__main__":
    main()
