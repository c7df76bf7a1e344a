"""The smallest world that the tests of stage data look at."""

from nearmiss.stages.data.config import DataConfig
from nearmiss.stages.data.sources.world import WorldSource

SMALL = DataConfig(
    source=WorldSource.model_validate(
        {
            "images": {"train": 120, "val": 20, "test": 20, "final": 0},
            "benchmark": {"splits": ["test"], "iid": 4, "other": 2},
            "tasks": {
                "vsr": {"train": 40, "dev": 8, "test": 20, "held_out": 16},
                "shapes": {"train": 36, "dev": 6, "test": 12, "held_out": 8},
            },
        }
    )
)
