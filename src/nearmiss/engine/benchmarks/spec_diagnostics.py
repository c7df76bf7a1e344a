"""SPEC (Peng et al., CVPR 2024): generated images that differ in size, position, existence or count, and statements."""

from pathlib import PurePosixPath

from nearmiss.engine.benchmarks.benchmark import Card, Measurement
from nearmiss.engine.benchmarks.builder import ItemBuilder, ItemReader, rows
from nearmiss.engine.benchmarks.fields import Record

_CONCEPTS = {
    "absolute_size": ("size", "replace"),
    "relative_size": ("size", "replace"),
    "absolute_spatial": ("location", "replace"),
    "relative_spatial": ("relation", "replace"),
    "existence": ("existence", "negate"),
    "count": ("count", "recount"),
}
"""Subset: the (concept, operator) that it represents."""
_TO_TEXT, _TO_IMAGE = "image2text", "text2image"

CARD = Card(
    name="spec",
    paper="Peng et al., SPEC: Synthesize, Diagnose, and Optimize, CVPR 2024",
    license="see the data set's page on the hub",
    origin="data.zip of the hub's data set wjpoom/SPEC",
    files=(f"spec/**/{_TO_TEXT}.json", f"spec/**/{_TO_IMAGE}.json"),
    images=("spec",),
    measurement=Measurement(primary="group"),
    averages={_TO_TEXT: (f"*/{_TO_TEXT}",), _TO_IMAGE: (f"*/{_TO_IMAGE}",)},
    notes="score: an image finds its statement (image2text) or a statement its image (text2image) among the candidates "
    "of a record. The authors report the mean of the six subsets in each direction.",
)


def add_items(items: ItemBuilder) -> None:
    """One item of a query and its candidates, in their published order, for each record."""
    for file in items.files():
        folder = PurePosixPath(items.root.name(file)).parent
        concept, operator = _CONCEPTS.get(folder.name, (None, None))
        for index, value in enumerate(rows(file)):
            with items.record(value, file, f"record {index}") as record:
                query, candidates = record.text("query"), record.texts("keys", least=2)
                truth = [number == _label(record, len(candidates)) for number in range(len(candidates))]
                to_text = file.stem == _TO_TEXT
                images, captions = ([query], candidates) if to_text else (candidates, [query])
                items.add(
                    f"{folder.name}/{file.stem}",
                    index,
                    [f"{folder}/{image}" for image in images],
                    captions,
                    [truth] if to_text else [[each] for each in truth],
                    concept=concept,
                    operator=operator,
                )


def _label(record: Record, count: int) -> int:
    label = record.whole("label")
    if not 0 <= label < count:
        raise record.wrong("'label' is not the place of a candidate")
    return label


BENCHMARK = ItemReader(CARD, add_items)
