"""GQA scene graphs as JSON for the tests of scene_graph: the real sample, and graphs that hypothesis makes."""

import json
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import strategies as st

from nearmiss.base.tables import table
from nearmiss.engine.text.scene_graphs.graphs import Graph, graphs
from nearmiss.stages.negatives.candidates import Corpus

REAL = Path(__file__).parents[3] / "shared" / "realdata" / "gqa_scene_graph_sample" / "train-sgs-sample.json"

Raw = dict[str, dict[str, Any]]


def real() -> Raw:
    """The 14 real graphs."""
    return json.loads(REAL.read_text(encoding="utf-8"))


def tables(raw: Raw) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Tables `objects` and `relations`, with the order of the file in column `position`."""
    objects, relations = [], []
    for image_id, graph in raw.items():
        for object_id, thing in graph["objects"].items():
            box = {key: float(thing[key]) for key in "xywh"}
            objects.append(
                {"object_id": object_id, "image_id": image_id, "name": thing["name"], **box}
                | {"attributes": thing["attributes"], "mask": None}
            )
            relations += [
                {"image_id": image_id, "subject_id": object_id, "predicate": r["name"], "object_id": r["object"]}
                for r in thing["relations"]
            ]
    position = pl.int_range(pl.len(), dtype=pl.Int64).alias("position")
    return table("objects", objects).with_columns(position), table("relations", relations).with_columns(position)


def as_graphs(raw: Raw) -> list[Graph]:
    """The graphs as the generator reads them."""
    return graphs(*tables(raw))


def as_corpus(raw: Raw, seed: int = 0) -> Corpus:
    """A corpus of these graphs, without captions."""
    images = [
        {"image_id": image_id, "file": f"{image_id}.jpg", "width": graph["width"], "height": graph["height"]}
        | {"split": "train", "source": "gqa"}
        for image_id, graph in raw.items()
    ]
    return Corpus((), table("images", images), *tables(raw), seed)


NAMES = ("cube", "ball", "dog", "dogs", "man", "men", "glass", "hand", "pizza slice")
ATTRIBUTES = ("red", "blue", "orange", "small", "large", "wooden", "running")
PREDICATES = ("to the left of", "to the right of", "above", "below", "on", "behind", "in front of", "near", "wearing")

_things = st.tuples(
    st.sampled_from(NAMES),
    st.lists(st.sampled_from(ATTRIBUTES), max_size=3, unique=True),
    st.tuples(*(st.integers(0, 80) for _ in range(2)), *(st.integers(1, 60) for _ in range(2))),
)
_relations = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(PREDICATES), st.integers(0, 5)), max_size=10, unique=True
)


@st.composite
def raw_graphs(draw: Any) -> Raw:
    """One to three images of one to six objects; relations and boxes need not agree, as in real annotations."""
    raw: Raw = {}
    for number in range(draw(st.integers(1, 3))):
        things = draw(st.lists(_things, min_size=1, max_size=6))
        objects = {
            f"{number}-{index}": {"name": name, "attributes": values, **dict(zip("xywh", box, strict=True))}
            | {"relations": []}
            for index, (name, values, box) in enumerate(things)
        }
        ids = list(objects)
        for one, predicate, other in draw(_relations):
            if one % len(ids) != other % len(ids):
                relation = {"name": predicate, "object": ids[other % len(ids)]}
                objects[ids[one % len(ids)]]["relations"].append(relation)
        raw[f"image-{number}"] = {"width": 140, "height": 140, "objects": objects}
    return raw
