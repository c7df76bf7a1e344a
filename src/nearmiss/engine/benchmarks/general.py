"""What is asked of a model beside fine-grained questions: galleries to search, and classes to tell apart, as read."""

from dataclasses import dataclass, field

import numpy as np

from nearmiss.engine.benchmarks.fields import LeftOut
from nearmiss.engine.benchmarks.published import Carried


@dataclass(frozen=True)
class Gallery:
    """Images and captions that look for each other. Images are paths below the data root."""

    name: str
    images: list[str]
    captions: list[str]
    own: np.ndarray
    """(I, C) bool: the caption was written for the image."""
    right: np.ndarray
    """(I, C) bool: the caption is right for the image by any source; `own` where there is no further one."""
    hashes: dict[str, str]
    notes: str
    left_out: list[LeftOut] = field(default_factory=list)
    """Records that could not be read."""


@dataclass(frozen=True)
class Labelled:
    """Images with the number of their class, and the prompts of each class."""

    name: str
    images: list[str]
    labels: list[int]
    classes: list[str]
    prompts: list[list[str]]
    hashes: dict[str, str]
    notes: str
    carried: dict[str, Carried] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    """Folders and classes that are listed and have no image."""
