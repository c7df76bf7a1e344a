"""Winoground (Thrush et al., CVPR 2022): two images and two captions of the same words, each true of one image."""

from nearmiss.engine.benchmarks.published import Rule, Sheet, Source
from nearmiss.engine.formats.records import field, json_lines

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
        for place, record in json_lines(file):
            name = f"line {place}"
            captions = [field(record, key, str, file=file, name=name) for key in ("caption_0", "caption_1")]
            images = [field(record, key, str, file=file, name=name) for key in ("image_0", "image_1")]
            sheet.add(
                "all",
                record.get("id", place),
                [f"winoground/images/{image.removesuffix('.png')}.png" for image in images],
                captions,
                [[True, False], [False, True]],
                stratum=str(record.get("collapsed_tag", "all")),
            )
