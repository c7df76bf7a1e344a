"""Sets of negatives that are equal in number for every caption, and in the share whose new word is in the scene.

Without matching, arms differ in the number of their negatives as well as in their kind. A method that writes captions
of its own has no negatives of the images' captions: its pairs are dealt out to the captions of the image (our choice).
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from shutil import copyfile

import polars as pl

from nearmiss.base.caption_sets import read_caption_set
from nearmiss.base.errors import InputError
from nearmiss.base.files import write_json
from nearmiss.base.manifest import Cost, verify_inputs, write_manifest
from nearmiss.base.outputs import OutputFolder
from nearmiss.base.seeding import derive, rng
from nearmiss.base.tables import read_table, write_table
from nearmiss.stages.negatives.matched import read_sets

NEGATIVES, DRAWN_WITH = "negatives.parquet", "drawn_with.parquet"
_COPIED = ("captions.parquet", "paraphrases.parquet")


@dataclass(frozen=True)
class Pools:
    """The rows of one method that are not drawn yet, by caption, or by image if the method has captions of its own.

    `by_scene`: each is divided by whether the new word is in the scene.
    """

    of_images: bool
    by_scene: bool
    rows: dict[Hashable, list[int]]

    def of(self, image_id: str, caption_id: str, in_scene: bool) -> list[int]:
        """The rows that fit one negative."""
        owner = image_id if self.of_images else caption_id
        return self.rows.get((owner, in_scene if self.by_scene else None), [])


def run(
    *,
    negatives: Sequence[Path],
    tables: Path,
    out: Path,
    caption_set: str | None = None,
    in_scene: bool = True,
    seed: int = 0,
    fingerprint: Path | None = None,
) -> str:
    """Draw from the folders `negatives` of several methods, write `out`/METHOD for each, return the counts as lines.

    `tables` has the images and their captions, of which those of split train and of `caption_set` count. A folder
    METHOD has negatives.parquet, drawn_with.parquet (the image's caption that each negative is drawn with), the
    method's other tables unchanged, and summary.json. With `in_scene`, every caption also has equally many negatives
    whose new word is in the scene; methods for which this is never known are matched in number only.

    Raises InputError if fewer than two folders are given, two are of one method, a folder is incomplete, or no
    negative is left.
    """
    cost = Cost()
    files = {"captions": Path(tables) / "captions.parquet", "images": Path(tables) / "images.parquet"}
    target = OutputFolder(out, inputs=[*negatives, tables])
    sets = {name: (file.parent, frame) for name, (file, frame) in read_sets(negatives).items()}
    inputs = verify_inputs(
        files | {f"{name}/{each.name}": each for name, (folder, _) in sets.items() for each in _tables(folder)}
    )
    captions = _training_captions(files, caption_set)
    drawn = matched(captions, {name: frame for name, (_, frame) in sets.items()}, in_scene=in_scene, seed=seed)
    count = next(iter(drawn.values())).height
    if not count:
        raise InputError(
            "the sets have negatives of no caption in common",
            remedy="match fewer methods, or with in_scene: false" if in_scene else "match fewer methods",
        )
    with target as folder:
        for name, frame in drawn.items():
            write_table(frame.drop("drawn_with"), folder / name / NEGATIVES, "negatives")
            pairs = frame.select("negative_id", caption_id="drawn_with")
            write_table(pairs, folder / name / DRAWN_WITH, "drawn_with")
            for table in _tables(sets[name][0])[1:]:
                copyfile(table, folder / name / table.name)
            write_json(folder / name / "summary.json", _summary(name, frame, sets[name][1], captions.height))
        cost.counts.update(captions=captions.height, negatives=count)
        cost.write(folder)
        outputs = [file.relative_to(folder).as_posix() for file in sorted(folder.glob("*/*"))]
        write_manifest(folder, stage="negatives", fingerprint=fingerprint, inputs=inputs, outputs=outputs)
    return "\n".join(
        [
            f"{count} negatives of each method, {count / captions.height:.2f} a caption",
            *(f"{name:<20}{count:>9} of {sets[name][1].height:>9}" for name in drawn),
        ]
    )


def matched(
    captions: pl.DataFrame, sets: dict[str, pl.DataFrame], *, in_scene: bool, seed: int
) -> dict[str, pl.DataFrame]:
    """A sample of each set, with a column `drawn_with`: the same captions, equally often; rows keep their order.

    `captions` (caption_id, image_id) are those that a training draws. A negative is drawn while every set has one left,
    one of each caption in turn, captions in random order; the result depends on the seed and ids only.
    """
    own = set(captions["caption_id"])
    sets = {
        name: frame.join(captions, on="image_id", how="semi", maintain_order="left") for name, frame in sets.items()
    }
    pools = {name: _pools(name, frame, own, in_scene, seed) for name, frame in sets.items()}
    chosen: dict[str, list[tuple[int, str]]] = {name: [] for name in sets}
    for (image_id,), group in captions.sort("image_id", "caption_id").group_by("image_id", maintain_order=True):
        draw = rng(seed, "matched", image_id)
        for fitting, caption_id in _drawn(list(pools.values()), str(image_id), group["caption_id"].to_list(), draw):
            for name, rows in zip(pools, fitting, strict=True):
                chosen[name].append((rows.pop(), caption_id))
    found = {}
    for name, frame in sets.items():
        picked = pl.DataFrame(chosen[name], schema={"row": pl.UInt32, "drawn_with": pl.String}, orient="row")
        joined = frame.with_row_index("row").join(picked, on="row", how="inner", maintain_order="left")
        found[name] = joined.drop("row")
    return found


def _drawn(
    pools: Sequence[Pools], image_id: str, captions: list[str], draw: Random
) -> Iterator[tuple[list[list[int]], str]]:
    """The rows of every set to take one from, and the caption: until some set has none left for any caption."""
    left = list(captions)
    while left:
        draw.shuffle(left)
        kept = []
        for caption_id in left:
            for scene in draw.sample((True, False), 2):
                fitting = [each.of(image_id, caption_id, scene) for each in pools]
                if all(fitting):
                    yield fitting, caption_id
                    kept.append(caption_id)
                    break
        left = kept


def _pools(name: str, frame: pl.DataFrame, own: set[str], in_scene: bool, seed: int) -> Pools:
    of_images = not set(frame["caption_id"]) <= own
    by_scene = in_scene and frame["foil_in_scene"].null_count() < frame.height
    owners = frame["image_id" if of_images else "caption_id"]
    scenes = frame["foil_in_scene"].fill_null(False) if by_scene else [None] * frame.height
    keys = [derive(seed, "matched", name, negative_id) for negative_id in frame["negative_id"]]
    rows: dict[Hashable, list[int]] = {}
    for _, row, owner, scene in sorted(zip(keys, range(frame.height), owners, scenes, strict=True)):
        rows.setdefault((owner, scene), []).append(row)
    return Pools(of_images, by_scene, rows)


def _training_captions(files: dict[str, Path], caption_set: str | None) -> pl.DataFrame:
    """caption_id and image_id of the captions that training draws."""
    train = read_table(files["images"], "images").filter(pl.col("split") == "train")
    found = read_caption_set(files["captions"], caption_set).join(train, on="image_id", how="semi")
    if found.is_empty():
        raise InputError("no training image has a caption", file=files["captions"], remedy="run stage data again")
    return found.select("caption_id", "image_id")


def _tables(folder: Path) -> list[Path]:
    """The tables of a method's folder: negatives first, then those that a training also reads."""
    return [folder / NEGATIVES, *(folder / name for name in _COPIED if (folder / name).is_file())]


def _summary(name: str, drawn: pl.DataFrame, whole: pl.DataFrame, captions: int) -> dict[str, object]:
    """As summary.json of a method, for what a comparison reads of it."""
    return {
        "method": name,
        "matched": True,
        "captions": {"processed": captions, "with_negative": drawn["drawn_with"].n_unique()},
        "negatives": drawn.height,
        "drawn_from": whole.height,
        "foil_in_scene": int(drawn["foil_in_scene"].sum() or 0),
    }
