"""Registry of the methods. Each is a package in this folder; methods do not import each other."""

from nearmiss.stages.negatives.candidates import Method
from nearmiss.stages.negatives.keyword.method import METHOD as KEYWORD
from nearmiss.stages.negatives.published.method import METHOD as PUBLISHED
from nearmiss.stages.negatives.random.method import METHOD as RANDOM
from nearmiss.stages.negatives.replace.method import METHOD as REPLACE
from nearmiss.stages.negatives.rewrite.method import METHOD as REWRITE
from nearmiss.stages.negatives.scene_graph.method import METHOD as SCENE_GRAPH
from nearmiss.stages.negatives.swap.method import METHOD as SWAP

METHODS: dict[str, Method] = {
    method.name: method for method in (RANDOM, KEYWORD, SCENE_GRAPH, REPLACE, SWAP, REWRITE, PUBLISHED)
}
