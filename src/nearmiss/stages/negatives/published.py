"""Published files, as people have them at hand, as the corpus that the stage works on; no workflow is needed.

Captions come in COCO's format, annotations as COCO instances or GQA scene graphs. What is wrong with a record is told
in table `rejected` (type "input"), and the rest goes through.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.tables import SCHEMAS, table
from nearmiss.engine.formats.coco import read_captions, read_instances
from nearmiss.engine.formats.gqa import read_scene_graphs
from nearmiss.engine.formats.set_aside import Fault
from nearmiss.engine.formats.sound_tables import Faults, legible_captions
from nearmiss.stages.negatives.candidates import Corpus
from nearmiss.stages.negatives.shards import Captions
from nearmiss.stages.negatives.summary import RECORD

_NAMES = ("images", "captions", "objects", "relations")
_REASONS = 5  # in a message


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
        (graphs, read_scene_graphs),
        (instances, read_instances),
        (captions, read_captions),
    ]
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
    said = legible_captions(whole["captions"], Path(captions or ""), faults, "annotation")
    images = whole["images"].unique("image_id", keep="first", maintain_order=True).sort("image_id")
    corpus = Corpus(
        captions=Captions(said.sort("image_id", "caption_id").select(SCHEMAS["captions"].names())),
        images=images,
        objects=whole["objects"].sort("image_id", "object_id"),
        relations=whole["relations"].sort("image_id", "subject_id", "predicate", "object_id"),
        seed=seed,
    )
    if not said.height and not whole["objects"].height:
        reasons = Counter(fault.problem for fault, _ in faults)
        first, file = faults[0] if faults else (None, captions or instances or graphs)
        listed = ", ".join(f"{reason} ({number})" for reason, number in reasons.most_common(_REASONS))
        raise InputError(
            f"no record of the input can be used; reasons: {listed or 'it has none'}",
            file=file,
            record=first.record if first else None,
            remedy="give files in COCO's or GQA's format",
        )
    return Published(corpus, rejected(faults, method))


def rejected(faults: Faults, method: str) -> pl.DataFrame:
    """Table `rejected` of what was set aside, in an order of its own."""
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
