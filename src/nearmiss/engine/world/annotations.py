"""Annotations of a scene as a human would make them: boxes, masks, attributes and relations, possibly incomplete."""

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np

from nearmiss.base.seeding import rng
from nearmiss.engine.formats.segmentation import encode_mask
from nearmiss.engine.world.drawing import mask
from nearmiss.engine.world.scene import Scene, SceneObject
from nearmiss.engine.world.spec import WorldConfig
from nearmiss.engine.world.truth import related
from nearmiss.engine.world.vocabulary import load_vocabulary


@dataclass(frozen=True)
class Annotated:
    """One image's scene graph (GQA) and instances (COCO, category by name)."""

    graph: dict[str, Any]
    instances: list[dict[str, Any]]


def annotate(scene: Scene, config: WorldConfig) -> Annotated:
    """Annotate a scene; each record is kept with probability `config.completeness`.

    Attributes and relations are sampled among those of the kept objects. Each direction of a relation is a separate
    record, as in GQA.
    """
    kept = [obj for obj in scene.objects if _keeps(config, obj.object_id)]
    seen = {obj.object_id: mask(scene, obj) for obj in kept}
    objects = {obj.object_id: _object(obj, seen[obj.object_id], config) for obj in kept}
    for subject, other in permutations(kept, 2):
        for predicate in load_vocabulary().predicates:
            holds = related(subject, predicate, other, scene.side)
            if holds and _keeps(config, subject.object_id, predicate, other.object_id):
                objects[subject.object_id]["relations"].append({"name": predicate, "object": other.object_id})
    graph = {"width": scene.side, "height": scene.side, "objects": objects}
    return Annotated(graph, [_instance(scene, obj, seen[obj.object_id]) for obj in kept])


def _keeps(config: WorldConfig, *record: str) -> bool:
    return config.completeness >= 1 or rng(config.seed, "annotation", *record).random() < config.completeness


def _object(obj: SceneObject, seen: np.ndarray, config: WorldConfig) -> dict[str, Any]:
    x, y, w, h = tight_box(seen)
    values = [obj.size, obj.color, *([obj.pattern] if obj.pattern != "plain" else [])]
    values += [obj.action] if obj.action is not None else []
    attributes = [value for value in values if _keeps(config, obj.object_id, "attribute", value)]
    return {"name": obj.shape, "x": x, "y": y, "w": w, "h": h, "attributes": attributes, "relations": []}


def _instance(scene: Scene, obj: SceneObject, seen: np.ndarray) -> dict[str, Any]:
    return {
        "id": int(obj.object_id),
        "image_id": int(scene.scene_id),
        "category": obj.shape,
        "bbox": list(tight_box(seen)),
        "area": int(seen.sum()),
        "iscrowd": 0,
        "segmentation": {"size": [scene.side, scene.side], "counts": encode_mask(seen)},
    }


def tight_box(seen: np.ndarray) -> tuple[int, int, int, int]:
    """x, y, w, h in pixels of the smallest box around the true pixels of a mask (side, side)."""
    rows, columns = (np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0))
    return int(columns[0]), int(rows[0]), int(columns[-1] - columns[0] + 1), int(rows[-1] - rows[0] + 1)
