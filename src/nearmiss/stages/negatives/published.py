"""Published files, as people have them at hand, as the corpus that the stage works on; no workflow is needed.

Captions come in COCO's format, annotations as COCO instances or GQA scene graphs. What is wrong with a record is told
in table `rejected` (type "input"), and the rest goes through.
"""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.tables import SCHEMAS, table
from nearmiss.engine.formats import salvage
from nearmiss.engine.formats.salvage import Fault
from nearmiss.engine.text.legible import illegible
from nearmiss.stages.negatives.candidates import Corpus
from nearmiss.stages.negatives.shards import Captions
from nearmiss.stages.negatives.summary import RECORD

_NAMES = ("images", "captions", "objects", "relations")


@dataclass(frozen=True)
class Published:
    """A corpus, and rows of table `rejected` for the records that are not in it."""

    corpus: Corpus
    aside: pl.DataFrame


def read_published(
    *, captions: Path | None, instances: Path | None, graphs: Path | None, method: str, seed: int
) -> Published:
    """The corpus of a captions file, an instances file or a scene graphs file, or of captions with one of the two.

    Raises `InputError` where nothing is given, where both kinds of annotations are, or where a file is no such file.
    """
    if instances is not None and graphs is not None:
        raise InputError("two files of annotations are given", remedy="give --instances or --graphs, not both")
    readers = [
        (graphs, salvage.read_graphs),
        (instances, salvage.read_instances),
        (captions, salvage.read_captions),
    ]
    frames: dict[str, list[pl.DataFrame]] = {name: [] for name in _NAMES}
    rows = []
    for path, read in readers:
        if path is not None:
            salvaged = read(Path(path))
            rows += [_row(fault, Path(path), method) for fault in salvaged.faults]
            for name, frame in salvaged.tables.items():
                frames[name].append(frame)
    if not any(frames.values()):
        raise InputError("no input is given", remedy="give --captions, --instances, --graphs or --tables")
    whole = {name: pl.concat([table(name, []), *given]) for name, given in frames.items()}
    said, illegible_rows = _legible(whole["captions"], captions, method)
    images = whole["images"].unique("image_id", keep="first", maintain_order=True).sort("image_id")
    corpus = Corpus(
        captions=Captions(said.sort("image_id", "caption_id").select(SCHEMAS["captions"].names())),
        images=images,
        objects=whole["objects"].sort("image_id", "object_id"),
        relations=whole["relations"].sort("image_id", "subject_id", "predicate", "object_id"),
        seed=seed,
    )
    if not said.height and not whole["objects"].height:
        first = (rows + illegible_rows)[:1]
        raise InputError(
            "no record of the input can be used",
            file=captions or instances or graphs,
            record=first[0]["reason"] if first else None,
            remedy="give files in COCO's or GQA's format",
        )
    aside = table("rejected", [*rows, *illegible_rows])
    return Published(corpus, aside.sort("image_id", "caption_id", "reason", "positive", nulls_last=True))


def _legible(said: pl.DataFrame, path: Path | None, method: str) -> tuple[pl.DataFrame, list[dict]]:
    """The captions that can be read, and rows for the others."""
    why = pl.Series("why", [illegible(text) for text in said["text"]], dtype=pl.String)
    wrong = said.with_columns(why).filter(why.is_not_null())
    rows = [
        _row(
            Fault(f"annotation {row['caption_id']}", row["why"], row["image_id"], row["caption_id"], row["text"]),
            Path(path or ""),
            method,
        )
        for row in wrong.iter_rows(named=True)
    ]
    return said.filter(why.is_null()), rows


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
