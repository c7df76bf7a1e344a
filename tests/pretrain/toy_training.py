"""A training small enough for a unit test: tinted noise, made-up captions, and negatives of both kinds."""

from pathlib import Path

import numpy as np
from PIL import Image

from nearmiss.base.seeding import array_rng, rng
from nearmiss.base.tables import table, write_table
from nearmiss.engine.objectives import spec
from nearmiss.stages.pretrain import store
from nearmiss.stages.pretrain.config import ArmConfig, ModelConfig, PhaseConfig, PretrainConfig

COLORS, SHAPES = ("red", "blue", "green", "pink"), ("cube", "ball", "star")
TINTS = {"red": (130, 0, 0), "blue": (0, 0, 130), "green": (0, 130, 0), "pink": (130, 60, 90)}
WORDS = (*COLORS, *SHAPES, "a", "of", "left", "right", "there", "is", "two", "and", "the", "small", "large")
STARTS = ("a", "the", "there is a")  # an image's captions differ
IMAGES, CAPTIONS = 24, 3

CONFIG = PretrainConfig(
    model=ModelConfig(image_size=24, embed_dim=16, text_width=16, text_heads=2, context_length=16),
    base=PhaseConfig(captions="broad", steps=6),
    continued=PhaseConfig(captions="narrow", steps=6),
    batch_size=8,
    warmup_steps=2,
    checkpoint_every=2,
    device="cpu",
)
BASE = ArmConfig(objective=[spec.Contrastive()], num_negatives=0)
OWN = ArmConfig(method="toy", objective=[spec.Contrastive(), spec.OwnNegatives()])
RELEASED = ArmConfig(method="toy", objective="ce_clip_released", mask="none")
OTHERWISE = ArmConfig(method="toy", objective=[spec.Sigmoid(negatives="own"), spec.HardPositive()])
RANK = ArmConfig(method="toy", objective=[spec.HardNegativeColumns(), spec.IntraModalContrast(), spec.CrossModalRank()])


def color_of(image_id):
    """The color that an image is tinted with, which its generated positives name."""
    return COLORS[int(image_id[-2:]) % len(COLORS)]


def negative(number, caption, text, *, kind="color", concept="color", verdict="verified"):
    """A row of table negatives, made of a row of table captions."""
    return {
        "negative_id": f"n-{number:04d}",
        "caption_id": caption["caption_id"],
        "image_id": caption["image_id"],
        "method": "toy",
        "mode": "default",
        "type": kind,
        "concept": concept,
        "operator": "replace",
        "template_id": None,
        "positive": caption["text"],
        "negative": text,
        "edits": [],
        "foil_in_scene": False,
        "verdict": verdict,
        "seed": 0,
    }


def captions():
    """Rows of table captions: three of each training image, and one of an image of another split."""
    rows = []
    for number in range(IMAGES):
        draw = rng(0, "toy captions", number)
        for copy in range(CAPTIONS):
            first, second = draw.sample(COLORS, 2)
            text = f"{STARTS[copy]} {first} {draw.choice(SHAPES)} left of a {second} {draw.choice(SHAPES)}"
            rows.append(caption(f"train-{number:02d}", copy, text))
    return [*rows, caption("val-00", 0, "there is a red cube")]


def caption(image_id, copy, text):
    """A row of table captions."""
    return {
        "caption_id": f"{image_id}-{copy}",
        "image_id": image_id,
        "text": text,
        "template_id": None,
        "source": "published",
    }


def write(folder: Path) -> None:
    """Write images, tables/images, tables/captions, words.txt, negatives/ and pairs/ (with positives) and store/."""
    images = []
    for number in range(IMAGES + 1):
        split, place = ("train", number) if number < IMAGES else ("val", 0)
        name = f"{split}-{place:02d}"
        pixels = array_rng(0, "toy pixels", name).integers(0, 120, (32, 40, 3), dtype=np.uint8)
        pixels += np.array(TINTS[color_of(name)], dtype=np.uint8)
        (folder / "images").mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / "images" / f"{name}.png")
        file = f"images/{name}.png"
        images.append({"image_id": name, "file": file, "width": 40, "height": 32, "split": split, "source": "toy"})
    own = captions()
    write_table(table("images", images), folder / "tables" / "images.parquet", "images")
    write_table(table("captions", own), folder / "tables" / "captions.parquet", "captions")
    (folder / "words.txt").write_text("\n".join(sorted(WORDS)) + "\n")
    write_negatives(folder / "negatives", own)
    write_paraphrases(folder / "negatives", own)
    write_pairs(folder / "pairs", own)
    store.run(
        config=CONFIG,
        images=folder / "tables" / "images.parquet",
        root=folder,
        out=folder / "store",
        state=folder / "store-state",
    )


def write_negatives(folder: Path, own) -> None:
    """Negatives of captions: none to five each, of two types, some of them counts, one only plausible."""
    rows = []
    for row in own:
        draw = rng(0, "toy negatives", row["caption_id"])
        for _ in range(draw.randrange(6)):
            text = f"a {draw.choice(COLORS)} {draw.choice(SHAPES)} right of a {draw.choice(COLORS)} star"
            rows.append(negative(len(rows), row, text, kind=draw.choice(("color", "object"))))
        if draw.random() < 0.3:
            rows.append(negative(len(rows), row, "there is two ball", kind="count", concept="count"))
    rows[0]["verdict"] = "plausible"
    write_table(table("negatives", rows), folder / "negatives.parquet", "negatives")


def write_paraphrases(folder: Path, own) -> None:
    """Two paraphrases of every other caption; "the" for "a" is sufficient here."""
    rows = []
    for row in own[::2]:
        first = row["text"].split()[0]
        others = [start for start in STARTS if start.split()[0] != first]
        texts = [f"{start} {row['text'].removeprefix('there is a ').removeprefix(first + ' ')}" for start in others]
        rows += [
            {
                "paraphrase_id": f"{row['caption_id']}-{number}",
                "caption_id": row["caption_id"],
                "image_id": row["image_id"],
                "operator": "toy",
                "positive": row["text"],
                "paraphrase": text,
                "edits": [],
            }
            for number, text in enumerate(texts)
        ]
    write_table(table("paraphrases", rows), folder / "paraphrases.parquet", "paraphrases")


def write_pairs(folder: Path, own) -> None:
    """Generated positives with one negative each; two images have none."""
    positives, rows = [], []
    for image_id in sorted({row["image_id"] for row in own})[2:]:
        draw = rng(0, "toy pairs", image_id)
        for copy in range(draw.randrange(1, 5)):
            color, shape = color_of(image_id), draw.choice(SHAPES)
            other = draw.choice([name for name in COLORS if name != color])
            positive = {
                **caption(image_id, copy, f"the {shape} is {color}"),
                "caption_id": f"{image_id}-g{copy}",
                "source": "toy",
            }
            positives.append(positive)
            rows.append(negative(len(rows), positive, f"the {shape} is {other}"))
    write_table(table("captions", positives), folder / "captions.parquet", "captions")
    write_table(table("negatives", rows), folder / "negatives.parquet", "negatives")


def arguments(folder: Path, **changed):
    """Arguments of stage pretrain for the toy's base; `changed` wins."""
    out = changed.pop("out", "base")
    return {
        "shared": CONFIG,
        "arm_name": "base",
        "arm": BASE,
        "seed": 0,
        "store": folder / "store",
        "captions": folder / "tables" / "captions.parquet",
        "words": folder / "words.txt",
        "negatives": None,
        "start": None,
        "state": folder / "state" / Path(out).name,
        "fingerprint": None,
        "out": folder / out,
        **changed,
    }
