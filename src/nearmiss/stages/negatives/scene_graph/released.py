"""HNC as released (Dönmez et al., CoNLL 2023), mode `released`: every pair that the release writes of an image.

What is wrong in it is named in released_selection.py and stands with the types; it is not mended, so none of
these rows is checked (verdict `unchecked`). Order within an image is that of the twelve builders, and every pair has a
positive of its own, as in the released files.
"""

from collections.abc import Callable, Iterator

from nearmiss.base.seeding import rng
from nearmiss.stages.negatives.scene_graph.graphs import Graph
from nearmiss.stages.negatives.scene_graph.released_logic import (
    and_logic_attr,
    and_logic_rel,
    xor_logic_attr,
    xor_logic_rel,
)
from nearmiss.stages.negatives.scene_graph.released_selection import ReleasedSelector
from nearmiss.stages.negatives.scene_graph.released_types import (
    attribute,
    attribute_subg,
    obj_comp_count,
    obj_count,
    obj_verify_count,
    obj_verify_count_attr,
    relation,
    relation_attr,
)
from nearmiss.stages.negatives.scene_graph.sources import Pair
from nearmiss.stages.negatives.scene_graph.statistics import Statistics

# In the order in which the release runs them.
BUILDERS: tuple[Callable[[ReleasedSelector], Iterator[Pair]], ...] = (
    *(attribute, attribute_subg, relation, relation_attr),
    *(obj_count, obj_comp_count, obj_verify_count, obj_verify_count_attr),
    *(and_logic_attr, and_logic_rel, xor_logic_attr, xor_logic_rel),
)


def released_pairs(graph: Graph, statistics: Statistics, seed: int) -> Iterator[Pair]:
    """All pairs of one image; each builder draws from a seed of its own."""
    for builder in BUILDERS:
        random = rng(seed, "scene_graph", "faithful", graph.image_id, builder.__name__)
        yield from builder(ReleasedSelector(graph, statistics, random))
