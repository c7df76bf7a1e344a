"""The downstream tasks by name."""

from nearmiss.stages.finetune import shapes, vsr
from nearmiss.stages.finetune.task import Task

TASKS: dict[str, Task] = {
    task.name: task for task in (vsr.TASK, vsr.RANDOM, vsr.ZERO_SHOT, shapes.TASK, shapes.IMAGE_FOLDER)
}
