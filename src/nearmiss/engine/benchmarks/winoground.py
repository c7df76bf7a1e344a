"""Winoground (Thrush et al., CVPR 2022): two images and two captions of the same words, each true of one image."""

from nearmiss.engine.benchmarks.published import Rule, Sheet, Source, json_lines

SOURCE = Source(
    name="winoground",
    paper="Thrush et al., Winoground, CVPR 2022",
    licence="Meta Images Research Licence (gated)",
    origin="the hub's data set facebook/winoground: examples.jsonl and the images",
    files=("winoground/examples.jsonl",),
    images=("winoground/images",),
    rule=Rule(ties="wrong", asked="both"),
    as_published=Rule(ties="wrong", asked="both"),
    notes="400 items, many of which ask for more than composition: differences under five points are noise.",
)


def fill(sheet: Sheet) -> None:
    """One question of two images and two captions for each line."""
    for file in sheet.listed():
        for place, value in json_lines(file):
            with sheet.record(value, file, f"line {place}") as record:
                images = [record.text(f"image_{side}").removesuffix(".png") for side in (0, 1)]
                sheet.add(
                    "all",
                    record.identifier("id") if record.has("id") else place,
                    [f"winoground/images/{image}.png" for image in images],
                    [record.text(f"caption_{side}") for side in (0, 1)],
                    [[True, False], [False, True]],
                    stratum=record.text("collapsed_tag") if record.has("collapsed_tag") else "all",
                )
