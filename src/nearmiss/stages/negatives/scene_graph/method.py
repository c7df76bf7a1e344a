"""HNC: captions and negatives from scene graphs (Dönmez et al., CoNLL 2023).

Templates turn the annotations of an image into true sentences. In the negative of a sentence one part is changed: an
attribute, an entity, a predicate or a number. Types are balanced over the graph of the image.

Mode `default` is corrected. Differences from the published generator (as read in its code; our choices are marked in
the files): statistics are computed from the training graphs only, in one pass; draws are seeded per image; no negative
is stated by the annotations; an attribute is replaced by one of the same kind; nouns agree in number; the box test is
correct; objects of the same name are identified by their attributes; predicates take turns. Mode `released` reproduces
the release with its defects (released.py).
"""

from collections.abc import Iterator

from nearmiss.base.progress import progress
from nearmiss.base.seeding import rng
from nearmiss.engine.text.scene_graphs.graphs import Graph, graphs, listed_graphs
from nearmiss.engine.text.scene_graphs.wording import template_id
from nearmiss.stages.negatives.candidates import Candidate, Corpus, Method, Positive, Rejected
from nearmiss.stages.negatives.candidates import Outcome as Result
from nearmiss.stages.negatives.scene_graph import logic, quantities, types
from nearmiss.stages.negatives.scene_graph.pairs import Builder, Outcome, Pair
from nearmiss.stages.negatives.scene_graph.released import released_pairs
from nearmiss.stages.negatives.scene_graph.replacement import Selector, Statistics, count
from nearmiss.stages.negatives.shards import shards
from nearmiss.stages.negatives.spec import GraphType, SceneGraphConfig

BUILDERS: dict[str, Builder] = {  # caption types of HNC, by the names of the paper
    "attribute": types.attribute,
    "object": types.object_,
    "attribute_subg": types.attribute_subg,
    "relation_subj": types.relation_subj,
    "relation_obj": types.relation_obj,
    "relation_pred": types.relation_pred,
    "relation_attr_subj": types.relation_attr_subj,
    "relation_attr_obj": types.relation_attr_obj,
    "relation_attr_pred": types.relation_attr_pred,
    "obj_count": types.obj_count,
    "obj_comp_count": quantities.obj_comp_count,
    "obj_verify_count": quantities.obj_verify_count,
    "obj_verify_count_attr": quantities.obj_verify_count_attr,
    "and_logic_attr": logic.and_logic_attr,
    "and_logic_rel": logic.and_logic_rel,
    "xor_logic_attr": logic.xor_logic_attr,
    "xor_logic_rel": logic.xor_logic_rel,
}

_WITHOUT_ATTRIBUTES: dict[GraphType, GraphType] = {  # the type of a relation in a graph that has no attributes
    "relation_attr_subj": "relation_subj",
    "relation_attr_obj": "relation_obj",
    "relation_attr_pred": "relation_pred",
}


def generate(corpus: Corpus, options: SceneGraphConfig) -> Iterator[Result]:
    """Yield positives and negatives of every annotated image; the captions of the corpus are not used.

    Statistics are counted once over the graphs of the corpus. For mode `released`, see released.py.
    """
    read, of_image = (listed_graphs, _released) if options.mode == "released" else (graphs, _corrected)
    of_images = read(corpus.objects, corpus.relations, corpus.images)
    statistics = corpus.learned or learn(corpus, options)
    for graph in progress(of_images, what="sentences of scene graphs", total=len(of_images)):
        yield from of_image(graph, statistics, options, corpus.seed)


def _corrected(graph: Graph, statistics: Statistics, options: SceneGraphConfig, seed: int) -> Iterator[Result]:
    written: dict[str, str] = {}
    for found in pairs(graph, statistics, options, seed):
        if not isinstance(found, Pair):
            yield Rejected(None, graph.image_id, found.type, found.reason, found.positive)
            continue
        if found.positive not in written:
            written[found.positive] = f"{graph.image_id}-scene_graph-{len(written)}"
            caption_id = written[found.positive]
            yield Positive(caption_id, graph.image_id, found.positive, template_id(found.kind))
        yield _candidate(found, written[found.positive], graph.image_id)


def _released(graph: Graph, statistics: Statistics, options: SceneGraphConfig, seed: int) -> Iterator[Result]:
    """All pairs of the configured types, unchecked, each with a separate positive."""
    for number, found in enumerate(released_pairs(graph, statistics, seed)):
        if found.type in options.types:
            caption_id = f"{graph.image_id}-scene_graph-{number}"
            yield Positive(caption_id, graph.image_id, found.positive, template_id(found.kind), unchecked=True)
            yield _candidate(found, caption_id, graph.image_id)._replace(unchecked=True)


def _candidate(pair: Pair, caption_id: str, image_id: str) -> Candidate:
    return Candidate(
        caption_id=caption_id,
        image_id=image_id,
        type=pair.type,
        positive=pair.positive,
        negative=pair.negative,
        template_id=template_id(pair.kind),
        new_word=pair.new,
    )


def learn(corpus: Corpus, options: SceneGraphConfig) -> Statistics:
    """The statistics of all graphs of the whole corpus."""
    return count(graph for part in shards(corpus) for graph in graphs(part.objects, part.relations, part.images))


METHOD = Method("scene_graph", generate, learn=learn)


def pairs(graph: Graph, statistics: Statistics, options: SceneGraphConfig, seed: int) -> Iterator[Outcome]:
    """Yield at most `per_image` different pairs of an image, types taking turns in a random order, and refusals.

    Depends only on the graph, the statistics and the seed. A type that is given twice has two turns. Equal refusals
    are yielded once. In a graph without attributes, relation types that name them state the relation alone.
    """
    random = rng(seed, "scene_graph", graph.image_id)
    selector = Selector(graph, statistics, random, options.reversed_share)
    turns = random.sample(options.types, len(options.types))
    if not any(node.attributes for node in graph.nodes):
        turns = [_WITHOUT_ATTRIBUTES.get(name, name) for name in turns]
    sources = {name: BUILDERS[name](selector) for name in dict.fromkeys(turns)}
    seen: set[object] = set()
    made = 0
    while sources:
        for name in [name for name in turns if name in sources]:
            if made == options.per_image:
                return
            for found in sources.get(name, ()):
                if _same(found) in seen:
                    continue
                seen.add(_same(found))
                yield found
                if isinstance(found, Pair):
                    made += 1
                    break
            else:
                sources.pop(name, None)


def _same(found: Outcome) -> object:
    """Key of an outcome: the two sentences of a pair, whatever its type."""
    return (found.positive, found.negative) if isinstance(found, Pair) else found
