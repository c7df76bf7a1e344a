"""Downstream tasks small enough for a unit test: tinted noise, whether a sentence names its tint, and which it is."""

from pathlib import Path

import numpy as np
from PIL import Image

from nearmiss.base.seeding import array_rng
from nearmiss.base.tables import table, write_table
from nearmiss.engine.models.checkpoint import configuration, fresh_model, save_checkpoint
from nearmiss.engine.models.tokenization import word_tokenizer
from nearmiss.stages.finetune.config import FinetuneConfig, ProbeConfig, VsrConfig

TINTS = {"red": (120, 0, 0), "blue": (0, 0, 120), "green": (0, 120, 0)}
NAMES = tuple(TINTS)
WORDS = (*NAMES, "the", "thing", "is", "here", *(f"n{number}" for number in range(10)))
SIZES = {"train": 48, "dev": 12, "test": 24}

VSR = VsrConfig(steps=40, batch_size=16, image_lr=3e-3, text_lr=3e-3, head_lr=1e-2, factors=[0.5, 1.0], warmup_steps=5)
CONFIG = FinetuneConfig(
    tasks=[VSR, ProbeConfig(strengths=[1.0, 100.0])], shares=[0.25, 1.0], resamples=100, batch_size=16
)


def write(folder: Path) -> None:
    """Write published/images, tables/ (images, examples_vsr, examples_shapes) and checkpoint/."""
    images: list[dict] = []
    statements: list[dict] = []
    pictures: list[dict] = []
    for split, size in SIZES.items():
        for number in range(size):
            # two statements of one text in a row: the first is true, the second false
            named = NAMES[number // 2 % 3]
            shown = named if number % 2 == 0 else NAMES[(number // 2 + 1 + number // 6 % 2) % 3]
            text = f"the thing n{number // 2 % 10} n{number // 20} is {named}"
            image_id = _picture(folder, f"vsr-{split}-{number:02d}", shown, images)
            condition = "new_pair" if split == "test" and number >= 16 else "iid"
            row = example("vsr", split, number, image_id, condition=condition, text=text, label=1 - number % 2)
            statements.append(row)
        for number in range(size):
            image_id = _picture(folder, f"shapes-{split}-{number:02d}", NAMES[number % 3], images)
            pictures.append(example("shapes", split, number, image_id, label=number % 3))
    write_table(table("images", images), folder / "tables" / "images.parquet", "images")
    for task, rows in (("vsr", statements), ("shapes", pictures)):
        write_table(table("examples", rows), folder / "tables" / f"examples_{task}.parquet", "examples")
    write_checkpoint(folder / "checkpoint", seed=5)


def example(task: str, split: str, number: int, image_id: str, **values) -> dict:
    """A row of table examples."""
    return {
        "example_id": f"{task}-{split}-{number:02d}",
        "task": task,
        "split": split,
        "condition": "iid",
        "image_id": image_id,
        "text": None,
        "classes": ["false", "true"] if task == "vsr" else list(NAMES),
        "concept": "relation" if task == "vsr" else "object",
        **values,
    }


def _picture(folder: Path, name: str, tint: str, images: list[dict]) -> str:
    pixels = array_rng(0, "toy picture", name).integers(0, 120, (24, 24, 3), dtype=np.uint8)
    file = folder / "published" / "images" / f"{name}.png"
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels + np.array(TINTS[tint], dtype=np.uint8)).save(file)
    row = {"image_id": name, "file": f"images/{name}.png", "width": 24, "height": 24, "split": "tasks", "source": "toy"}
    images.append(row)
    return name


def write_checkpoint(folder: Path, seed: int) -> None:
    """A checkpoint folder of our smallest model, with the random weights of a seed."""
    tokenizer = word_tokenizer(WORDS, 12)
    config = configuration(
        image_tower="nearmiss_conv",
        image_size=16,
        embed_dim=16,
        text_width=16,
        text_layers=1,
        text_heads=2,
        context_length=12,
        vocabulary=tokenizer.get_vocab_size(),
    )
    save_checkpoint(folder, fresh_model(config, seed), config, tokenizer)


def arguments(folder: Path, **changed) -> dict:
    """Arguments of stage finetune on the toy; `changed` wins."""
    return {
        "config": CONFIG,
        "arm": "hnc",
        "seed": 3,
        "checkpoint": folder / "checkpoint",
        "tables": folder / "tables",
        "root": folder / "published",
        "fingerprint": None,
        **changed,
        "out": folder / changed.get("out", "out"),
    }
