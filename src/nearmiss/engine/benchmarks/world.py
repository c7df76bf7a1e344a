"""The synthetic world's own benchmark: items of each concept, operator, condition and form, from tables of stage data.

Below the data root the tables lie in `tables/`, and images in `source/`, as table `images` names them.
"""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.files import sha256
from nearmiss.base.tables import read_table
from nearmiss.engine.benchmarks.benchmark import Card, Coverage, Headline, ItemBenchmark, Measurement, Options
from nearmiss.engine.benchmarks.data_root import SOURCE, DataRoot
from nearmiss.engine.benchmarks.gaps import refuse_gaps
from nearmiss.engine.benchmarks.spec import BINDING, FORMS, MARGIN, POOLED
from nearmiss.engine.images.decode import pixel_box

IMAGES = "tables/images.parquet"
AGAIN = "make the table again"


def _concept(name: str, operator: str, description: str, short: str = "") -> Headline:
    where = {"subset": POOLED, "concept": name, "operator": operator, "condition": "iid", "metric": "accuracy"}
    return Headline(name, name, description, {"benchmark": "world", **where}, short)


CARD = Card(
    name="world",
    paper="nearmiss: written from the truth of the synthetic world",
    license="MIT",
    origin="stage data with the source `world`",
    files=("tables/items_{split}.parquet",),
    images=(SOURCE,),
    measurement=Measurement(
        margin=MARGIN,
        primary="group",
        single_decisions=True,
        pooled_subsets={POOLED: tuple(POOLED.split("+"))},
        pooled_concepts={"binding": ("swap", BINDING)},
        groups=("order", "wording"),
    ),
    notes=f"accuracy: share of single decisions (of an image, a true against a false caption; of a caption, a true "
    f"against a false image). {POOLED} counts the decisions of both forms together; binding counts the operator swap "
    "on color, size and pattern together. Relations in new wording are also counted by the order in which the two "
    "objects are mentioned, and by template. text, image, group as in Winoground; strict: every decision of a 1xN or "
    "1x3 item.",
    complete=True,
    robustness_subsets=("2x2",),
    headline=(
        _concept("relation", "reverse", "which of two objects is left of, right of, above or below the other"),
        _concept("binding", "swap", "which of two present values belongs to which object", "bind"),
        _concept("color", "replace", "a color against one that is absent"),
        _concept("size", "replace", "a size against one that is absent"),
        _concept("object", "replace", "a shape against one that is absent"),
        _concept("location", "replace", "where in the image an object lies", "place"),
        _concept("count", "recount", "how many objects there are"),
    ),
)


@dataclass(frozen=True)
class WorldReader:
    """A `Reader` of items that stage data wrote as table `items`."""

    card: Card

    def exists(self, root: DataRoot, options: Options) -> bool:
        return root.path(self._file(options)).is_file()

    def load(self, root: DataRoot, options: Options) -> ItemBenchmark:
        """Raises InputError where the table is missing or empty, an item has a gap, a form that cannot be scored or a
        crop that holds no pixel, or its truth does not fit its images and captions."""
        name = self._file(options)
        path = root.path(name)
        items = read_table(path, "items").sort("item_id")
        if items.is_empty():
            raise InputError(
                "a benchmark has no items", file=path, remedy="give the split items, or score another split"
            )
        _check(items, path)
        files = image_files(root)
        unknown = sorted(set(items["images"].explode()) - files.keys())
        if unknown:
            raise unknown_image(root, unknown[0])
        images = [[files[image_id] for image_id in ids] for ids in items["images"].to_list()]
        items = items.with_columns(images=pl.Series(images, dtype=pl.List(pl.String)), stratum=pl.col("subset"))
        coverage = Coverage(hashes={name: sha256(path)}, n_read=items.height)
        return ItemBenchmark(self.card, self.card.rules(released=options.released), items, coverage)

    def _file(self, options: Options) -> str:
        return self.card.files[0].format(split=options.split)


def image_files(root: DataRoot) -> dict[str, str]:
    """Image id -> path below the data root, from table `images`."""
    images = read_table(root.path(IMAGES), "images")
    return {image_id: f"{SOURCE}/{file}" for image_id, file in images.select("image_id", "file").iter_rows()}


def unknown_image(root: DataRoot, image_id: str) -> InputError:
    """The error for an image id that table `images` does not have."""
    return InputError(
        "a benchmark names an image that table 'images' does not have",
        file=root.path(IMAGES),
        record=image_id,
        remedy="make the data again, so that both tables come from one run",
    )


def _check(items: pl.DataFrame, path: Path) -> None:
    refuse_gaps(items, ("item_id", "images", "captions", "truth"), file=path, key="item_id")
    if (twice := items.filter(items["item_id"].is_duplicated())).height:
        raise InputError("two items have one id", file=path, record=twice["item_id"][0], remedy=AGAIN)
    if (other := items.filter(~pl.col("subset").is_in(FORMS))).height:
        raise InputError(
            f"an item has the form {other['subset'][0]!r}",
            file=path,
            record=other["item_id"][0],
            remedy=f"forms that can be scored are {', '.join(FORMS)}",
        )
    for item_id, crop in items.filter(pl.col("crop").is_not_null()).select("item_id", "crop").iter_rows():
        try:
            pixel_box([float("nan") if value is None else value for value in crop])
        except ValueError as error:
            raise InputError(str(error), file=path, record=item_id, remedy=AGAIN) from None
    captions = pl.col("truth").list.eval(pl.element().list.len())
    misfit = items.filter(
        (pl.col("truth").list.len() != pl.col("images").list.len())
        | (captions.list.min() != pl.col("captions").list.len())
        | (captions.list.max() != pl.col("captions").list.len())
    )
    if misfit.height:
        raise InputError(
            "an item's truth does not fit its images and captions", file=path, record=misfit["item_id"][0], remedy=AGAIN
        )


BENCHMARK = WorldReader(CARD)
