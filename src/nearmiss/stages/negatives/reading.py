"""Reads the corpus of one split from tables or annotation files; rows that cannot be used are set aside."""

from collections import Counter
from dataclasses import dataclass, fields, replace
from pathlib import Path

import polars as pl

from nearmiss.base.caption_sets import read_caption_set
from nearmiss.base.errors import InputError
from nearmiss.base.tables import SCHEMAS, read_table, table
from nearmiss.engine.formats.caption_files import read_caption_file
from nearmiss.engine.formats.coco import read_instances
from nearmiss.engine.formats.graph_files import read_graph_file
from nearmiss.engine.formats.recognition import require
from nearmiss.engine.formats.set_aside import Fault
from nearmiss.engine.formats.sound_tables import (
    Faults,
    legible_captions,
    sound_captions,
    sound_images,
    sound_objects,
    sound_relations,
)
from nearmiss.stages.negatives.candidates import Corpus, Reserved
from nearmiss.stages.negatives.shards import Captions
from nearmiss.stages.negatives.summary import RECORD


def read_corpus(
    captions: Path,
    images: Path | None = None,
    objects: Path | None = None,
    relations: Path | None = None,
    *,
    caption_set: str | None = None,
    split: str = "train",
    seed: int = 0,
    reserved: Path | None = None,
    faults: Faults | None = None,
) -> Corpus:
    """The captions of one set and split, and their annotations; without `images`, all captions and no annotations.

    Rows set aside are added to `faults`. Raises `InputError` if a table is missing, captions refer to unknown images,
    or the split has neither captions nor objects: negatives from scene graphs need only objects.
    """
    faults = [] if faults is None else faults
    caption_rows = sound_captions(read_caption_set(captions, caption_set), captions, faults)
    caption_rows = legible_captions(caption_rows, captions, faults)
    image_rows = table("images", [])
    if images is not None:
        image_rows = sound_images(read_table(images, "images"), images, faults)
        _check_images(caption_rows, image_rows, captions, images)
        image_rows = image_rows.filter(pl.col("split") == split).sort("image_id")
        caption_rows = caption_rows.join(image_rows.select("image_id"), on="image_id", how="semi")
    object_rows = _objects(objects, image_rows, faults)
    if caption_rows.is_empty() and object_rows.is_empty():
        raise _no_captions(split, captions, faults)
    return Corpus(
        captions=Captions(caption_rows.sort("image_id", "caption_id").select(SCHEMAS["captions"].names())),
        images=image_rows,
        objects=object_rows,
        relations=_relations(relations, image_rows, faults),
        seed=seed,
        reserved=Reserved.read(reserved) if reserved is not None else Reserved(),
    )


def _check_images(caption_rows: pl.DataFrame, image_rows: pl.DataFrame, captions: Path, images: Path) -> None:
    unknown = caption_rows.join(image_rows.select("image_id"), on="image_id", how="anti")
    if not unknown.is_empty():
        first = unknown.sort("caption_id").row(0, named=True)
        raise InputError(
            f"{unknown.height} captions are of images that {images.name} does not have",
            file=captions,
            record=f"caption {first['caption_id']} of image {first['image_id']}",
            remedy="give tables of one data set",
        )


def _no_captions(split: str, captions: Path, faults: Faults) -> InputError:
    if faults:
        first, file = faults[0]
        return InputError(
            f"no caption can be used; {len(faults)} records are set aside, the first because {first.problem}",
            file=file,
            record=first.record,
            remedy="correct the table",
        )
    return InputError(f"no captions of split '{split}'", file=captions, remedy="name a split that has images")


def _objects(path: Path | None, image_rows: pl.DataFrame, faults: Faults) -> pl.DataFrame:
    if path is None:
        return table("objects", [])
    return sound_objects(read_table(path, "objects"), image_rows, path, faults)


def _relations(path: Path | None, image_rows: pl.DataFrame, faults: Faults) -> pl.DataFrame:
    if path is None:
        return table("relations", [])
    relations = sound_relations(read_table(path, "relations"), path, faults)
    return relations.join(image_rows.select("image_id"), on="image_id", how="semi")


_NAMES = ("images", "captions", "objects", "relations")
_REASONS = 5  # in a message


@dataclass(frozen=True)
class CorpusAndRejections:
    """A corpus, and rows of table `rejected` for the records that were set aside."""

    corpus: Corpus
    rejected: pl.DataFrame


