"""What a human annotator would have left of a scene: boxes, masks, attributes and relations, perhaps incomplete."""

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np

from nearmiss.base.seeding import rng
from nearmiss.engine.formats.segmentation import encode_mask
from nearmiss.engine.world.drawing import mask
from nearmiss.engine.world.scene import Scene, Thing
from nearmiss.engine.world.spec import WorldConfig
from nearmiss.engine.world.truth import related
from nearmiss.engine.world.vocabulary import load_vocabulary


@dataclass(frozen=True)
class Annotated:
    """One image's scene graph (GQA) and instances (COCO, category by name)."""

    graph: dict[str, Any]
    instances: list[dict[str, Any]]


def annotate(scene: Scene, config: WorldConfig) -> Annotated:
    """The annotations of a scene, of which the share `config.completeness` is kept, drawn record by record.

    Attributes and relations are kept at that share of what the kept objects have; each direction of a relation is a
    record of its own, as in GQA.
    """
    kept = [thing for thing in scene.things if _keeps(config, thing.thing_id)]
    seen = {thing.thing_id: mask(scene, thing) for thing in kept}
    objects = {thing.thing_id: _object(thing, seen[thing.thing_id], config) for thing in kept}
    for subject, other in permutations(kept, 2):
        for predicate in load_vocabulary().predicates:
            holds = related(subject, predicate, other, scene.side)
            if holds and _keeps(config, subject.thing_id, predicate, other.thing_id):
                objects[subject.thing_id]["relations"].append({"name": predicate, "object": other.thing_id})
    graph = {"width": scene.side, "height": scene.side, "objects": objects}
    return Annotated(graph, [_instance(scene, thing, seen[thing.thing_id]) for thing in kept])


def _keeps(config: WorldConfig, *record: str) -> bool:
    return config.completeness >= 1 or rng(config.seed, "annotation", *record).random() < config.completeness


def _object(thing: Thing, seen: np.ndarray, config: WorldConfig) -> dict[str, Any]:
    x, y, w, h = tight_box(seen)
    said = [thing.size, thing.color, *([thing.pattern] if thing.pattern != "plain" else [])]
    said += [thing.action] if thing.action is not None else []
    attributes = [value for value in said if _keeps(config, thing.thing_id, "attribute", value)]
    return {"name": thing.shape, "x": x, "y": y, "w": w, "h": h, "attributes": attributes, "relations": []}


def _instance(scene: Scene, thing: Thing, seen: np.ndarray) -> dict[str, Any]:
    return {
        "id": int(thing.thing_id),
        "image_id": int(scene.scene_id),
        "category": thing.shape,
        "bbox": list(tight_box(seen)),
        "area": int(seen.sum()),
        "iscrowd": 0,
        "segmentation": {"size": [scene.side, scene.side], "counts": encode_mask(seen)},
    }


def tight_box(seen: np.ndarray) -> tuple[int, int, int, int]:
    """x, y, w, h in pixels of the smallest box around the true pixels of a mask (side, side)."""
    rows, columns = (np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0))
    return int(columns[0]), int(rows[0]), int(columns[-1] - columns[0] + 1), int(rows[-1] - rows[0] + 1)
