"""VL-CheckList (Zhao et al., 2022): a phrase against one in which object, attribute or relation is another."""

from nearmiss.engine.benchmarks.benchmark import Card, Measurement
from nearmiss.engine.benchmarks.builder import ItemBuilder, ItemReader, rows

_ASPECTS = {"Attribute": "attribute", "Relation": "relation", "Object": "object"}
_KINDS = {
    "attribute": ("action", "color", "material", "size", "state"),
    "relation": ("action", "spatial"),
    "object": ("location", "size"),
}
_AVERAGES: dict[str, tuple[str, ...]] = {
    f"{aspect}/{kind}": (f"{aspect.title()}/*{kind}*", f"{aspect.title()}/{kind.title()}/*")
    for aspect, kinds in _KINDS.items()
    for kind in kinds
}
_AVERAGES |= {aspect.lower(): (f"{aspect}/*",) for aspect in _ASPECTS}
_FIRST = 1000  # fields that the authors' evaluator uses for each file

CARD = Card(
    name="vl_checklist",
    paper="Zhao et al., VL-CheckList, 2022",
    license="MIT (files); images: Visual Genome, SWiG, HAKE under their own",
    origin="the authors' repository om-ai-lab/VL-CheckList, folder data; images as its DATASETS.md says",
    files=tuple(f"vl_checklist/{aspect}/**/*.json" for aspect in _ASPECTS),
    images=tuple(f"vl_checklist/images/{corpus}" for corpus in ("vg", "swig", "hake")),
    released=Measurement(max_items=_FIRST),
    averages=_AVERAGES,
    notes="As published, the first 1,000 items of each file, and items without their image are skipped in silence; "
    "here they are expected and counted as not scored.",
)


def add_items(items: ItemBuilder) -> None:
    """One item of two phrases for each record; only the first of several is used, as by the authors.

    `POS` and `NEG` are lists of phrases. A record in which one of them is a text is left out: the authors' evaluator
    would take its first letter for the phrase.
    """
    for file in items.files():
        parts = file.parts[file.parts.index("vl_checklist") + 1 :] if "vl_checklist" in file.parts else file.parts[-3:]
        part = "/".join((*parts[:-1], file.stem))
        corpus = next((name for name in ("swig", "hake") if name in part), "vg")  # vaw's images are Visual Genome's
        for index, value in enumerate(rows(file)):
            with items.record(value, file, f"record {index}") as record:
                phrases = record.inner(1)
                items.add(
                    part,
                    index,
                    [f"vl_checklist/images/{corpus}/{record.text(0)}"],
                    [phrases.texts(key)[0].strip() for key in ("POS", "NEG")],
                    [[True, False]],
                    concept=_ASPECTS.get(parts[0]),
                    operator="replace",
                )


BENCHMARK = ItemReader(CARD, add_items)
