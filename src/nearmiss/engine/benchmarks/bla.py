"""BLA (Chen, Fernández, Pezzelle, EMNLP 2023): true and false sentences of three basic constructions."""

from nearmiss.engine.benchmarks.benchmark import Card
from nearmiss.engine.benchmarks.builder import ItemBuilder, ItemReader, rows
from nearmiss.engine.benchmarks.fields import Record

_SUFFIX = "_captions"
_PARTS = {"active_passive": ("action", "reverse"), "coordination": (None, "swap"), "relative_clause": (None, "swap")}
"""Part: the (concept, operator) that it represents."""
_CAPTIONS = ("True1", "True2", "False1", "False2")

CARD = Card(
    name="bla",
    paper="Chen, Fernández, Pezzelle, The BLA Benchmark, EMNLP 2023",
    license="MIT (images of Visual Genome: CC BY 4.0)",
    origin="BLA_benchmark.zip, which the authors' repository shin-ee-chen/BLA links to: folders annotations and images",
    files=tuple(f"bla/annotations/{part}{_SUFFIX}.json" for part in _PARTS),
    images=("bla/images",),
    notes="score: both true sentences above both false ones. The authors' rank accuracy, the share of sentences on the "
    "right side of the middle, is not computed.",
)


def add_items(items: ItemBuilder) -> None:
    """One item of four captions for each record; the two true ones are first. Only the first group counts."""
    for file in items.files():
        part = file.stem.removesuffix(_SUFFIX)
        concept, operator = _PARTS[part]
        for index, value in enumerate(rows(file)):
            with items.record(value, file, f"record {index}") as record:
                group = Record(record.entries("caption_group"), file, record.name).inner(0)
                number = record.identifier("image_id")
                if not (number.isascii() and number.isdigit()):
                    raise record.wrong("'image_id' is not the number of an image")
                captions = [group.text(key) for key in _CAPTIONS]
                truth = [[True, True, False, False]]
                items.add(
                    part, index, [f"bla/images/{number}.jpg"], captions, truth, concept=concept, operator=operator
                )


BENCHMARK = ItemReader(CARD, add_items)
