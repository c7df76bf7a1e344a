"""Can one picture of a pair tell whether it was changed? A classifier on image statistics and a small network try.

Both see the part of the picture around the edit, original or changed, never the other one, and are cross-validated
by image, so that no photograph is learnt from and asked about. Bar: 60 % or less on the color pairs that pass the
gates, by the estimate; the interval resamples photographs. Run:

    python benchmarks/inpaint_artifacts.py PAIRS.parquet      (what nearmiss inpaint made)
"""

import sys
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import torch
from PIL import Image
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GroupKFold
from torch import nn

from nearmiss.engine.images.masks import box_of
from nearmiss.engine.scoring.statistics import clusters, interval

SIDE, FOLDS, EPOCHS, MARGIN = 64, 5, 30, 0.25


def main(file: Path) -> None:
    """Print the accuracy of both for each concept that has enough pairs."""
    pairs = pl.read_parquet(file)
    print(f"{'concept':8s} {'pairs':>5s} {'images':>6s}   statistics            network")
    for (concept,), rows in sorted(pairs.group_by("concept"), key=lambda each: str(each[0])):
        parts, labels, groups = [], [], []
        for row in rows.sort("inpaint_caption").iter_rows(named=True):
            box = around(decoded(row["mask"])[..., 0] > 0)
            for name, label in (("coco_image", 0), ("inpaint_image", 1)):
                parts.append(cut(decoded(row[name]), box))
                labels.append(label)
                groups.append(row["inpaint_details"]["image_id"])
        if len(set(groups)) < FOLDS:
            print(f"{concept:8s} {rows.height:5d} {len(set(groups)):6d}   too few photographs")
            continue
        told = [
            figure(rule(np.stack(parts), np.array(labels), groups) == labels, groups) for rule in (statistics, network)
        ]
        print(f"{concept:8s} {rows.height:5d} {len(set(groups)):6d}   {told[0]}   {told[1]}")


def decoded(image: dict[str, bytes]) -> np.ndarray:
    """(H, W, 3) uint8."""
    return np.asarray(Image.open(BytesIO(image["bytes"])).convert("RGB"))


def around(mask: np.ndarray) -> tuple[int, int, int, int]:
    """top, bottom, left, right of the edit with a margin of a quarter of its size."""
    x, y, w, h = box_of(mask)
    more = round(MARGIN * max(w, h))
    return max(0, y - more), y + h + more, max(0, x - more), x + w + more


def cut(pixels: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """The part of a picture at SIDE x SIDE."""
    top, bottom, left, right = box
    return cv2.resize(pixels[top:bottom, left:right], (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def figure(right: np.ndarray, groups: list[str]) -> str:
    """Accuracy in percent with its 95 % interval over photographs."""
    cluster = clusters([[group] for group in groups])
    low, high = interval(
        right.astype(float), np.ones(len(right)), cluster, resamples=1000, level=0.95, names=("artifacts",)
    )
    return f"{100 * right.mean():5.1f} [{100 * low:5.1f}, {100 * high:5.1f}]"


def statistics(parts: np.ndarray, labels: np.ndarray, groups: list[str]) -> np.ndarray:
    """A random forest on moments of color, gradient and grain: predicted labels (n,)."""
    features = np.stack([described(part) for part in parts])
    found = np.empty(len(labels), dtype=int)
    for learnt, asked in GroupKFold(FOLDS).split(features, labels, groups):
        model = RandomForestClassifier(300, random_state=0, n_jobs=2).fit(features[learnt], labels[learnt])
        found[asked] = model.predict(features[asked])
    return found


def described(part: np.ndarray) -> np.ndarray:
    """Moments of a picture's channels, of its gradient and of its finest detail."""
    lab = cv2.cvtColor(part.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    gray = lab[..., 0]
    edges = np.hypot(cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1))
    grain = gray - cv2.GaussianBlur(gray, (0, 0), 1.0)
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    planes = (lab[..., 0], lab[..., 1], lab[..., 2], chroma, edges, grain)
    return np.concatenate([[p.mean(), p.std(), *np.quantile(p, (0.05, 0.5, 0.95))] for p in planes])


def network(parts: np.ndarray, labels: np.ndarray, groups: list[str]) -> np.ndarray:
    """Four convolutions, turned and mirrored pictures: predicted labels (n,)."""
    found = np.empty(len(labels), dtype=int)
    pixels = torch.from_numpy(parts.transpose(0, 3, 1, 2)).float() / 127.5 - 1
    for fold, (learnt, asked) in enumerate(GroupKFold(FOLDS).split(parts, labels, groups)):
        torch.manual_seed(fold)
        widths = (3, 16, 32, 64, 64)
        layers = [nn.Sequential(nn.Conv2d(i, o, 3, 2, 1), nn.BatchNorm2d(o), nn.ReLU()) for i, o in pairwise(widths)]
        model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.3), nn.Linear(64, 2))
        optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.05)
        truth = torch.from_numpy(labels)
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(learnt)).split(32):
                batch = pixels[learnt[rows]]
                batch = torch.flip(batch, [3]) if torch.rand(()) < 0.5 else batch
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(batch), truth[learnt[rows]]).backward()
                optimizer.step()
        model.eval()
        with torch.inference_mode():
            found[asked] = model(pixels[asked]).argmax(1).numpy()
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]))
