"""Tasks `vsr`, `vsr_random` and `vsr_zeroshot`: verification of statements on relations.

Both towers and a head on their embeddings learn.

The search is the cheap fair one: every initialization trains once for each factor at the largest share of the labels,
and the factor that is best on dev also serves the smaller shares. So each has the same number of steps in all.
"""

from typing import Any

import numpy as np
import polars as pl

from nearmiss.base.seeding import derive
from nearmiss.engine.models.tokenization import TextBook, text_book
from nearmiss.engine.training.matching import Matching, Pairs
from nearmiss.stages.finetune.config import VsrConfig
from nearmiss.stages.finetune.task import Given, Solved, Task, TaskPredictions, accuracy


def solve(given: Given, options: VsrConfig) -> Solved:
    """Fine-tune at each share; of the rates' factors, the one with the best dev accuracy (the smaller of equals)."""
    solved = Solved(counts={"images": 0, "texts": 0, "flops": 0})
    book = text_book(given.examples.frame["text"].to_list(), given.start.tokenization)
    dev, test = (_pairs(given, book, given.examples.of(split)) for split in ("dev", "test"))
    largest, *smaller = sorted(given.shares, reverse=True)

    tried: list[dict[str, Any]] = []
    best, chosen = -1.0, 0.0
    for factor in sorted(set(options.factors)):
        matching = _train(given, options, book, largest, factor, solved)
        found = accuracy(matching.logits(dev, given.batch_size) > 0, dev.labels)
        tried.append({"factor": factor, "share": largest, "dev_accuracy": found})
        if found > best:
            best, chosen = found, factor
            solved.predictions[largest] = _predictions(matching.logits(test, given.batch_size))
        _count(matching, solved)
    for share in smaller:
        matching = _train(given, options, book, share, chosen, solved)
        solved.predictions[share] = _predictions(matching.logits(test, given.batch_size))
        _count(matching, solved)
    solved.search = {"tried": tried, "chosen": [{"factor": chosen, "share": share} for share in (largest, *smaller)]}
    return solved


def _train(given: Given, options: VsrConfig, book: TextBook, share: float, factor: float, solved: Solved) -> Matching:
    """A model trained from the initial weights on a share of the labels; its curve is added to `solved`."""
    rates = {"image_lr": factor * options.image_lr, "text_lr": factor * options.text_lr}
    config = options.model_copy(update=rates)
    name = given.examples.task
    matching = Matching(given.start.model(), given.start.config["preprocess_cfg"], given.device)
    order = derive(given.seed, "finetune", name, "order", share)
    pairs = _pairs(given, book, given.examples.part(share, given.seed))
    curve = matching.train(pairs, config, order, what=f"{name} {share:.0%}")
    solved.curve += [{"task": name, "share": share, "factor": factor, **line} for line in curve]
    return matching


def _pairs(given: Given, book: TextBook, frame: pl.DataFrame) -> Pairs:
    return Pairs(
        pixels=given.pixels,
        book=book,
        images=given.examples.image_rows(frame),
        texts=book.numbers(frame["text"]),
        labels=frame["label"].to_numpy(),
    )


def _predictions(logits: np.ndarray) -> TaskPredictions:
    """Class 1 where the logit is above 0, with the probability of what was predicted."""
    sure = 1 / (1 + np.exp(-np.abs(logits.astype(np.float64))))
    return TaskPredictions((logits > 0).astype(np.int64), sure)


def _count(matching: Matching, solved: Solved) -> None:
    for name, value in matching.counts.items():
        solved.counts[name] += value


TASK = Task(name="vsr", solve=solve, texts=True)
RANDOM = Task(name="vsr_random", solve=solve, texts=True)
ZERO_SHOT = Task(name="vsr_zeroshot", solve=solve, texts=True)
