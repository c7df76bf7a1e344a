"""The later stages of the toy experiment: synthesised pairs, fine-tunings and noisy evaluations with planted skills."""

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl
import toy_runs
from PIL import Image

from nearmiss.base.files import write_json
from nearmiss.base.json_digest import with_digest
from nearmiss.base.seeding import array_rng
from nearmiss.base.tables import table, write_table
from nearmiss.engine.benchmarks import registry
from nearmiss.engine.benchmarks.benchmark import ItemBenchmark, Options
from nearmiss.engine.formats.inpaintcoco import CocoDetails, InpaintDetails, Pair
from nearmiss.engine.formats.inpaintcoco import write as write_pairs
from nearmiss.engine.scoring import decisions, metrics
from nearmiss.engine.scoring.metrics import References, Run

STARTS = ("scratch", *toy_runs.SKILLS)
# The share of examples that each start answers right with all labels.
RIGHT = {"scratch": 0.5, "base": 0.6, "clip": 0.6, "random": 0.62, "hnc": 0.9}
NOISE = {"gaussian_noise": (1.5, 4.0, 12.0), "typos": (1.0, 1.2, 1.4)}  # noise at severities 1, 3, 5; clean is 1
CONCEPTS = ("color", "location")
REASONS = {"no caption mentions it": 7, "touches the <border>": 2}


def write(folder: Path, *, seeds=(0,), questions=12, arms=tuple(toy_runs.SKILLS)) -> dict:
    """Write every stage's folders under `folder`; the arguments of compare's run."""
    pairs = _inpaint(folder / "inpaint")
    arguments = toy_runs.write(folder, seeds=seeds, questions=questions, arms=arms, pairs=pairs)
    _examples(folder / "data" / "tables")
    starts = ["scratch", *arms]
    write_json(folder / "robustness" / "corrupted" / "cost.json", with_digest({"seconds": 3.5, "images": 40}))
    (benchmark,), _ = registry.load(["world"], toy_runs.root_of(folder), Options())
    items = benchmark.items.filter(pl.col("subset") == "2x2", pl.col("condition") == "iid")
    selected = replace(benchmark, items=items)
    for seed in seeds:
        for arm in starts:
            _finetuning(folder, arm, seed)
        for arm in arms:
            _robustness(folder, arm, seed, selected)
    return {
        **arguments,
        "finetunings": [folder / "finetune" / arm / str(seed) for arm in starts for seed in seeds],
        "robustnesses": [folder / "robustness" / arm / str(seed) for arm in arms for seed in seeds],
        "inpainted": folder / "inpaint",
    }


def _inpaint(folder: Path) -> Path:
    """Twelve pairs, six a concept; the counts are made up."""
    pairs = [_pair(concept, number) for concept in CONCEPTS for number in range(6)]
    folder.mkdir(parents=True)
    write_pairs(pairs, folder / "test-00000-of-00001.parquet")
    each = {"requested": 8, "pairs": 6, "pictures": 9, "reasons": REASONS}
    write_json(
        folder / "summary.json",
        {
            "pairs": len(pairs),
            "rejected": 18,
            "changed_outside_masks": 0,
            "by_operation": {"move": each, "recolor": each},
            "by_reason": REASONS,
        },
    )
    write_json(folder / "cost.json", with_digest({"seconds": 21.0}))
    return folder / "test-00000-of-00001.parquet"


def _pair(concept: str, number: int) -> Pair:
    before, after = ("red", "blue") if concept == "color" else ("left", "right")
    pixels = array_rng(0, "toy pair", concept, number).integers(0, 255, (2, 32, 32, 3), dtype=np.uint8)
    mask = np.zeros((32, 32, 3), dtype=np.uint8)
    mask[4:20, 4:20] = 255
    image_id = f"{concept}-{number}"
    return Pair(
        concept=concept,
        coco_caption=f"thing {number} is {before}",
        coco_image=_png(pixels[0]),
        inpaint_caption=f"thing {number} is {after}",
        inpaint_image=_png(pixels[1]),
        mask=_png(mask),
        worker="toy",
        coco_details=CocoDetails(captions=(), image_id=image_id, width=32, height=32),
        inpaint_details=InpaintDetails("toy", "replace", image_id, "c", "o", None, before, after, "verified"),
    )


def _png(pixels: np.ndarray) -> bytes:
    out = BytesIO()
    Image.fromarray(pixels).save(out, format="PNG")
    return out.getvalue()


def _examples(tables: Path) -> None:
    """VSR with two conditions, shapes with one; two statements per image."""
    for task, conditions in (("vsr", {"iid": 80, "new_relation": 40}), ("shapes", {"iid": 40})):
        rows = [
            {
                "example_id": f"{task}-{condition}-{number:03d}",
                "task": task,
                "split": "test",
                "condition": condition,
                "image_id": f"{condition}-{number // 2}",
                "text": f"a statement {number}" if task == "vsr" else None,
                "label": number % 2,
                "classes": ["false", "true"] if task == "vsr" else ["ball", "cube"],
                "concept": "relation" if task == "vsr" else "object",
            }
            for condition, count in conditions.items()
            for number in range(count)
        ]
        write_table(table("examples", rows), tables / f"examples_{task}.parquet", "examples")


