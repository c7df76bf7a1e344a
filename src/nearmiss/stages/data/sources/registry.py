"""Every data source: a class in a file of its own, and its name in the union below."""

from typing import Annotated

from pydantic import Field

from nearmiss.stages.data.sources.coco import CocoSource
from nearmiss.stages.data.sources.flickr import Flickr8kSource, Flickr30kSource
from nearmiss.stages.data.sources.folder import FolderSource
from nearmiss.stages.data.sources.gqa import GqaSource
from nearmiss.stages.data.sources.visual_genome import VisualGenomeSource
from nearmiss.stages.data.sources.webdataset import WebDatasetSource
from nearmiss.stages.data.sources.world import WorldSource

AnySource = Annotated[
    WorldSource
    | CocoSource
    | GqaSource
    | VisualGenomeSource
    | Flickr8kSource
    | Flickr30kSource
    | FolderSource
    | WebDatasetSource,
    Field(discriminator="name"),
]
"""Options of any source, discriminated by `name`."""

DefaultSource = WorldSource
"""The source of a configuration that names none."""
