"""A tiny experiment's files: images, tables and a checkpoint, made by hand and small enough for a unit test."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import open_clip
import polars as pl
from PIL import Image
from safetensors.torch import save_file

from nearmiss.base.seeding import array_rng, rng
from nearmiss.base.tables import table, write_table

COLORS = {"red": (220, 40, 40), "blue": (40, 60, 220), "green": (40, 180, 70), "yellow": (230, 210, 50)}
SHAPES = ("cube", "ball", "star")
FORMS = ("1x2", "2x2", "1x3")


def write_tables(folder: Path, *, questions: int = 6, gallery: int = 8) -> None:
    """Write published/images and tables: `questions` items of each concept and form, `gallery` retrieval images."""
    images, items = [], []

    def picture(name: str, split: str) -> str:
        file = f"images/{name}.png"
        target = folder / "published" / file
        target.parent.mkdir(parents=True, exist_ok=True)
        pixels = array_rng(0, "toy", name).integers(0, 255, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(target)
        images.append({"image_id": name, "file": file, "width": 32, "height": 32, "split": split, "source": "toy"})
        return name

    cells = [("relation", "reverse"), ("color", "replace"), ("color", "swap"), ("location", "replace")]
    for (concept, operator), form, number in product(cells, FORMS, range(questions)):
        item_id = f"{concept}-{operator}-{form}-{number:03d}"
        first, second = _captions(concept, operator, number)
        flip = number % 2 == 1
        if flip:
            first, second = second, first
        captions = [first, second] if form != "1x3" else [first, second, f"here {first}"]
        truth = {"1x2": [[True, False]], "2x2": [[True, False], [False, True]], "1x3": [[True, False, True]]}[form]
        names = [picture(f"{item_id}-{letter}", "benchmark_test") for letter in "ab"[: len(truth)]]
        items.append(
            {
                "item_id": item_id,
                "benchmark": "world",
                "subset": form,
                "concept": concept,
                "operator": operator,
                "template_id": f"{concept}-1",
                "condition": "iid" if number % 3 else "new_wording",
                "images": names,
                "captions": captions,
                "truth": truth,
                "crop": None,
            }
        )
    captions, retrieval, classes = [], [], []
    for split, count in (("train", gallery), ("test", gallery)):
        for number in range(count):
            image_id = picture(f"{split}-{number:03d}", split)
            draw = rng(0, "toy", image_id)
            for copy in range(2):
                text = f"a {draw.choice(list(COLORS))} {draw.choice(SHAPES)} number {number}"
                row = {"caption_id": f"{image_id}-{copy}", "image_id": image_id, "text": text}
                captions.append({**row, "template_id": None, "source": "published"})
                if split == "test":
                    also = [f"test-{(number + 1) % count:03d}"] if copy == 0 else []
                    retrieval.append({**row, "right": sorted({image_id, *also})})
            if split == "test":
                classes.append(
                    {
                        "task": "color",
                        "image_id": image_id,
                        "label": number % len(COLORS),
                        "classes": list(COLORS),
                        "prompts": [[f"a {name} thing", f"something {name}"] for name in COLORS],
                    }
                )
    tables = folder / "tables"
    write_table(table("images", sorted(images, key=lambda row: row["image_id"])), tables / "images.parquet", "images")
    write_table(table("captions", captions), tables / "captions.parquet", "captions")
    rows = table("items", sorted(items, key=lambda row: row["item_id"]))
    grouped = (pl.col("condition") == "new_wording") & (pl.col("concept") == "relation")
    first = pl.int_range(pl.len()) % 2 == 0
    order, wording = (
        pl.when(grouped & first).then(pl.lit(one)).when(grouped).then(pl.lit(other))
        for one, other in (("subject first", "fronted"), ("{a} that is {predicate} {b}", "{predicate} {b} is {a}"))
    )
    write_table(rows.with_columns(order=order, wording=wording), tables / "items_test.parquet", "items")
    write_table(table("retrieval", retrieval), tables / "retrieval_test.parquet", "retrieval")
    write_table(table("classification", classes), tables / "classification_test.parquet", "classification")


def write_negatives(folder: Path, pairs: list[tuple[str, str]]) -> None:
    """Write a folder of negatives that edits the given (concept, operator) pairs."""
    rows = [
        {
            "negative_id": f"n{number}",
            "caption_id": "train-000-0",
            "image_id": "train-000",
            "method": "toy",
            "mode": "default",
            "type": "toy",
            "concept": concept,
            "operator": operator,
            "template_id": None,
            "positive": "a red cube",
            "negative": "a blue cube",
            "edits": [{"start": 2, "end": 5, "old": "red", "new": "blue"}],
            "foil_in_scene": False,
            "verdict": "verified",
            "seed": 0,
        }
        for number, (concept, operator) in enumerate(pairs)
    ]
    write_table(table("negatives", rows), folder / "negatives.parquet", "negatives")


def write_checkpoint(folder: Path, *, quick_gelu: bool = False) -> None:
    """Write a checkpoint folder that open_clip opens as local-dir: a CLIP with random weights of about 1 MB."""
    config = {
        "embed_dim": 16,
        "quick_gelu": quick_gelu,
        "vision_cfg": {"image_size": 16, "layers": 1, "width": 32, "patch_size": 8, "head_width": 16},
        "text_cfg": {"context_length": 24, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
    }
    model = open_clip.CLIP(**config)
    draws = array_rng(0, "toy checkpoint")
    state = {name: value.clone() for name, value in model.state_dict().items()}
    for value in state.values():
        if value.is_floating_point() and value.ndim > 0:
            value.copy_(value.new_tensor(draws.normal(0, 0.2, tuple(value.shape))))
    folder.mkdir(parents=True, exist_ok=True)
    save_file(state, folder / "open_clip_model.safetensors")
    preprocess = {
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "interpolation": "bicubic",
        "resize_mode": "shortest",
    }
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": preprocess}))


def _captions(concept: str, operator: str, number: int) -> tuple[str, str]:
    """A true and a false caption; every word occurs equally often in both."""
    names, shapes = list(COLORS), list(SHAPES)
    pair = number // 2
    a, b = names[pair % 4], names[(pair + 1) % 4]
    s, t = shapes[pair % 3], shapes[(pair + 1) % 3]
    if concept == "relation":
        return f"a {a} {s} left of a {b} {t}", f"a {a} {s} right of a {b} {t}"
    if operator == "swap":
        return f"a {a} {s} and a {b} {t}", f"a {b} {s} and a {a} {t}"
    if concept == "location":
        return f"a {a} {s} on the left", f"a {a} {s} on the right"
    return f"a {a} {s}", f"a {b} {s}"
