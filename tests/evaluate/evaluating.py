"""Evaluations of the small model in tests, and what they show."""

import polars as pl
import torch

import small_open_clip
from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.engine.scoring.model import Model
from nearmiss.stages.evaluate.config import EvaluateConfig
from nearmiss.stages.evaluate.stage import METRICS, run
from nearmiss.stages.evaluate.terminal import summary


def runner(folder):
    """A function that evaluates the small model: measurement.json, with the model's rows of metrics beside."""

    def with_defaults(root, benchmarks=None, out="out", released=False, data_root=None, **options):
        torch.manual_seed(0)  # an untrained model draws its weights
        config = EvaluateConfig(benchmarks=benchmarks, tagger="lexicon", device="cpu", released=released, resamples=200)
        measurement = run(
            **{"cache": folder / "cache", "model": Model(small_open_clip.NAME, None, "toy", 0)} | options,
            config=config,
            root=DataRoot(root) if data_root is None else data_root,
            out=folder / out,
        )
        return measurement | {"metrics": rows(folder / out)}

    return with_defaults


def rows(folder):
    """The model's rows of table `metrics`."""
    return pl.read_parquet(folder / METRICS).filter(pl.col("model") != "blind").to_dicts()


def shown(result):
    """What the terminal shows of `runner`'s result."""
    schema = {"published": pl.Float64, "text_prior": pl.Float64, "training_probe": pl.Float64, "blind": pl.Float64}
    frame = pl.DataFrame(result["metrics"], schema_overrides=schema if result["metrics"] else None)
    if not result["metrics"]:
        frame = pl.DataFrame(schema={"model": pl.String, "benchmark": pl.String})
    return summary(result, frame)
