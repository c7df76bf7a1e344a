"""COLA (Ray et al., NeurIPS 2023), multi-object part: two images and two captions that exchange attributes."""

from nearmiss.engine.benchmarks.published import Rule, Sheet, Source, rows

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
        for place, value in enumerate(rows(file)):
            with sheet.record(value, file, f"record {place}") as record:
                entries = record.as_texts(value, "a record", least=4)
                if len(entries) > 4:
                    raise record.wrong("a record has more than four texts")
                first, one, second, other = entries
                images = [f"vg/images/{url.rsplit('/', 1)[-1]}" for url in (first, second)]
                truth = [[True, False], [False, True]]
                sheet.add("multi_object", place, images, [one, other], truth, concept="attribute")
