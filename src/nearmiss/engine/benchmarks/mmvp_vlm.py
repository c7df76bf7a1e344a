"""MMVP-VLM (Tong et al., CVPR 2024): images that CLIP embeds alike, and what tells them apart, by visual pattern."""

from nearmiss.engine.benchmarks.benchmark import Card, Measurement
from nearmiss.engine.benchmarks.builder import ItemBuilder, ItemReader
from nearmiss.engine.benchmarks.csv_records import csv_records
from nearmiss.engine.benchmarks.fields import Record, Unreadable

_PROMPT = "a photo of {}"
_CONCEPTS = {"color": "color", "quantity": "count", "presence": "existence", "spatial": "relation"}
"""First word of a visual pattern: its concept."""

CARD = Card(
    name="mmvp_vlm",
    paper="Tong et al., Eyes Wide Shut?, CVPR 2024",
    license="MIT",
    origin="the hub's data set MMVP/MMVP_VLM: Questions.csv and the folder of images",
    files=("mmvp_vlm/Questions.csv",),
    images=("mmvp_vlm/MLLM_VLM Images",),
    measurement=Measurement(primary="image"),
    notes="135 pairs, 15 for each of 9 visual patterns. An item is right where each statement finds its image, as "
    "published; the text score is beside it. Statements are put behind 'a photo of', as in the authors' script.",
)


def add_items(items: ItemBuilder) -> None:
    """One item of two images and two captions for each pair of rows; the authors pair them in the order of the file."""
    for file in items.files():
        table = [cells for _, cells in csv_records(file, ())]
        for first in range(0, len(table), 2):
            with items.record(table[first : first + 2], file, f"rows {first} and {first + 1}") as pair:
                rows = [_row(pair, side) for side in (0, 1)]
                pattern = rows[0].text(1)
                folder = f"mmvp_vlm/MLLM_VLM Images/{pattern}"
                items.add(
                    pattern,
                    rows[0].identifier(0),
                    [f"{folder}/{row.identifier(0)}.jpg" for row in rows],
                    [_PROMPT.format(row.text(2)) for row in rows],
                    [[True, False], [False, True]],
                    concept=_CONCEPTS.get(pattern.lower().split()[0]),
                )


def _row(pair: Record, side: int) -> Record:
    """Number, visual pattern and statement: the authors read columns by their place, not by their name."""
    row = pair.inner(side)
    if isinstance(row.value, Unreadable):
        raise row.wrong(row.value.reason)
    return Record([*row.value.values()], row.file, row.name)


BENCHMARK = ItemReader(CARD, add_items)
