"""Visual Genome: photographs with region descriptions as captions, objects, attributes and relations."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, model_validator

from nearmiss.stages.data.sources.photographs import CAPTION_SET, STATEMENTS, DrawnSplits, OneOrMore, names_of

if TYPE_CHECKING:
    from nearmiss.stages.data.sources.tables import SourceTables


class VisualGenomeSource(DrawnSplits):
    """Visual Genome (Krishna et al., IJCV 2017). It has no splits of its own."""

    name: Literal["visual_genome"] = Field("visual_genome", description="Visual Genome.")
    images: OneOrMore = Field(["VG_100K", "VG_100K_2"], description="Folders of the image files.")
    image_data: str = Field("image_data.json", description="Sizes and addresses of the images, a JSON file.")
    captions: Literal["regions", "scene_graphs"] | None = Field(
        "regions",
        description="Captions of the images: their region descriptions, each a caption of the whole image, statements "
        "of the scene graphs, or null.",
    )
    regions: str = Field("region_descriptions.json", description="Region descriptions, a JSON file.")
    captions_per_image: int | None = Field(
        None,
        ge=1,
        description="Most captions of an image, the first of the file or drawn by seed; null for all (50 regions).",
    )
    scene_graphs: str | None = Field(
        None, description="Objects, attributes and relations in one file, scene_graphs.json; null for separate files."
    )
    objects: str | None = Field(None, description="Objects, objects.json; null for none, or with scene_graphs.")
    attributes: str | None = Field(None, description="Attributes of the objects, attributes.json; null for none.")
    relationships: str | None = Field(None, description="Relations of the objects, relationships.json; null for none.")

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        separate = [key for key in ("objects", "attributes", "relationships") if getattr(self, key) is not None]
        if self.scene_graphs is not None and separate:
            raise ValueError(f"scene_graphs and {separate[0]} exclude each other: give one form of annotations")
        if separate and self.objects is None:
            raise ValueError(f"{separate[0]} needs objects")
        if self.captions == STATEMENTS and self.scene_graphs is None and self.objects is None:
            raise ValueError("captions of scene graphs need scene_graphs or objects")
        return self

    def caption_set(self) -> str | None:
        """Statements, regions, or none."""
        return STATEMENTS if self.captions == STATEMENTS else None if self.captions is None else CAPTION_SET

    def files(self) -> dict[str, Path]:
        """Image data, regions and annotations."""
        keys = ("image_data", *(("regions",) if self.captions == "regions" else ()))
        keys = (*keys, "scene_graphs", "objects", "attributes", "relationships")
        given: dict[str, Any] = {key: getattr(self, key) for key in keys}
        return {key: Path(self.root) / name for key, name in given.items() if name is not None}

    def folders(self) -> dict[str, Path]:
        """The folders of images."""
        names = names_of(self.images)
        return {f"images.{at}" if len(names) > 1 else "images": Path(self.root) / name for at, name in enumerate(names)}

    def read(self, workers: int) -> "SourceTables":
        """Decode each image once, and read the records of the images that can be used."""
        from nearmiss.stages.data.sources.visual_genome_tables import read

        return read(self, workers)
