"""Schemas of every table that crosses a stage border, and how such a table is read and written.

Ids are strings, offsets are in characters, boxes are x, y, w, h in pixels from the top left corner.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.columns import cast, is_index
from nearmiss.base.errors import InputError
from nearmiss.base.files import replacing

EDIT = pl.Struct({"start": pl.Int64, "end": pl.Int64, "old": pl.String, "new": pl.String})
EDITS = pl.List(EDIT)


def _schema(columns: dict[str, Any]) -> pl.Schema:
    return pl.Schema(columns)


_SCORED: dict[str, Any] = {"model": pl.String, "arm": pl.String, "seed": pl.Int64}
_ENDPOINT: dict[str, Any] = {
    "stage": pl.String,
    "benchmark": pl.String,
    "subset": pl.String,
    "concept": pl.String,
    "operator": pl.String,
    "condition": pl.String,
    "split": pl.String,
    "corruption": pl.String,
    "severity": pl.Int64,
    "task": pl.String,
    "share": pl.Float64,
    "metric": pl.String,
}

SCHEMAS: dict[str, pl.Schema] = {
    "images": _schema(
        {
            "image_id": pl.String,
            "file": pl.String,
            "width": pl.Int64,
            "height": pl.Int64,
            "split": pl.String,
            "source": pl.String,
        }
    ),
    "captions": _schema(
        {
            "caption_id": pl.String,
            "image_id": pl.String,
            "text": pl.String,
            "template_id": pl.String,
            "source": pl.String,
        }
    ),
    "objects": _schema(
        {
            "object_id": pl.String,
            "image_id": pl.String,
            "name": pl.String,
            "x": pl.Float64,
            "y": pl.Float64,
            "w": pl.Float64,
            "h": pl.Float64,
            "attributes": pl.List(pl.String),
            "mask": pl.String,  # COCO RLE counts of the whole image, or null
        }
    ),
    "relations": _schema(
        {
            "image_id": pl.String,
            "subject_id": pl.String,
            "predicate": pl.String,
            "object_id": pl.String,
        }
    ),
    # What a data set states of the origin of an image; null where it states nothing.
    "origins": _schema(
        {
            "image_id": pl.String,
            "coco_url": pl.String,
            "flickr_url": pl.String,
            "date_captured": pl.String,
            "image_license": pl.String,
            "text_license": pl.String,
        }
    ),
    # The images that benchmarks show. `key` is the number in a published collection, `hash` a perceptual hash.
    "benchmark_images": _schema({"benchmark": pl.String, "image": pl.String, "key": pl.String, "hash": pl.UInt64}),
    # Training images that a benchmark shows.
    "overlap": _schema({"image_id": pl.String, "benchmark": pl.String, "image": pl.String, "found_by": pl.String}),
    "negatives": _schema(
        {
            "negative_id": pl.String,
            "caption_id": pl.String,
            "image_id": pl.String,
            "method": pl.String,
            "mode": pl.String,
            "type": pl.String,  # the paper's own name of the kind of negative
            "concept": pl.String,
            "operator": pl.String,
            "template_id": pl.String,
            "positive": pl.String,
            "negative": pl.String,
            "edits": EDITS,  # offsets in `positive`
            "foil_in_scene": pl.Boolean,
            # verified: contradicted by the annotations; plausible: no contradiction known; unchecked: as published
            "verdict": pl.String,
            "seed": pl.Int64,
        }
    ),
    "rejected": _schema(
        {
            "caption_id": pl.String,
            "image_id": pl.String,
            "method": pl.String,
            "type": pl.String,
            "positive": pl.String,
            "negative": pl.String,  # null where no candidate could be formed at all
            "reason": pl.String,
        }
    ),
    # The image's caption that each negative of a matched set is drawn with.
    "drawn_with": _schema({"negative_id": pl.String, "caption_id": pl.String}),
    "paraphrases": _schema(
        {
            "paraphrase_id": pl.String,
            "caption_id": pl.String,
            "image_id": pl.String,
            "operator": pl.String,
            "positive": pl.String,
            "paraphrase": pl.String,
            "edits": EDITS,
        }
    ),
    "items": _schema(
        {
            "item_id": pl.String,
            "benchmark": pl.String,
            "subset": pl.String,  # the benchmark's own name of a part; of the world's, the form: 1x2, 2x2, 1x3, 1xN
            "concept": pl.String,
            "operator": pl.String,
            "template_id": pl.String,
            "condition": pl.String,
            "images": pl.List(pl.String),
            "captions": pl.List(pl.String),
            "truth": pl.List(pl.List(pl.Boolean)),  # images x captions
            "crop": pl.List(pl.Float64),  # x, y, w, h or null
        }
    ),
    # Retrieval: every image that a caption is true of counts as right.
    "retrieval": _schema(
        {"caption_id": pl.String, "image_id": pl.String, "text": pl.String, "right": pl.List(pl.String)}
    ),
    # Zero-shot classification: one row an image and task; every prompt of every class is kept.
    "classification": _schema(
        {
            "task": pl.String,
            "image_id": pl.String,
            "label": pl.Int64,
            "classes": pl.List(pl.String),
            "prompts": pl.List(pl.List(pl.String)),  # classes x prompts
        }
    ),
    # Downstream tasks: one row an example; `label` is an index into `classes`.
    "examples": _schema(
        {
            "example_id": pl.String,
            "task": pl.String,
            "split": pl.String,  # train, dev or test
            "condition": pl.String,
            "image_id": pl.String,
            "text": pl.String,  # null where the task has none
            "label": pl.Int64,
            "classes": pl.List(pl.String),
            "concept": pl.String,
        }
    ),
    "predictions": _schema(
        {
            **_SCORED,
            "task": pl.String,
            "share": pl.Float64,
            "condition": pl.String,
            "example_id": pl.String,
            "label": pl.Int64,
            "predicted": pl.Int64,
            "score": pl.Float64,  # of the predicted class
        }
    ),
    "scores": _schema(
        {
            **_SCORED,
            "scorer": pl.String,
            "corruption": pl.String,
            "severity": pl.Int64,
            "item_id": pl.String,
            "similarity": pl.List(pl.List(pl.Float32)),  # images x captions
        }
    ),
    "metrics": _schema(
        {
            **_SCORED,
            **_ENDPOINT,
            "value": pl.Float64,
            "low": pl.Float64,
            "high": pl.Float64,
            "n_scored": pl.Int64,
            "n_expected": pl.Int64,
            "ties": pl.Int64,
            "chance": pl.Float64,
            "blind": pl.Float64,
            "trained": pl.String,  # seen, wording, concept or unseen
            "text_prior": pl.Float64,  # the model itself, with every image replaced by the mean of all
            "training_probe": pl.Float64,  # a text classifier that was fitted on the arm's negatives
            "published": pl.Float64,  # the value that a paper reports of this model
        }
    ),
    # Table `metrics` of weights between a base and an arm. alpha is the arm's share of the weights.
    "interpolation": _schema(
        {
            **_SCORED,
            **_ENDPOINT,
            "value": pl.Float64,
            "low": pl.Float64,
            "high": pl.Float64,
            "n_scored": pl.Int64,
            "n_expected": pl.Int64,
            "chance": pl.Float64,
            "alpha": pl.Float64,
            "chosen": pl.Boolean,  # the alpha with the highest mean on split val; false everywhere without that split
        }
    ),
    # What each item of an endpoint was worth: a metric is sum(value) / sum(weight).
    "outcomes": _schema(
        {
            **{
                name: pl.String
                for name in ("benchmark", "subset", "concept", "operator", "condition", "task", "metric")
            },
            "item_id": pl.String,
            "cluster": pl.Int64,  # items about the same images
            "value": pl.Float64,
            "weight": pl.Float64,
            "ties": pl.Int64,
            "chance": pl.Float64,
        }
    ),
    "differences": _schema(
        {
            "arm": pl.String,
            "control": pl.String,
            "seed": pl.Int64,
            **_ENDPOINT,
            "value": pl.Float64,
            "low": pl.Float64,
            "high": pl.Float64,
            "p": pl.Float64,
        }
    ),
    "costs": _schema(
        {
            **_SCORED,
            "stage": pl.String,
            "seconds": pl.Float64,
            "cpu_seconds": pl.Float64,
            "peak_memory": pl.Int64,  # bytes
            "images": pl.Int64,
            "texts": pl.Int64,
            "tokens": pl.Int64,
            "flops": pl.Float64,
        }
    ),
}


# Columns that a table has only where a data set says more than names and boxes; readers take them as null elsewhere.
OPTIONAL: dict[str, pl.Schema] = {
    "captions": _schema(
        {
            "set": pl.String,  # captions that are used together, such as `broad`; a table without it is one set
        }
    ),
    "images": _schema(
        {
            # names of which every object of the image is marked, so that the others are absent; null: all names
            "closed": pl.List(pl.String),
            # whether the annotators of the data set marked every object that they have a word for; null: yes
            "exhaustive": pl.Boolean,
        }
    ),
    "items": _schema(
        {
            # items of a subset that are averaged together first, where a benchmark's average is one over strata
            "stratum": pl.String,
            # of the world's relations in new wording: whether the subject is mentioned first, and the template
            "order": pl.String,
            "wording": pl.String,
        }
    ),
    "objects": _schema(
        {
            "crowd": pl.Boolean,  # a group of objects under one box; null: one object
            "position": pl.Int64,  # of the record in its annotation file, whose order the rows do not have
        }
    ),
    "relations": _schema(
        {
            "position": pl.Int64,  # of the record in its annotation file, whose order the rows do not have
        }
    ),
}


def conform(frame: pl.DataFrame, name: str, *, file: object = None) -> pl.DataFrame:
    """`frame` with the columns of table `name` in order, optional ones last, each cast as base/columns.py allows.

    Index columns of pandas are left out. Raises `InputError` for columns that are missing, unknown, or of another type.
    """
    schema, optional = SCHEMAS[name], OPTIONAL.get(name, pl.Schema())
    missing = [column for column in schema if column not in frame.columns]
    unknown = [column for column in frame.columns if column not in schema | optional and not is_index(column)]
    if missing or unknown:
        raise InputError(
            f"table '{name}' has the wrong columns: missing {missing}, unknown {unknown}",
            file=file,
            remedy=_remedy(name),
        )
    given = {**schema, **{column: kind for column, kind in optional.items() if column in frame.columns}}
    return cast_columns(frame, given, name, file=file)


def cast_columns(frame: pl.DataFrame, kinds: Mapping[str, Any], name: str, *, file: object = None) -> pl.DataFrame:
    """Some columns of table `name`, each cast as base/columns.py allows; InputError for one of another type."""
    columns = []
    for column, kind in kinds.items():
        try:
            columns.append(cast(frame[column], kind))
        except ValueError as error:
            raise InputError(
                f"table '{name}' has a column of the wrong type: {error}",
                file=file,
                record=f"column '{column}'",
                remedy=_remedy(name),
            ) from None
    return pl.DataFrame(columns)


def _remedy(name: str) -> str:
    columns = ", ".join(f"{column} ({_spelled(kind)})" for column, kind in SCHEMAS[name].items())
    return (
        f"a table of your own: rename, add or drop columns until it has {columns}; "
        "a table that nearmiss made: make it again with this version"
    )


def _spelled(kind: Any) -> str:
    """A type as the messages name it: text, whole number, list of text."""
    names = {pl.String: "text", pl.Int64: "whole number", pl.Float64: "number", pl.Boolean: "true or false"}
    if isinstance(kind, pl.List):
        return f"list of {_spelled(kind.inner)}"
    return names.get(kind, "record")


def table(name: str, rows: list[dict]) -> pl.DataFrame:
    """A table of the named schema from rows."""
    return pl.DataFrame(rows, schema=SCHEMAS[name], orient="row")


def read_table(path: Path, name: str) -> pl.DataFrame:
    """Read and check a Parquet table."""
    with readable(Path(path), name):
        frame = pl.read_parquet(path, glob=False)
    return conform(frame, name, file=path)


@contextmanager
def readable(path: Path, name: str) -> Iterator[None]:
    """A block that reads table `name`: InputError where the file is missing or damaged."""
    if not path.is_file():
        raise InputError(
            f"table '{name}' is missing", file=path, remedy="run the stage that makes it, or correct the path"
        )
    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:  # damaged files panic, too
        raise InputError(
            f"table '{name}' is not readable Parquet: {error}", file=path, remedy="make it again"
        ) from None


def write_table(frame: pl.DataFrame, path: Path, name: str) -> None:
    """Check and write a Parquet table, whole or not at all. Rows keep their order: sort before."""
    with replacing(path) as partial:
        conform(frame, name, file=path).write_parquet(partial, statistics=False)
