"""The synthetic world: scenes are drawn, described and published as real data sets are, and read back into tables."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field

from nearmiss.base.errors import InputError
from nearmiss.base.typed import at_most
from nearmiss.engine.world.spec import WorldConfig
from nearmiss.stages.data.sources.spec import TABLES, DataSource, Declaration

if TYPE_CHECKING:
    from nearmiss.stages.data.overlap import Exclusion

SPLITS = ("train", "val", "test", "final")
CAPTION_SETS = ("broad", "narrow")
BENCHMARKS = ("items", "retrieval", "classification")
TASKS = ("vsr", "shapes")


class WorldSource(WorldConfig, DataSource):
    """The synthetic world, which needs no download."""

    name: Literal["world"] = Field("world", description="The synthetic world.")

    def declare(self, data: str) -> Declaration:
        """Published files below published/, scenes below truth/, and tables of benchmarks and tasks."""
        published, splits, benchmark_splits = f"{data}/published", self.splits(), self.benchmark.splits
        questions = ("benchmark", "retrieval", "classification")
        return Declaration(
            splits=splits,
            caption_sets=CAPTION_SETS,
            default_sets={"base": "broad", "continued": "narrow", "negatives": "narrow", "inpaint": "narrow"},
            image_root=published,
            images=f"{published}/images",
            words=f"{published}/words.txt",
            tables=(
                *TABLES,
                *(f"{name}_{split}" for name in BENCHMARKS for split in benchmark_splits),
                *(f"examples_{task}" for task in TASKS),
            ),
            files=(
                *(f"{published}/{name}_{split}.json" for name in ("instances", "scene_graphs") for split in splits),
                *(f"{published}/captions_{split}_{name}.json" for name in CAPTION_SETS for split in splits),
                *(f"{published}/{name}_{split}.json" for name in questions for split in benchmark_splits),
                f"{data}/truth/scenes_tasks.json",
                *(f"{data}/truth/scenes_benchmark_{split}.json" for split in benchmark_splits),
            ),
            folders=(f"{published}/images", f"{published}/tasks"),
            closed_vocabulary=True,
            photographs=False,
            masks=True,
            reserved=f"{published}/reserved.json",
            truth=tuple(f"{data}/truth/scenes_{split}.json" for split in splits),
            keys={"images": "data.source.images", "benchmarks": "data.source.benchmark.splits"},
        )

    def splits(self) -> tuple[str, ...]:
        """Splits that have images."""
        return tuple(split for split in SPLITS if getattr(self.images, split) > 0)

    def write(
        self, data: Path, workers: int, exclusion: "Exclusion | None" = None
    ) -> tuple[dict[str, object], dict[str, str]]:
        """Publish the world and read what was published; there is no input, and no photograph to exclude."""
        for split in ("train", *self.benchmark.splits):
            if split not in self.splits():
                raise InputError(
                    f"split '{split}' is empty",
                    record=f"data.source.images.{split}",
                    remedy="give the split images, or take it out of data.source.benchmark.splits",
                )
        from nearmiss.engine.world.publish import publish
        from nearmiss.stages.data.sources.world_tables import read_published, summary

        publish(self, data, workers)
        (data / "tables").mkdir()
        read_published(
            data / "published",
            data / "tables",
            splits=list(self.splits()),
            benchmark_splits=list(self.benchmark.splits),
        )
        return summary(data, self), {}

    def smaller(self) -> Self:
        """At most 1,500 training images, 100 in every other split, and few items and examples."""
        few = {"train": 300, "dev": 60, "test": 120, "held_out": 60}
        tasks = {task: at_most(getattr(self.tasks, task), **few) for task in TASKS}
        return self.model_copy(
            update={
                "images": at_most(self.images, train=1500, val=100, test=100, final=100),
                "benchmark": at_most(self.benchmark, iid=40, other=20),
                "tasks": self.tasks.model_copy(update=tasks),
            }
        )
