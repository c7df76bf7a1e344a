"""ImageCoDe (Krojer et al., ACL 2022): a description that tells one of ten similar images from the others."""

import re

from nearmiss.engine.benchmarks.benchmark import Card, Measurement
from nearmiss.engine.benchmarks.builder import ItemBuilder, ItemReader, keyed
from nearmiss.engine.benchmarks.fields import Record, Unreadable, kind_of

_SIZE = 10  # images of a set
_STATIC = "open-images"  # in the names of sets that are no frames of a video
_IMAGE = re.compile(r"img(\d+)")
_FOLDER = "imagecode/image-sets"

CARD = Card(
    name="imagecode",
    paper="Krojer et al., Image Retrieval from Contextual Descriptions, ACL 2022",
    license="MIT; images under their sources' own",
    origin="the authors' repository McGill-NLP/imagecode; images: image-sets.zip of its Zenodo record 6518944",
    files=("imagecode/valid_data.json",),
    images=(_FOLDER,),
    measurement=Measurement(primary="image"),
    notes="The validation split: the test split has no public labels. The paper's total counts descriptions alike.",
)


def add_items(items: ItemBuilder) -> None:
    """One item of ten images and one caption for each description."""
    for file in items.files():
        for name, value in keyed(file).items():
            with items.record(value, file, f"set {name}") as record:
                if isinstance(value, Unreadable):
                    raise record.wrong(value.reason)
                if not isinstance(value, dict):
                    raise record.wrong(f"a set is {kind_of(value)}, not an object")
                if not value:
                    raise record.wrong("a set has no description")
                images = _images(items, name, record)
                for key in value:
                    with items.record(value, file, f"set {name}, image {key}") as one:
                        if not (key.isascii() and key.isdigit() and int(key) < _SIZE):
                            raise one.wrong("a description is not of one of ten images")
                        truth = [[number == int(key)] for number in range(_SIZE)]
                        part = "static" if _STATIC in name else "video"
                        items.add(part, f"{name}-{key}", images, [one.text(key).strip()], truth)


def _images(items: ItemBuilder, name: str, record: Record) -> list[str]:
    """The paths of a set's images by their number, by which the authors sort them.

    Frames are numbered with gaps, so that only the folder has their names. Where it has too few, the item is expected
    and not scored.
    """
    folder = f"{_FOLDER}/{name}"
    numbers = [_IMAGE.fullmatch(file.stem) for file in items.root.files(f"{folder}/*.jpg")]
    found = sorted(int(match[1]) for match in numbers if match)
    if len(found) > _SIZE:
        raise record.wrong("the folder of a set has more than ten images")
    if len(found) < _SIZE:
        return [f"{folder}/image {number} of ten.jpg" for number in range(_SIZE)]
    return [f"{folder}/img{number}.jpg" for number in found]


BENCHMARK = ItemReader(CARD, add_items)
