"""ARO (Yuksekgonul et al., ICLR 2023): relations and attributes of Visual Genome regions, exchanged between objects."""

import json
from importlib.resources import files

from nearmiss.engine.benchmarks.benchmark import Card, Measurement
from nearmiss.engine.benchmarks.builder import ItemBuilder, ItemReader, rows
from nearmiss.engine.benchmarks.fields import Record

_RELATION, _ATTRIBUTION = "visual_genome_relation", "visual_genome_attribution"
_FEWEST = 25  # cases that a pair of attributes must have to count
_BOX = ("bbox_x", "bbox_y", "bbox_w", "bbox_h")


def _left_out() -> frozenset[str]:
    text_of = files(__package__).joinpath("data/aro_left_out.json").read_text(encoding="utf-8")
    return frozenset(json.loads(text_of)["relations"])


_MEASUREMENT = Measurement(macro=True, excluded_strata=_left_out(), min_items={_ATTRIBUTION: _FEWEST})

CARD = Card(
    name="aro",
    paper="Yuksekgonul et al., When and Why Vision-Language Models Behave like Bags-of-Words, ICLR 2023",
    license="MIT (images and regions of Visual Genome: CC BY 4.0)",
    origin="the authors' repository mertyg/vision-language-models-are-bows and its Google Drive",
    files=(f"aro/{_RELATION}.json", f"aro/{_ATTRIBUTION}.json"),
    images=("aro/images",),
    measurement=_MEASUREMENT,
    notes="Mean over relations, but for the authors' list of symmetric ones; over pairs of attributes with 25 cases.",
)


def add_items(items: ItemBuilder) -> None:
    """One item of two captions on a cut-out region; the true caption is first."""
    for file in items.files():
        relation = file.stem == _RELATION
        for index, value in enumerate(rows(file)):
            with items.record(value, file, f"record {index}") as record:
                captions = [record.text(key) for key in ("true_caption", "false_caption")]
                items.add(
                    file.stem,
                    index,
                    [f"aro/images/{record.text('image_path')}"],
                    captions,
                    [[True, False]],
                    concept="relation" if relation else "attribute",
                    operator="reverse" if relation else "swap",
                    crop=record.box(_BOX),
                    stratum=record.text("relation_name") if relation else _pair(record),
                )


def _pair(record: Record) -> str:
    """The two attributes that are exchanged, as the authors name a pair."""
    return "_".join(record.texts("attributes", least=2)[:2])


BENCHMARK = ItemReader(CARD, add_items)