@dataclass(frozen=True)
class Inputs:
    """The files of a corpus: captions, and annotations in one of three forms."""

    captions: Path | None = None
    graphs: Path | None = None
    instances: Path | None = None
    images: Path | None = None
    objects: Path | None = None
    relations: Path | None = None
    reserved: Path | None = None

    def files(self) -> dict[str, Path]:
        """Those that are given, by name."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: Path(path) for name, path in values.items() if path is not None}

    def with_folder(self, folder: Path) -> "Inputs":
        """The inputs with the tables of a folder. Raises `InputError` where it has no table of captions."""
        folder = Path(folder)
        if self.graphs is not None or self.instances is not None:
            other = "--graphs" if self.graphs is not None else "--instances"
            raise InputError(f"--tables and {other} exclude each other", remedy="give one form of annotations")
        if self.captions is None and not (folder / "captions.parquet").is_file():
            known = ", ".join(sorted(path.name for path in folder.glob("captions*.parquet")))
            raise InputError(
                "the folder has no captions.parquet",
                file=folder,
                record=f"it has {known}" if known else None,
                remedy="name a table with --captions",
            )
        tables = {name: folder / f"{name}.parquet" for name in ("images", "objects", "relations")}
        found = {name: path for name, path in tables.items() if path.is_file()}
        return replace(self, captions=self.captions or folder / "captions.parquet", **found)

    def read(self, *, caption_set: str | None, split: str, method: str, seed: int) -> "CorpusAndRejections":
        """The corpus, and rows of table `rejected` for the records that are not in it."""
        if self.captions is None or Path(self.captions).suffix != ".parquet":
            found = read_annotation_files(
                captions=self.captions, instances=self.instances, graphs=self.graphs, method=method, seed=seed
            )
            reserved = Reserved() if self.reserved is None else Reserved.read(self.reserved)
            return CorpusAndRejections(replace(found.corpus, reserved=reserved), found.rejected)
        if self.graphs is not None or self.instances is not None:
            raise InputError(
                "a table of captions does not go with annotations in JSON",
                file=self.captions,
                remedy="give captions in COCO's format, or annotations by --tables",
            )
        faults: Faults = []
        corpus = read_corpus(
            self.captions,
            self.images,
            self.objects,
            self.relations,
            caption_set=caption_set,
            split=split,
            seed=seed,
            reserved=self.reserved,
            faults=faults,
        )
        return CorpusAndRejections(corpus, rejected_rows(faults, method))


def read_annotation_files(
    *, captions: Path | None, instances: Path | None, graphs: Path | None, method: str, seed: int
) -> CorpusAndRejections:
    """The corpus of a captions file, an instances file or a scene graphs file, or of captions with one of the two.

    Raises `InputError` if no file is given, both kinds of annotations are given, or a file has another format.
    """
    if instances is not None and graphs is not None:
        raise InputError("two annotation files are given", remedy="give --instances or --graphs, not both")
    readers = [
        (graphs, read_graph_file),
        (instances, read_instances),
        (captions, read_caption_file),
    ]
    if instances is not None:
        require(instances, "instances")
    frames: dict[str, list[pl.DataFrame]] = {name: [] for name in _NAMES}
    faults: Faults = []
    for path, read in readers:
        if path is not None:
            reading = read(Path(path))
            faults += [(fault, Path(path)) for fault in reading.faults]
            for name, frame in reading.tables.items():
                frames[name].append(frame)
    if not any(frames.values()):
        raise InputError("no input is given", remedy="give --captions, --instances, --graphs or --tables")
    whole = {name: pl.concat([table(name, []), *given], how="diagonal") for name, given in frames.items()}
    caption_rows = legible_captions(whole["captions"], Path(captions or ""), faults, "annotation")
    images = whole["images"].unique("image_id", keep="first", maintain_order=True).sort("image_id")
    corpus = Corpus(
        captions=Captions(caption_rows.sort("image_id", "caption_id").select(SCHEMAS["captions"].names())),
        images=images,
        objects=whole["objects"].sort("image_id", "object_id"),
        relations=whole["relations"].sort("image_id", "subject_id", "predicate", "object_id"),
        seed=seed,
    )
    if not caption_rows.height and not whole["objects"].height:
        reasons = Counter(fault.problem for fault, _ in faults)
        first, file = faults[0] if faults else (None, captions or instances or graphs)
        listed = ", ".join(f"{reason} ({number})" for reason, number in reasons.most_common(_REASONS))
        raise InputError(
            f"no record of the input can be used; reasons: {listed or 'it has none'}",
            file=file,
            record=first.record if first else None,
            remedy="correct the records, or give files of one of the formats in docs/annotations.md",
        )
    return CorpusAndRejections(corpus, rejected_rows(faults, method))


def rejected_rows(faults: Faults, method: str) -> pl.DataFrame:
    """Table `rejected` of the records that were set aside, sorted."""
    rows = table("rejected", [_row(fault, path, method) for fault, path in faults])
    return rows.sort("image_id", "caption_id", "reason", "positive", nulls_last=True)


def _row(fault: Fault, path: Path, method: str) -> dict[str, str | None]:
    return {
        "caption_id": fault.caption_id,
        "image_id": fault.image_id,
        "method": method,
        "type": "input",
        "positive": fault.text,
        "negative": None,
        "reason": f"{fault.problem}{RECORD}{fault.record} of {path.name}",
    }
