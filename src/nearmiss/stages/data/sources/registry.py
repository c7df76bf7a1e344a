"""Every data source: a class in a file of its own, and its name in the union below."""

from typing import Annotated

from pydantic import Field

from nearmiss.stages.data.sources.coco import CocoSource
from nearmiss.stages.data.sources.world import WorldSource

AnySource = Annotated[WorldSource | CocoSource, Field(discriminator="name")]
"""Options of any source, discriminated by `name`."""
