"""A folder in COCO's format as the tables of stage `data`."""

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.files import sha256_of_hashes, write_text
from nearmiss.base.manifest import OF_IMAGES, verify_inputs
from nearmiss.base.seeding import derive
from nearmiss.base.tables import table, write_table
from nearmiss.engine.formats import stream
from nearmiss.engine.formats.coco_folder import Aside, CocoFolder, read_coco_folder

if TYPE_CHECKING:
    from nearmiss.stages.data.sources.coco import CocoSource

SOURCE, SET = "coco", "published"
_WORD = re.compile(r"\w+(?:-\w+)*")  # as engine/models/tokenizer.py splits a text
_SET_ASIDE = pl.Schema({"image_id": pl.String, "object_id": pl.String, "reason": pl.String})


def write_tables(source: "CocoSource", data: Path, workers: int) -> tuple[dict[str, object], dict[str, str]]:
    """Write the tables, the words and what is set aside into the folder `data`; returns summary and input hashes."""
    paths = source.paths()
    hashes = verify_inputs({key: path for key, path in paths.items() if key != "images"})
    splits = _Splits(source)
    found = read_coco_folder(
        paths["images"],
        captions=paths["captions"],
        instances=paths.get("instances"),
        choose=splits.choose,
        workers=workers,
    )
    found.check_usable(paths["images"], paths.get("instances", paths["captions"]))
    images = splits.table(found.images)
    captions = found.captions.sort("image_id", "caption_id").with_columns(source=pl.lit("published"), set=pl.lit(SET))
    objects = found.objects.sort("image_id", "object_id")
    declared = source.declare("")
    _check_splits(source, images, captions, declared.splits, found)
    words = _words(captions.join(images.filter(pl.col("split") == "train"), on="image_id", how="semi"), source)

    (data / "tables").mkdir()
    write_table(images, data / "tables" / "images.parquet", "images")
    write_table(captions, data / "tables" / "captions.parquet", "captions")
    write_table(objects, data / "tables" / "objects.parquet", "objects")
    write_table(table("relations", []), data / "tables" / "relations.parquet", "relations")
    origins = [{"image_id": image_id, **vars(origin)} for image_id, origin in sorted(found.origins.items())]
    write_table(table("origins", origins), data / "tables" / "origins.parquet", "origins")
    for split in declared.splits:
        if split != "train":
            queries = captions.join(images.filter(pl.col("split") == split), on="image_id", how="semi")
            write_table(_retrieval(queries), data / "tables" / f"retrieval_{split}.parquet", "retrieval")
    write_text(data / "words.txt", "\n".join(words) + "\n")
    aside = [*found.set_aside, *splits.aside]
    pl.DataFrame(aside, schema=_SET_ASIDE, orient="row").write_parquet(data / "set_aside.parquet", statistics=False)
    summary = {
        "images": dict(images.group_by("split").len().sort("split").iter_rows()),
        "captions": captions.height,
        "objects": objects.height,
        "relations": 0,
        "words": len(words),
        "scaled": found.scaled,
        "unlisted_captions": found.unlisted,
        "set_aside": dict(sorted(Counter(each.reason.split("; record: ")[0] for each in aside).items())),
    }
    return summary, {**hashes, f"source{OF_IMAGES}": sha256_of_hashes(found.hashes)}


