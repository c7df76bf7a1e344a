"""Tasks `shapes` and `imagefolder`: classification of images. A linear probe on frozen embeddings, as CLIP was probed.

Radford et al. (ICML 2021, section 3.2 and appendix A.3): logistic regression, its penalty chosen on held-out data.
Embeddings are L2-normalized here (our choice). The text tower is not used.
"""

from typing import Any

import numpy as np
import polars as pl
import torch
from sklearn.linear_model import LogisticRegression
from torch.nn import functional as F

from nearmiss.engine.models.preprocessing import Normalization
from nearmiss.engine.training.flops import image_flops
from nearmiss.stages.finetune.config import LinearProbe
from nearmiss.stages.finetune.task import Given, Solved, Task, TaskPredictions, accuracy


def solve(given: Given, options: LinearProbe) -> Solved:
    """Fit a probe at each share; of the strengths, the one with the best dev accuracy (the smaller of equals)."""
    features, flops = _embed(given)
    solved = Solved(counts={"images": len(features), "texts": 0, "flops": flops})
    examples = given.examples

    def of(frame: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        return features[examples.image_rows(frame)], frame["label"].to_numpy()

    dev, test = of(examples.of("dev")), of(examples.of("test"))
    tried: list[dict[str, Any]] = []
    chosen: list[dict[str, Any]] = []
    for share in sorted(given.shares, reverse=True):
        training = of(examples.part(share, given.seed))
        best = -1.0
        for strength in sorted(set(options.strengths)):
            probe = LogisticRegression(C=strength, max_iter=options.iterations).fit(*training)
            found = accuracy(probe.predict(dev[0]), dev[1])
            tried.append({"strength": strength, "share": share, "dev_accuracy": found})
            if found > best:
                best, choice = found, strength
                solved.predictions[share] = _predictions(probe, test[0])
        chosen.append({"strength": choice, "share": share})
    solved.search = {"tried": tried, "chosen": chosen}
    return solved


@torch.no_grad()
def _embed(given: Given) -> tuple[np.ndarray, int]:
    """L2-normalized embeddings (images, D) float64 of all images, and the operations that they cost."""
    model = given.start.model().to(given.device).eval()
    normalize = Normalization(given.start.config["preprocess_cfg"], given.device)
    parts = []
    for start in range(0, len(given.pixels), given.batch_size):
        pixels = torch.from_numpy(given.pixels[start : start + given.batch_size]).to(given.device)
        parts.append(F.normalize(model.encode_image(normalize(pixels)).float(), dim=-1).cpu().numpy())
    features = np.concatenate(parts).astype(np.float64)
    return features, len(features) * image_flops(model, given.pixels.shape[1])


def _predictions(probe: LogisticRegression, features: np.ndarray) -> TaskPredictions:
    """The likeliest class of each image; a class without a training label is never predicted."""
    likely = probe.predict_proba(features)
    return TaskPredictions(probe.classes_[likely.argmax(axis=1)].astype(np.int64), likely.max(axis=1))


TASK = Task(name="shapes", solve=solve)
IMAGE_FOLDER = Task(name="imagefolder", solve=solve)
