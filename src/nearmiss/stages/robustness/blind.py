"""What text alone gives away: the best text-only baseline of each endpoint, as in evaluate, learnt once."""

from collections.abc import Iterable

import polars as pl

from nearmiss.engine.scoring import metrics
from nearmiss.engine.scoring.answers import text_only
from nearmiss.engine.scoring.blind import length, lexical, plausibility
from nearmiss.engine.scoring.metrics import Key
from nearmiss.stages.robustness.accuracy import accuracy


class TextOnly:
    """The baselines of `engine/scoring/blind` over a fixed set of texts.

    The plausibility models read all training captions, so they score every text of every severity at once.
    """

    def __init__(self, texts: Iterable[str], training: Iterable[str]) -> None:
        """`texts` are all captions that will be asked, `training` the captions of training images."""
        asked, known = list(texts), list(training)
        self._scores = (
            length.scores(asked),
            plausibility.unigram(asked, known),
            plausibility.bigram(asked, known),
        )

    def best(self, items: pl.DataFrame) -> dict[Key, float]:
        """The best figure of any baseline for each endpoint of `items`."""
        similarity = [text_only(items, scores) for scores in self._scores]
        best: dict[Key, float] = {}
        for each in (*similarity, lexical.similarity(items)):
            for key, figure in metrics.figures(accuracy(items, each)).items():
                best[key] = max(figure, best.get(key, 0.0))
        return best