def _finetuning(root: Path, arm: str, seed: int) -> None:
    rows, measured = [], []
    for task in ("vsr", "shapes"):
        selected = pl.read_parquet(root / "data" / "tables" / f"examples_{task}.parquet")
        for share in (0.1, 1.0):
            skill = 0.5 + (RIGHT[arm] - 0.5) * (share**0.5)
            right = array_rng(seed, "toy finetune", arm, task, share).random(selected.height) < skill
            for row, good in zip(selected.iter_rows(named=True), right, strict=True):
                label = row["label"]
                predicted = label if good else 1 - label
                shared = {name: row[name] for name in ("task", "condition", "example_id", "label")}
                rows.append({**_named(arm, seed), **shared, "share": share, "predicted": predicted, "score": 0.7})
            for (condition, concept), group in selected.with_columns(right=pl.Series(right)).group_by(
                "condition", "concept", maintain_order=True
            ):
                value = float(group["right"].cast(pl.Float64).to_numpy().mean())
                measured.append(_accuracy(arm, seed, task, share, str(condition), str(concept), value, group.height))
    folder = root / "finetune" / arm / str(seed)
    write_table(table("predictions", rows), folder / "predictions.parquet", "predictions")
    write_table(table("metrics", measured), folder / "metrics.parquet", "metrics")
    lines = [{"task": "vsr", "share": 0.1, "factor": 1.0, "step": step, "loss": 1 / step} for step in (20, 40)]
    (folder / "curve.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    write_json(folder / "search.json", {})
    write_json(folder / "cost.json", with_digest({"seconds": 30.0, "images": 100}))
    _manifest(folder, "finetune", {"shares": [0.1, 1.0]})


def _accuracy(arm: str, seed: int, task: str, share: float, condition: str, concept: str, value: float, n: int) -> dict:
    return {
        **_named(arm, seed),
        **dict.fromkeys(("subset", "operator", "corruption", "severity", "trained")),
        "stage": "finetune",
        "benchmark": task,
        "concept": concept,
        "condition": condition,
        "split": "test",
        "task": task,
        "share": share,
        "metric": "accuracy",
        "value": value,
        "low": max(0.0, value - 0.08),
        "high": min(1.0, value + 0.08),
        "n_scored": n,
        "n_expected": n,
        "ties": 0,
        "chance": 0.5,
        "blind": 0.5,
        **dict.fromkeys(("text_prior", "training_probe", "published")),
    }


def _robustness(root: Path, arm: str, seed: int, selected: ItemBenchmark) -> None:
    run, how = Run("toy", arm, seed, "robustness", "test"), toy_runs.HOW
    clean = _accuracies(selected, arm, seed, 1.0)
    references = References({}, {}, {}, {}, toy_runs.TRAINED.get(arm, frozenset()))
    parts = [metrics.rows(clean, run, how, references)]
    for corruption, levels in NOISE.items():
        for severity, noise in zip((1, 3, 5), levels, strict=True):
            named = {"corruption": corruption, "severity": severity, "floor": 0.2}
            corrupted = _accuracies(selected, arm, seed, noise)
            parts.append(metrics.corrupted_rows(corrupted, clean, run, how, references, **named))
    folder = root / "robustness" / arm / str(seed)
    write_table(pl.concat(parts), folder / "metrics.parquet", "metrics")
    write_json(folder / "cost.json", with_digest({"seconds": 11.0, "texts": 9}))
    floor = "(accuracy - .5) / (clean accuracy - .5), where the clean accuracy's lower bound is at least 0.6"
    measurement = {
        "benchmarks": {"world": {"excluded": {"grayscale": ["color"]}}},
        "corruptions": [{"corruption": "grayscale"}],
        "metrics": {"retained": floor},
    }
    write_json(folder / "measurement.json", measurement)
    _manifest(folder, "robustness", {"items": 60})


def _accuracies(selected: ItemBenchmark, arm: str, seed: int, noise: float) -> pl.DataFrame:
    found = decisions.outcomes(selected, toy_runs.of_items(selected.items, arm, seed, noise=noise))
    return found.filter(pl.col("metric") == "accuracy", pl.col("subset") == "2x2")


def _named(arm: str, seed: int) -> dict:
    return {"model": "toy", "arm": arm, "seed": seed}


def _manifest(folder: Path, stage: str, config: dict) -> None:
    fingerprint = {"stage": stage, "config": config, "code": "c2", "lock": "10"}
    write_json(folder / "manifest.json", {"stage": stage, "fingerprint": fingerprint, "outputs": {}})
