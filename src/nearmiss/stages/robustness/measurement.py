"""How the figures were measured, as measurement.json says it."""

from typing import Any

import polars as pl

from nearmiss.engine.images.corruptions.registry import CORRUPTIONS
from nearmiss.engine.scoring.embeddings import Embedder
from nearmiss.stages.robustness.captions import TYPOS, shares
from nearmiss.stages.robustness.config import RobustnessConfig


def answerable(items: pl.DataFrame, corruption: str) -> pl.DataFrame:
    """The items whose concept the corruption of images leaves standing."""
    return items.filter(~pl.col("concept").is_in(sorted(CORRUPTIONS[corruption].destroys)))


def record(
    config: RobustnessConfig, items: pl.DataFrame, typed: dict[int, pl.DataFrame], model: Embedder
) -> dict[str, Any]:
    """The noise and its parameters, what it left out and why, the items, the metrics, the model."""
    cells = items.group_by("concept", "operator").len().sort("concept", "operator")
    left_out = {each.corruption: found for each in config.corruptions if (found := _left_out(items, each.corruption))}
    return {
        "benchmark": "world",
        "split": config.split,
        "subset": "2x2, condition iid",
        "items": {f"{concept} {operator}": count for concept, operator, count in cells.iter_rows()},
        "seed": config.seed,
        "severities": sorted(config.severities),
        "corruptions": [each.model_dump(mode="json") for each in config.corruptions],
        "lengths": "given for a side of 224 pixels, scaled by the shorter side over 224, applied at the size as drawn",
        TYPOS: {**config.typos.model_dump(mode="json"), "by_severity": shares(items, typed)} if config.typos else None,
        "left_out": {name: concepts for name, (concepts, _) in left_out.items()},
        "why_left_out": {name: why for name, (_, why) in left_out.items()},
        "metrics": {
            "accuracy": "share of single decisions, a tie half of one; a row without corruption is clean",
            "drop": "accuracy minus the clean accuracy of the same items, intervals paired; below 0 is lost",
            "retained": "(accuracy - chance) / (clean accuracy - chance) of the same items; no row where the lower "
            f"bound of the clean accuracy is below {config.floor}",
        },
        "blind": {
            "clean": "the best text-only baseline on the items that are asked",
            "images": "as clean: noise in images leaves what text alone gives away; over the items that are left",
            TYPOS: "computed again: the baselines read the mistyped captions",
        },
        "model": {"name": model.name, "activation": model.activation, "preprocessing": model.preprocessing},
        "intervals": {
            "method": "percentile bootstrap over clusters of questions that share images",
            "level": config.level,
            "resamples": config.resamples,
        },
        "batch": config.batch_size,
        "threads": config.threads,
        "device": model.device,
    }


def _left_out(items: pl.DataFrame, corruption: str) -> tuple[list[str], str] | None:
    """Concepts that are not asked under a corruption of images, and why; None where all are."""
    concepts = sorted(CORRUPTIONS[corruption].destroys & set(items["concept"]))
    if not concepts:
        return None
    count = items.height - answerable(items, corruption).height
    return concepts, f"{corruption} destroys {', '.join(concepts)}, so nobody could answer: {count} items are not asked"
