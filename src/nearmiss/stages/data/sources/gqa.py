"""GQA: scene graphs of photographs of Visual Genome; nothing is copied."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator

from nearmiss.stages.data.sources.photographs import CAPTION_SET, STATEMENTS, PhotographSource, Split

if TYPE_CHECKING:
    from nearmiss.stages.data.sources.tables import SourceTables


class GqaSource(PhotographSource):
    """GQA (Hudson and Manning, CVPR 2019): boxes, attributes and relations. GQA itself has no captions.

    Captions are statements of the scene graphs, or regions of Visual Genome, which has the same images and ids.
    """

    name: Literal["gqa"] = Field("gqa", description="Scene graphs of GQA.")
    images: str = Field("images", description="Folder of the image files, which are named by id: 2331146.jpg.")
    scene_graphs: dict[Split, str] = Field(
        {"train": "train_sceneGraphs.json", "val": "val_sceneGraphs.json"},
        description="Scene graphs, a JSON file for each split.",
    )
    captions: str | None = Field(
        None,
        description="Captions of the images: scene_graphs for statements of the scene graphs, or "
        "region_descriptions.json of Visual Genome; null for none. Training needs captions; scene graph negatives do "
        "not.",
    )
    captions_per_image: int | None = Field(
        None, ge=1, description="Most captions of an image, drawn by seed or the first of the file; null for all."
    )

    @field_validator("scene_graphs")
    @classmethod
    def _trained(cls, files: dict[Split, str]) -> dict[Split, str]:
        if "train" not in files:
            raise ValueError("train is one of the splits")
        return files

    def split_names(self) -> tuple[str, ...]:
        """The splits that have scene graphs."""
        return tuple(self.scene_graphs)

    def splits_key(self) -> str:
        """The files of scene graphs."""
        return "data.source.scene_graphs"

    def caption_set(self) -> str | None:
        """Statements, regions, or none."""
        return STATEMENTS if self.captions == STATEMENTS else None if self.captions is None else CAPTION_SET

    def files(self) -> dict[str, Path]:
        """Scene graphs and captions."""
        found = {f"scene_graphs.{split}": Path(self.root) / name for split, name in self.scene_graphs.items()}
        return found if self.captions in (None, STATEMENTS) else found | {"captions": Path(self.root) / self.captions}

    def folders(self) -> dict[str, Path]:
        """The folder of images."""
        return {"images": Path(self.root) / self.images}

    def read(self, workers: int) -> "SourceTables":
        """Read the scene graphs, decode each image once, and take the captions of the images that can be used."""
        from nearmiss.stages.data.sources.gqa_tables import read

        return read(self, workers)