class _Splits:
    """The images that are used and their splits: Karpathy's, or shares of the images in drawn order."""

    def __init__(self, source: "CocoSource") -> None:
        self._source = source
        self._karpathy = _karpathy(source.paths()["karpathy"]) if source.karpathy is not None else None
        self.aside: list[Aside] = []

    def choose(self, listed: pl.DataFrame) -> list[str]:
        """The ids of the images that have a split, at most `limit` of them."""
        if self._karpathy is not None:
            known = [self._of(*row) is not None for row in listed.select("image_id", "file").iter_rows()]
            self.aside = [
                Aside(image_id, None, "the image is in no split of Karpathy's file")
                for image_id in sorted(listed.filter(~pl.Series(known, dtype=pl.Boolean))["image_id"])
            ]
            listed = listed.filter(pl.Series(known, dtype=pl.Boolean))
        return self._drawn(listed)[: self._source.limit]

    def table(self, images: pl.DataFrame) -> pl.DataFrame:
        """Table `images` with files relative to the root, splits and source, sorted by id."""
        if self._karpathy is not None:
            splits = {row[0]: self._of(*row) for row in images.select("image_id", "file").iter_rows()}
        else:
            splits = dict(zip(self._drawn(images), _shares(self._source.splits, images.height), strict=True))
        return images.with_columns(
            file=pl.concat_str(pl.lit(f"{self._source.images}/"), "file"),
            split=pl.Series([splits[image_id] for image_id in images["image_id"]], dtype=pl.String),
            source=pl.lit(SOURCE),
        ).sort("image_id")

    def _drawn(self, images: pl.DataFrame) -> list[str]:
        return sorted(images["image_id"], key=lambda image_id: (derive(self._source.seed, "data", image_id), image_id))

    def _of(self, image_id: str, file: str) -> str | None:
        listed = self._karpathy or {}
        return listed.get(image_id) or listed.get(Path(file).name)


def _shares(shares: dict, number: int) -> list[str]:
    """The split of each of `number` images, in drawn order: consecutive runs, rounded to whole images."""
    splits: list[str] = []
    total = 0.0
    for split, share in shares.items():
        total += share
        splits += [split] * (round(total * number) - len(splits))
    return splits


def _karpathy(path: Path) -> dict[str, str]:
    """Split by COCO's id and by file name (Karpathy and Fei-Fei, CVPR 2015)."""
    found: dict[str, str] = {}
    for key, record in stream.entries(path, ("images",)):
        split = record.get("split") if key == "images" and isinstance(record, dict) else None
        if isinstance(split, str):
            split = "train" if split == "restval" else split
            for name in (record.get("cocoid"), record.get("filename")):
                if isinstance(name, int | str):
                    found[str(name)] = split
    if not found:
        raise InputError(
            "the file assigns no image to a split",
            file=path,
            record="images",
            remedy="give a file such as dataset_coco.json, whose images have 'split' and 'cocoid' or 'filename'",
        )
    return found


def _check_splits(
    source: "CocoSource", images: pl.DataFrame, captions: pl.DataFrame, splits: tuple[str, ...], found: CocoFolder
) -> None:
    """Every split has an image with a caption."""
    captioned = images.join(captions, on="image_id", how="semi")
    for split in splits:
        if captioned.filter(pl.col("split") == split).is_empty():
            reasons = Counter(each.reason.split("; record: ")[0] for each in found.set_aside).most_common(5)
            listed = "; set aside: " + ", ".join(f"{reason} ({count})" for reason, count in reasons) if reasons else ""
            raise InputError(
                f"split '{split}' has no image with a caption{listed}",
                file=source.paths()["captions"],
                record="data.source.karpathy" if source.karpathy else f"data.source.splits.{split}",
                remedy="give more images, larger shares, or files that belong together",
            )


def _words(captions: pl.DataFrame, source: "CocoSource") -> list[str]:
    """The words that the captions use often enough, sorted."""
    counts = Counter(word for text in captions["text"] for word in _WORD.findall(text.lower()))
    words = sorted(word for word, count in counts.items() if count >= source.min_count)
    if not words:
        raise InputError(
            f"no word is used {source.min_count} times in the training captions",
            file=source.paths()["captions"],
            record="data.source.min_count",
            remedy="lower it",
        )
    return words


def _retrieval(captions: pl.DataFrame) -> pl.DataFrame:
    """Table `retrieval`: a caption is right for its own image."""
    queries = captions.select("caption_id", "image_id", "text", right=pl.concat_list("image_id"))
    return queries.sort("caption_id")
