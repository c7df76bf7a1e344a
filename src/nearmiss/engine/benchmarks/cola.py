"""COLA (Ray et al., NeurIPS 2023), multi-object part: two images and two captions that exchange attributes."""

from nearmiss.engine.benchmarks.published import Rule, Sheet, Source, rows
from nearmiss.engine.formats.published import text

SOURCE = Source(
    name="cola",
    paper="Ray et al., Cola, NeurIPS 2023",
    licence="MIT (images of Visual Genome: CC BY 4.0)",
    origin="the authors' repository arijitray1993/COLA; images: Visual Genome",
    files=("cola/COLA_multiobjects_matching_benchmark.json",),
    images=("vg/images",),
    rule=Rule(ties="wrong", asked="both"),
    as_published=Rule(ties="wrong", asked="images"),
    notes="As published, an item is right where each caption finds its image; the text score stands beside it.",
)


def fill(sheet: Sheet) -> None:
    """One question of two images and two captions for each record."""
    for file in sheet.listed():
        for place, record in enumerate(rows(file)):
            name = f"record {place}"
            first, one, second, other = (text(value, "entry", file=file, name=name) for value in record)
            images = [f"vg/images/{url.rsplit('/', 1)[-1]}" for url in (first, second)]
            sheet.add("multi_object", place, images, [one, other], [[True, False], [False, True]], concept="attribute")
