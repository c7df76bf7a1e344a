"""What a training step costs with cached features of frozen parts, and without, in the same process on one core.

    python benchmarks/cached_features.py [--models vit two-towers] [--steps 3] [--batch 64] [--text MODEL_FOLDER]

`vit` is ViT-B/32 with a frozen image tower; `two-towers` is EfficientNet-Lite2 with attention pooling, and the text
model in a folder, of which the lower two thirds are frozen. Weights of image towers are random, and so are the images;
captions have the length of COCO's. Each line is one JSON object: CPU seconds a step, FLOPs a step, the time of the same
number of FLOPs as square matrix products, and the largest difference of a loss.
"""

import argparse
import json
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import open_clip
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from nearmiss.base.files import read_json
from nearmiss.base.tables import table, write_table
from nearmiss.engine.models.checkpoint import fresh_model
from nearmiss.engine.objectives.spec import Contrastive
from nearmiss.engine.training import trainer
from nearmiss.engine.training.flops import matrix_rate
from nearmiss.stages.pretrain import features, stage, store
from nearmiss.stages.pretrain.config import AnyModelConfig, ArmConfig, OpenClipConfig, PhaseConfig, PretrainConfig
from nearmiss.stages.pretrain.config import TwoTowerConfig as Towers

WORDS = (
    "man",
    "woman",
    "dog",
    "cat",
    "on",
    "in",
    "sitting",
    "standing",
    "next",
    "to",
    "street",
    "a",
    "the",
    "red",
    "two",
)
ARM = ArmConfig(objective=[Contrastive()], num_negatives=0)


def models(names: list[str], folder: Path, text: Path | None) -> Iterator[tuple[str, AnyModelConfig, list[str]]]:
    """Name, model and frozen parts; weights are written to `folder`."""
    if "vit" in names:
        config = {"model_cfg": open_clip.get_model_config("ViT-B-32")}
        save_file(fresh_model(config, 0).state_dict(), folder / "vit.safetensors")
        yield "vit", OpenClipConfig(name="ViT-B-32", pretrained=str(folder / "vit.safetensors")), ["image"]
    if "two-towers" in names and text is not None:
        weights = timm.create_model("tf_efficientnet_lite2").state_dict()
        save_file(weights, folder / "trunk.safetensors")
        image = {"name": "tf_efficientnet_lite2", "weights": str(folder / "trunk.safetensors")}
        layers = read_json(text / "config.json")["num_hidden_layers"]
        frozen = ["visual.trunk.*", "text.transformer.embeddings.*", f"text.blocks.0-{2 * layers // 3 - 1}"]
        yield (
            "two-towers",
            Towers.model_validate({"image": image, "text": {"name": str(text), "pooling": "mean"}}),
            frozen,
        )


def write_data(folder: Path, count: int) -> None:
    """Images of noise, each with a caption of 8 to 16 words."""
    draw, noise = random.Random(0), np.random.default_rng(0)
    images, captions = [], []
    for number in range(count):
        name = f"{number:06d}"
        Image.fromarray(noise.integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(folder / f"{name}.png")
        row = {"image_id": name, "file": f"{name}.png", "width": 64, "height": 64, "split": "train", "source": "noise"}
        text = " ".join(draw.choices(WORDS, k=draw.randint(8, 16)))
        images.append(row)
        captions.append({"caption_id": name, "image_id": name, "text": text, "template_id": None, "source": "noise"})
    write_table(table("images", images), folder / "images.parquet", "images")
    write_table(table("captions", captions), folder / "captions.parquet", "captions")


def measured(folder: Path, shared: PretrainConfig) -> tuple[dict[str, float], list[float]]:
    """The cost of a training, and its losses."""
    out = folder / f"run-{shared.cache_frozen}"
    cached = [folder / part for part in ("image-features", "text-features") if (folder / part).is_dir()]
    stage.run(
        shared=shared,
        arm_name="base",
        arm=ARM,
        seed=0,
        store=folder / "store",
        captions=folder / "captions.parquet",
        words=None,
        negatives=None,
        start=None,
        state=folder / "state",
        fingerprint=None,
        out=out,
        features=cached if shared.cache_frozen else (),
    )
    curve = [json.loads(line) for line in (out / "curve.jsonl").read_text().splitlines()]
    return read_json(out / "cost.json"), [line["loss"] for line in curve]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["vit", "two-towers"])
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--text", type=Path, default=None)
    given = parser.parse_args()
    torch.set_num_threads(1)
    trainer.CURVE_EVERY = 1
    for name in given.models:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            write_data(folder, given.batch)
            for label, model, frozen in models([name], folder, given.text):
                phase = PhaseConfig(steps=given.steps)
                shared = PretrainConfig(
                    model=model, frozen=frozen, cache_frozen=True, base=phase, batch_size=given.batch, device="cpu"
                )
                state = folder / "state-of"
                store.run(
                    config=shared, images=folder / "images.parquet", root=folder, out=folder / "store", state=state
                )
                common = {"config": shared, "store": folder / "store", "state": state}
                features.run_images(**common, out=folder / "image-features")
                if label == "two-towers":
                    captions = {"captions": folder / "captions.parquet", "negatives": None}
                    features.run_texts(**common, **captions, out=folder / "text-features")
                cached, ours = measured(folder, shared)
                plain, theirs = measured(folder, shared.model_copy(update={"cache_frozen": False}))
                learns = cached["flops"] / matrix_rate(torch.device("cpu"), torch.float32) / given.steps
                found = {
                    "model": label,
                    "cached_s": round(cached["training_cpu_seconds"] / given.steps, 3),
                    "plain_s": round(plain["training_cpu_seconds"] / given.steps, 3),
                    "cached_gflop": round(cached["flops"] / given.steps / 1e9, 1),
                    "as_matrix_products_s": round(learns, 3),
                    "loss_difference": max(abs(one - other) for one, other in zip(ours, theirs, strict=True)),
                }
                print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
