"""Combinations held out of training: pairs of color and shape, and ordered relations between two shapes.

Scenes of the splits never show one; only benchmark items of conditions new_pair and new_relation do. A relation is a
fact, not a sentence: (cube, to the left of, ring) and (ring, to the right of, cube) are held out together.
"""

from dataclasses import dataclass
from functools import cache
from itertools import permutations
from typing import Any

from nearmiss.base.seeding import rng
from nearmiss.engine.world.scene import Scene, SceneObject
from nearmiss.engine.world.spec import WorldConfig
from nearmiss.engine.world.vocabulary import used

Pair = tuple[str, str]
Relation = tuple[str, str, str]

_AXES = (("x", "to the left of", "to the right of"), ("y", "above", "below"))


@dataclass(frozen=True)
class Reservation:
    """What is held out: (color, shape) pairs, and relations (shape, predicate, shape) in both directions."""

    pairs: frozenset[Pair]
    relations: frozenset[Relation]

    def as_record(self, templates: list[str]) -> dict[str, Any]:
        """The published list; `templates` are ids of templates that no training text uses."""
        return {
            "pairs": [list(pair) for pair in sorted(self.pairs)],
            "relations": [list(relation) for relation in sorted(self.relations)],
            "templates": sorted(templates),
        }

    def pairs_of(self, scene: Scene) -> set[Pair]:
        """Held-out pairs that the scene shows."""
        return {(obj.color, obj.shape) for obj in scene.objects} & self.pairs

    def relations_of(self, scene: Scene) -> set[Relation]:
        """Held-out relations that the scene shows."""
        return {fact for a, b in permutations(scene.objects, 2) for fact in facts(a, b)} & self.relations

    def allows(self, scene: Scene) -> bool:
        """Whether the scene shows nothing that is held out."""
        return not self.pairs_of(scene) and not self.relations_of(scene)


def facts(a: SceneObject, b: SceneObject) -> set[Relation]:
    """The relations of a's center to b's, by shape; equal coordinates give none."""
    found = set()
    for axis, before, after in _AXES:
        gap = getattr(b, axis) - getattr(a, axis)
        if gap:
            found.add((a.shape, before if gap > 0 else after, b.shape))
    return found


def reservation(config: WorldConfig) -> Reservation:
    """The held-out combinations of a world, drawn from its seed.

    Pairs are spread over colors and shapes (no color or shape twice before all were used once). Relations run along a
    chain of shapes on each axis, so that a shape that is never left of one neighbor is never right of the other, and
    its positions stay nearly uniform.
    """
    return _reservation(config.model_dump_json(include=set(WorldConfig.model_fields)))


@cache
def _reservation(config_json: str) -> Reservation:
    config = WorldConfig.model_validate_json(config_json)
    words, generator = used(config), rng(config.seed, "reserved")
    colors, shapes = list(words.colors), list(words.shapes)
    generator.shuffle(colors)
    generator.shuffle(shapes)
    wanted = min(config.reserved.pairs, len(colors) * len(shapes) // 4)
    pairs = frozenset((colors[k % len(colors)], shapes[(k + k // len(colors)) % len(shapes)]) for k in range(wanted))
    relations: set[Relation] = set()
    for number in range(min(config.reserved.relations, len(shapes) * (len(shapes) - 1) // 4)):
        _, before, after = _AXES[number % 2]
        start = number // 2 + 2 * (number % 2)  # the two axes begin at different shapes of the chain
        first, second = shapes[start % len(shapes)], shapes[(start + 1) % len(shapes)]
        relations |= {(first, before, second), (second, after, first)}
    return Reservation(pairs, frozenset(relations))
