"""An exam: the chosen benchmarks of one split, what they ask, and what the answers were worth.

`evaluate` sits it with a model; `compare` reads the kept similarities and asks again what each question was worth, so
that two runs can be compared question by question.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.engine.benchmarks import classification, inpaintcoco, retrieval, world
from nearmiss.engine.benchmarks.classification import Classification
from nearmiss.engine.benchmarks.inpaintcoco import InpaintItems
from nearmiss.engine.benchmarks.measurement import Measurement
from nearmiss.engine.benchmarks.retrieval import Retrieval
from nearmiss.engine.benchmarks.world import Items
from nearmiss.engine.scoring import classes, decisions, ranking
from nearmiss.engine.scoring.answers import Answers, Crop, as_crop
from nearmiss.engine.scoring.blind import baselines
from nearmiss.engine.scoring.metrics import Key, endpoints
from nearmiss.engine.scoring.outcomes import ordered


@dataclass(frozen=True)
class Exam:
    """The chosen benchmarks, read and checked; one that was not chosen is None."""

    items: Items | None
    inpainted: InpaintItems | None
    retrieval: Retrieval | None
    classification: Classification | None
    recall_at: tuple[int, ...]

    def measurements(self) -> list[Measurement]:
        """How each benchmark is measured."""
        parts = (self.items, self.inpainted, self.retrieval, self.classification)
        return [part.measurement for part in parts if part is not None]

    def images(self) -> list[tuple[str, Crop | None]]:
        """Each unique (image_id, crop), sorted."""
        found: set[tuple[str, Crop | None]] = set()
        for frame in self._frames():
            for images, crop in frame.select("images", "crop").iter_rows():
                found.update((image_id, as_crop(crop)) for image_id in images)
        if self.retrieval is not None:
            found.update((image_id, None) for image_id in self.retrieval.image_ids)
        if self.classification is not None:
            found.update((image_id, None) for image_id in self.classification.frame["image_id"])
        return sorted(found, key=lambda pair: (pair[0], pair[1] or ()))

    def texts(self) -> list[str]:
        """Each unique text, sorted."""
        found: set[str] = set()
        for frame in self._frames():
            found.update(frame["captions"].explode())
        if self.retrieval is not None:
            found.update(self.retrieval.texts)
        if self.classification is not None:
            for prompts in self.classification.frame["prompts"].unique().to_list():
                found.update(text for texts in prompts for text in texts)
        return sorted(found)

    def similarity(self, answers: Answers) -> pl.DataFrame:
        """item_id and similarity (list[list[float32]]) of every question, sorted by item_id.

        World items keep their id. Retrieval has one row an image (`retrieval/<image_id>`: 1 x captions, sorted by
        caption_id), classification one an image and task (`classification/<task>/<image_id>`: 1 x classes).
        """
        parts = [answers.of_items(frame) for frame in self._frames()]
        if self.retrieval is not None:
            matrix = answers.matrix(self.retrieval.image_ids, self.retrieval.texts)
            parts.append(ranking.as_rows(self.retrieval, matrix))
        if self.classification is not None:
            parts.append(classes.as_rows(self.classification.frame, answers.of_classes(self.classification.frame)))
        return pl.concat(parts).sort("item_id")

    def judged(self, judge: Callable[[pl.DataFrame], pl.DataFrame]) -> pl.DataFrame:
        """item_id and similarity of every item, sorted, by a scorer of pairs, which is given tables of items."""
        return pl.concat([judge(frame) for frame in self._frames()]).sort("item_id")

    def outcomes(self, similarity: pl.DataFrame) -> pl.DataFrame:
        """What each question was worth, from what `similarity` gave (or from table `scores`)."""
        parts = [decisions.outcomes(frame, similarity) for frame in self._frames()]
        if self.retrieval is not None:
            matrix = ranking.from_rows(self.retrieval, similarity)
            parts.append(ranking.outcomes(self.retrieval, matrix, self.recall_at))
        if self.classification is not None:
            frame = self.classification.frame
            parts.append(classes.outcomes(frame, classes.from_rows(frame, similarity)))
        return ordered(parts)

    def item_outcomes(self, similarity: pl.DataFrame) -> pl.DataFrame:
        """The same of the items alone."""
        return ordered([decisions.outcomes(frame, similarity) for frame in self._frames()])

    def blind(self, training: Iterable[str]) -> dict[str, pl.DataFrame]:
        """Outcomes of each text-only baseline; `training` are captions of training images."""
        known = list(training)
        by_frame = [baselines.of_items(frame, known) for frame in self._frames()]
        found = {name: ordered([of[name] for of in by_frame]) for name in (by_frame[0] if by_frame else ())}
        constant = []
        if self.retrieval is not None:
            constant.append(baselines.of_retrieval(self.retrieval, self.recall_at))
        if self.classification is not None:
            constant.append(baselines.of_classification(self.classification.frame))
        return {**found, **({"blind_constant": ordered(constant)} if constant else {})}

    @property
    def has_items(self) -> bool:
        """Whether a benchmark of items is among the chosen ones."""
        return bool(self._frames())

    def n_expected(self) -> dict[Key, int]:
        """Number of questions of each endpoint of the items, scored or not."""
        blank = [decisions.blank(frame) for frame in self._frames()]
        return {key: group.height for key, group in endpoints(ordered(blank))} if blank else {}

    def _frames(self) -> list[pl.DataFrame]:
        """The tables of items, one a benchmark of such."""
        return [part.frame for part in (self.items, self.inpainted) if part is not None]


def read(
    tables: Path, split: str, benchmarks: Iterable[str], recall_at: Iterable[int], inpaint: Path | None = None
) -> Exam:
    """Read the chosen benchmarks of a split from the folder of tables, and InpaintCOCO's from the file `inpaint`.

    Raises InputError where one is unfit.
    """
    chosen = set(benchmarks)
    if not chosen:
        raise InputError("no benchmark is chosen", remedy="name at least one under evaluate.benchmarks")
    if "inpaintcoco" in chosen and inpaint is None:
        raise InputError(
            "the benchmark inpaintcoco has no file",
            record="evaluate.benchmarks",
            remedy="give the file of pairs (--inpaint), or take the benchmark out",
        )
    return Exam(
        items=world.load(tables, split) if "world" in chosen else None,
        inpainted=inpaintcoco.load(inpaint, split) if inpaint is not None and "inpaintcoco" in chosen else None,
        retrieval=retrieval.load(tables, split) if "retrieval" in chosen else None,
        classification=classification.load(tables, split) if "classification" in chosen else None,
        recall_at=tuple(recall_at),
    )
