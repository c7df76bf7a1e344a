"""ARO's order parts (Yuksekgonul et al., ICLR 2023): a caption against four other orders of its own words.

The orders are drawn by engine/text/order.py, seeded by the caption, where the authors' depend on the seeding of their
script: the numbers are comparable, the items differ.
"""

import re
from collections.abc import Sequence

from nearmiss.base.errors import InputError
from nearmiss.engine.benchmarks.benchmark import Card, Measurement
from nearmiss.engine.benchmarks.builder import ItemBuilder, ItemReader, rows
from nearmiss.engine.text.order import PERTURBATIONS, perturbed
from nearmiss.engine.text.pipelines import GET_ONE
from nearmiss.engine.text.tagging import Tagged, tag

_PARTS = {"coco_karpathy_test": ("coco", "coco"), "flickr30k_test": ("flickr30k", "flickr30k")}
_SEED = 0
_LONGEST = 30  # words; the authors cut what is longer

CARD = Card(
    name="aro_order",
    paper="Yuksekgonul et al., When and Why Vision-Language Models Behave like Bags-of-Words, ICLR 2023",
    license="captions of COCO: CC BY 4.0; Flickr30k: research only",
    origin="the test lists coco_karpathy_test.json and flickr30k_test.json as BLIP's authors publish them",
    files=("coco/annotations/coco_karpathy_test.json", "flickr30k/flickr30k_test.json"),
    images=("coco/val2014", "flickr30k/flickr30k-images"),
    released=Measurement(ties="right"),
    notes="Orders are ours, seeded by the caption. Captions are put in lower case without punctuation, 30 words at "
    "most, as published. As published, a tie counts for the caption, which stands first.",
)


def add_items(items: ItemBuilder) -> None:
    """One item of up to five captions for each caption; the true one is first."""
    if items.options.tagger is None:
        raise InputError("benchmark aro_order needs a tagger", remedy=f"give --tagger; {GET_ONE} gets en_core_web_sm")
    for file in items.files():
        part, root = _PARTS[file.stem]
        selected: list[tuple[str, str, str, str]] = []
        for number, entry in enumerate(rows(file)):
            name = f"record {number}"
            with items.record(entry, file, name) as record:
                value, image = record.of("caption"), f"{root}/{record.text('image')}"
                captions = [value] if isinstance(value, str) else record.entries("caption")
                for index, caption in enumerate(captions):
                    with items.record([caption], file, f"{name}, caption {index}") as one:
                        selected.append((f"{name}, caption {index}", f"{number}-{index}", image, one.text(0)))
        tagged = tag([caption for *_, caption in selected], items.options.tagger)
        for (name, item, image, caption), sentence in zip(selected, tagged, strict=True):
            orders = _orders(sentence, caption)
            if not orders:
                items.exclude("a caption that reads the same in every order")
                continue
            captions = [lowered_words(caption), *orders]
            with items.record(caption, file, name):
                items.add(part, item, [image], captions, [[True] + [False] * len(orders)], operator="order")


def lowered_words(caption: str) -> str:
    """A caption as ARO's code processes it: lower case, no punctuation, single blanks, 30 words at most."""
    words = re.sub(r"[.!\"()*#:;~]", " ", caption.lower()).split()
    return " ".join(words[:_LONGEST])


def _orders(sentence: Sequence[Tagged], caption: str) -> list[str]:
    drawn = (perturbed(sentence, name, _SEED, caption) for name in PERTURBATIONS)
    found = dict.fromkeys(lowered_words(" ".join(words)) for words in drawn if words is not None)
    return [order for order in found if order != lowered_words(caption)]


BENCHMARK = ItemReader(CARD, add_items)
