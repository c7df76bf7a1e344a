"""HNC's caption types on attributes and relations as published: one pair of every source, in the release's order."""

from collections.abc import Iterator

from nearmiss.stages.negatives.scene_graph_graphs import Node, Triple
from nearmiss.stages.negatives.scene_graph_published_defects import skipped
from nearmiss.stages.negatives.scene_graph_published_selection import PublishedSelector
from nearmiss.stages.negatives.scene_graph_sources import Pair
from nearmiss.stages.negatives.scene_graph_wording import Phrase, attribute_sentence, relation_sentence, same_number

_TRIES = 11  # draws of each option for an attribute


def attribute(selector: PublishedSelector) -> Iterator[Pair]:
    """The cube is red / The cube is blue, or The ball is red (type "object"); other cubes and balls are not asked."""
    for node in selector.graph.nodes:
        for value in node.attributes:
            positive = attribute_sentence(node.name, value)
            found = _foiled(selector, node, value)
            if found is not None:
                type_name, foil, new = found
                negative = attribute_sentence(foil.name, foil.attributes[0])
                yield Pair(type_name, "attribute", positive, negative, new)


def attribute_subg(selector: PublishedSelector) -> Iterator[Pair]:
    """The red cube is above the ball / The blue cube is above the ball, or The red star is above the ball."""
    for triple in selector.graph.triples:
        subject, thing = triple.subject, triple.object
        if subject.attributes and thing.attributes and kept(triple):
            value = selector.rng.choice(subject.attributes)
            found = _foiled(selector, subject, value)
            if found is not None:
                _, foil, new = found
                yield _pair("attribute_subg", triple, Phrase(subject.name, (value,)), foil=foil, new=new)


def relation(selector: PublishedSelector) -> Iterator[Pair]:
    """One of subject, object and predicate is another one that the scene has; it is not asked whether that is true."""
    for triple in selector.graph.triples:
        slot = selector.rng.choice(("subj", "pred", "obj"))
        if slot == "pred":
            predicate = selector.predicate(triple)
            if predicate is not None and kept(triple) and not skipped(predicate, *names(triple)):
                yield _pair("relation_pred", triple, predicate=predicate, new=predicate)
            continue
        replaced = triple.subject if slot == "subj" else triple.object
        node = selector.entity(triple, replaced)
        if node is not None and kept(triple) and not skipped(triple.predicate, node.name, *names(triple, replaced)):
            said = Phrase(node.name)
            foil, thing = (said, None) if slot == "subj" else (None, said)
            yield _pair(f"relation_{slot}", triple, foil=foil, thing_foil=thing, new=node.name)


def relation_attr(selector: PublishedSelector) -> Iterator[Pair]:
    """The same with attributes: a replaced thing is not annotated with the attribute, others of its name may be."""
    for triple in selector.graph.triples:
        slot = selector.rng.choice(("attr_subj", "attr_pred", "attr_obj"))
        subject, thing = triple.subject, triple.object
        if slot == "attr_pred":
            if not subject.attributes or not thing.attributes:
                continue
            predicate = selector.predicate(triple)
            first, second = selector.rng.choice(subject.attributes), selector.rng.choice(thing.attributes)
            if predicate is not None and kept(triple) and not skipped(predicate, *names(triple)):
                one, other = Phrase(subject.name, (first,)), Phrase(thing.name, (second,))
                yield _pair("relation_attr_pred", triple, one, other, predicate=predicate, new=predicate)
            continue
        replaced = subject if slot == "attr_subj" else thing
        found = selector.entity_with_attribute(triple, replaced)
        if found is None or not kept(triple):
            continue
        node, value = found
        if skipped(triple.predicate, node.name, *names(triple, replaced)):
            continue
        said, new = Phrase(replaced.name, (value,)), Phrase(node.name, (value,))
        if slot == "attr_subj":
            yield _pair("relation_attr_subj", triple, said, foil=new, new=node.name)
        else:
            yield _pair("relation_attr_obj", triple, thing=said, thing_foil=new, new=node.name)


def kept(triple: Triple) -> bool:
    """Whether the release writes of this triple: no thing beside its like, no place relative to the background."""
    return not same_number(*names(triple)) and not skipped(triple.predicate, *names(triple))


def names(triple: Triple, but: Node | None = None) -> list[str]:
    """Names of subject and object, but for one of them."""
    return [node.name for node in (triple.subject, triple.object) if node is not but]


def _foiled(selector: PublishedSelector, node: Node, value: str) -> tuple[str, Phrase, str] | None:
    """(type, foil, what is new) of an attribute of a thing: another attribute or another bearer, in drawn order."""
    options = selector.rng.sample(("attribute", "object"), 2)
    for option in options:
        for _ in range(_TRIES):
            if option == "attribute":
                other = selector.attribute(node.name, value)
                if other is not None:
                    return option, Phrase(node.name, (other,)), other
            else:
                bearer = selector.bearer(node, value)
                if bearer is not None:
                    return option, Phrase(bearer.name, (value,)), bearer.name
    return None


def _pair(
    type_name: str,
    triple: Triple,
    subject: Phrase | None = None,
    thing: Phrase | None = None,
    *,
    foil: Phrase | None = None,
    thing_foil: Phrase | None = None,
    predicate: str | None = None,
    new: str,
) -> Pair:
    """The sentence of a triple and the one with the foils in the places of what they replace."""
    subject, thing = subject or Phrase(triple.subject.name), thing or Phrase(triple.object.name)
    positive = relation_sentence(subject, triple.predicate, thing)
    negative = relation_sentence(foil or subject, predicate or triple.predicate, thing_foil or thing)
    return Pair(type_name, "relation", positive, negative, new)
