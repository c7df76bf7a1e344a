"""What'sUp (Kamath et al., EMNLP 2023): which preposition holds, in controlled photographs and in COCO and VG."""

from pathlib import PurePosixPath

from nearmiss.engine.benchmarks.benchmark import Card, Measurement
from nearmiss.engine.benchmarks.builder import ItemBuilder, ItemReader, rows

_IMAGES = {
    "controlled_images_dataset": "whatsup/controlled_images",
    "controlled_clevr_dataset": "whatsup/controlled_clevr",
    "coco_qa_one_obj": "coco/val2017",
    "coco_qa_two_obj": "coco/val2017",
    "vg_qa_one_obj": "vg/images",
    "vg_qa_two_obj": "vg/images",
}

CARD = Card(
    name="whatsup",
    paper='Kamath et al., What\'s "up" with vision-language models?, EMNLP 2023',
    license="MIT (images of COCO and Visual Genome: CC BY 4.0)",
    origin="the authors' repository amitakamath/whatsup_vlms and the archives it names",
    files=tuple(f"whatsup/{name}.json" for name in _IMAGES),
    images=tuple(sorted(set(_IMAGES.values()))),
    released=Measurement(ties="right"),
    averages={"controlled": ("controlled_*",), "coco": ("coco_*",), "vg": ("vg_*",)},
    notes="Single items; the authors' metrics over pairs and sets of photographs are not computed. As released, a "
    "tie counts for the caption, which stands first.",
)


def add_items(items: ItemBuilder) -> None:
    """One item for each record; the true caption is first."""
    for file in items.files():
        folder = _IMAGES[file.stem]
        for index, value in enumerate(rows(file)):
            with items.record(value, file, f"record {index}") as record:
                if isinstance(value, dict):
                    image = PurePosixPath(record.text("image_path")).name
                    captions = record.texts("caption_options", least=2)
                else:
                    number = record.identifier(0)
                    if not (number.isascii() and number.isdigit()):
                        raise record.wrong("the first entry of a record is not the number of an image")
                    image = f"{int(number):012d}.jpg" if folder.startswith("coco") else f"{number}.jpg"
                    captions = record.as_texts(value[1:], "a record", least=2)
                truth = [True] + [False] * (len(captions) - 1)
                items.add(file.stem, index, [f"{folder}/{image}"], captions, [truth], concept="relation")


BENCHMARK = ItemReader(CARD, add_items)
