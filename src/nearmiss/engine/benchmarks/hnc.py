"""HNC's curated test set (Dönmez et al., CoNLL 2023): captions of scene graphs and minimally wrong ones, by type."""

from nearmiss.engine.benchmarks.benchmark import Card, Measurement
from nearmiss.engine.benchmarks.builder import ItemBuilder, ItemReader, keyed
from nearmiss.engine.benchmarks.fields import Record, kind_of

CARD = Card(
    name="hnc",
    paper="Dönmez et al., HNC, CoNLL 2023",
    license="MIT (images of GQA: CC BY 4.0)",
    origin="the hub's data set patilli/HNC or DaRUS; images: GQA",
    files=("hnc/*test*.json",),
    images=("gqa/images",),
    measurement=Measurement(single_captions=True),
    averages={"clean": ("clean/*",), "noisy": ("noisy/*",)},
    notes="Match or mismatch is scored by AUROC and at a fitted threshold: a cosine has no 0.5. Several negatives may "
    "share a caption. Noisy: the file's own mark on the negative, where it has one.",
)


def add_items(items: ItemBuilder) -> None:
    """One item of two captions for each negative and its positive.

    The curated test set has the captions of an image by number, each negative behind its positive. The generated splits
    have them under 'captions', and a negative names its positive.
    """
    for file in items.files():
        for image, entry in keyed(file).items():
            with items.record(entry, file, f"image {image}") as of_image:
                generated = of_image.has("captions")
                captions = of_image.inner("captions") if generated else of_image
                if not isinstance(captions.value, dict) or not captions.value:
                    problem = "empty" if captions.value == {} else f"{kind_of(captions.value)}, not an object"
                    raise of_image.wrong(f"'captions' is {problem}")
                positive: Record | None = None
                for number in sorted(captions.value, key=_place):
                    name = f"image {image}, caption {number}"
                    with items.record(captions.value, file, name) as whole:
                        caption = Record(whole.of(number), file, name)
                        if _label(caption) == 1:
                            positive = caption
                            continue
                        named = whole.inner(caption.identifier("cpt_p_id")) if generated else positive
                        _add(items, f"{file.stem}-{image}-{number}", image, caption, named)


def _add(items: ItemBuilder, number: str, image: str, negative: Record, positive: Record | None) -> None:
    """The item of a negative. Its positive must be there and true."""
    if positive is None or _label(positive) != 1:
        raise negative.wrong("its positive is not true" if positive else "no positive is before it")
    kind = "noisy" if negative.has("noisy") and _noisy(negative) else "clean"
    items.add(
        f"{kind}/{negative.text('type')}",
        number,
        [f"gqa/images/{image.removesuffix('.jpg').removesuffix('.0')}.jpg"],
        [positive.text("caption"), negative.text("caption")],
        [[True, False]],
    )


def _place(number: str) -> int:
    return int(number) if number.isascii() and number.isdigit() else -1


def _label(record: Record) -> int:
    label = record.whole("label")
    if label not in (0, 1):
        raise record.wrong("a label is neither 0 nor 1")
    return label


def _noisy(record: Record) -> bool:
    """Whether the file marks a box as noisy. Types of two statements mark each of them."""
    mark = record.of("noisy")
    marks = list(mark.values()) if isinstance(mark, dict) else [mark]
    if not all(each in (None, 0, 1) for each in marks):  # true and false are 1 and 0
        raise record.wrong("'noisy' is neither true nor false")
    return any(marks)


BENCHMARK = ItemReader(CARD, add_items)
