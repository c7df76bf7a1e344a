"""EqBen (Wang et al., ICCV 2023): two images that differ in little, and a caption of each."""

from nearmiss.engine.benchmarks.benchmark import Card, Measurement
from nearmiss.engine.benchmarks.builder import ItemBuilder, ItemReader, rows

CARD = Card(
    name="eqben",
    paper="Wang et al., Equivariant Similarity for Vision-Language Foundation Models, ICCV 2023",
    license="Apache 2.0; images under their sources' own",
    origin="the authors' repository Wangt-CN/EqBen: images, and the annotation in Winoground's format (not randomized)",
    files=("eqben/*.json",),
    images=("eqben/image",),
    measurement=Measurement(primary="group"),
    notes="251,048 items in seven parts. A part is the first folder of the image's path. Where the annotation names a "
    "PNG and there is only the JPEG of the light images, that is read. eqbenyoucook2 has arrays: they count as missing "
    "until they are converted.",
)


def add_items(items: ItemBuilder) -> None:
    """One item of two images and two captions for each record."""
    for file in items.files():
        for index, value in enumerate(rows(file)):
            with items.record(value, file, f"record {index}") as record:
                images, captions = ([record.text(f"{key}{side}") for side in (0, 1)] for key in ("image", "caption"))
                part = images[0].split("/")[0] if "/" in images[0] else "all"
                paths = [_there(items, f"eqben/image/{image}") for image in images]
                items.add(part, f"{file.stem}-{index}", paths, captions, [[True, False], [False, True]])


def _there(items: ItemBuilder, path: str) -> str:
    """The path, or that of the light version's JPEG where only that is there."""
    light = path.rsplit(".", 1)[0] + ".jpg"
    return light if not items.root.path(path).is_file() and items.root.path(light).is_file() else path


BENCHMARK = ItemReader(CARD, add_items)
