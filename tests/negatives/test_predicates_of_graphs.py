"""Sentences about graphs as annotators write them: verbs, words of the whole photograph, numerals, no attributes."""

import json
import re

import polars as pl
import pytest

from nearmiss.engine.formats.graph_files import read_graph_file
from nearmiss.engine.text.annotations import Vocabulary, annotate
from nearmiss.engine.text.grammar import broken
from nearmiss.engine.text.scene_graphs.graphs import graphs
from nearmiss.engine.text.scene_graphs.predicates import complement, predicates
from nearmiss.engine.text.scene_graphs.statements import statements
from nearmiss.engine.text.scene_graphs.wording import Phrase, relation_sentence, same_name
from nearmiss.engine.text.verdict import check
from nearmiss.stages.negatives.scene_graph.method import BUILDERS, pairs
from nearmiss.stages.negatives.scene_graph.pairs import Pair
from nearmiss.stages.negatives.scene_graph.replacement import count
from nearmiss.stages.negatives.spec import SceneGraphConfig

NAMES = ("woman", "kite", "lamp", "boat")


def words_of(text):
    """The words of a text."""
    return frozenset(text.split())


# Written apart from predicates.tsv: the words that begin a complement of "be", and those that end one before "the dog".
PREPOSITIONS = words_of(
    "on in of near behind above under with at by from over below beside around inside along across "
    "against between among through toward towards beneath underneath outside upon onto into past beyond "
    "amid amidst off up down within atop alongside aboard like next opposite adjacent close away far part "
    "out to "
)
ADJECTIVES = frozenset(["full", "visible", "ready", "low", "high"])
ENDS = PREPOSITIONS | {"for", "than", "close", "on"}
NO_PARTICIPLE = frozenset(["having", "belonging", "containing", "seeing"])


def ungrammatical(sentence):
    """Why "The man is PREDICATE the dog." is no English sentence; None if the pattern check finds nothing."""
    found = re.fullmatch(r"The \w+ (?:is|are) (.+?) (?:either )?the [\w ]+\.", sentence)
    if found is None:
        return "not of the form"
    first, *rest = found[1].split()
    participle = first.endswith("ing") and first not in NO_PARTICIPLE
    passive = (first.endswith(("ed", "en")) or first in PASSIVES) and rest
    if not (first in PREPOSITIONS or first in ADJECTIVES or participle or passive or first.endswith("er")):
        return f"'{first}' does not follow 'is'"
    last = rest[-1] if rest else first
    if not (last in ENDS or (participle and not rest and first not in INTRANSITIVE)):
        return f"'{last}' does not precede 'the'"
    return broken("", sentence)


INTRANSITIVE = frozenset(("standing", "sitting", "lying", "walking", "sleeping", "smiling", "running", "jumping"))
PASSIVES = words_of("held worn made hung cast built stuck set lit drawn caught thrown spread sewn shown ")


@pytest.fixture
def read(tmp_path):
    """Reads graphs of (names, relations) in Visual Genome's format."""

    def read_graphs(*images):
        records = []
        for number, (names, relations) in enumerate(images):
            box = {"x": 0, "y": 0, "w": 40, "h": 30}
            objects = [
                {"object_id": 10 * number + at, "names": [name], "attributes": words, **box, "x": 50 * at}
                for at, (name, words) in enumerate(names)
            ]
            ends = [
                {"subject_id": 10 * number + one, "predicate": word, "object_id": 10 * number + two}
                for one, word, two in relations
            ]
            records.append({"image_id": number, "objects": objects, "relationships": ends})
        path = tmp_path / "scene_graphs.json"
        path.write_text(json.dumps(records), encoding="utf-8")
        tables = read_graph_file(path).tables
        return graphs(tables["objects"], tables["relations"], tables["images"])

    return read_graphs


def made(found, types, seed=0):
    """The pairs of all graphs."""
    options, statistics = SceneGraphConfig(types=types, per_image=40), count(found)
    return [each for graph in found for each in pairs(graph, statistics, options, seed) if isinstance(each, Pair)]


def test_the_list_has_the_frequent_predicates_of_each_kind():
    known = predicates()
    assert len(known) >= 500
    assert {each.kind for each in known.values()} == {"preposition", "participle", "verb", "adjective", "other"}
    assert all((each.complement is None) == (each.kind == "other") for each in known.values())


@pytest.mark.parametrize(
    ("predicate", "expected"),
    [
        ("on", "on"),
        ("wears", "wearing"),
        ("sits on", "sitting on"),
        ("on a", "on"),
        ("has", None),
        ("and", None),
        ("standing", None),
        ("covered by", "covered by"),
        ("welded to", "welded to"),  # the last five are not in the list
        ("sweeping", "sweeping"),
        ("welds", None),
        ("brighter than", "brighter than"),
        ("holding a", "holding"),
    ],
)
def test_a_predicate_is_stated_in_the_form_that_follows_be(predicate, expected):
    assert complement(predicate) == expected


def test_every_complement_makes_a_grammatical_sentence():
    forms = {entry.complement for entry in predicates().values()} - {None}
    sentences = {relation_sentence(Phrase("man"), form, Phrase("dog")) for form in forms}
    assert {sentence: why for sentence in sorted(sentences) if (why := ungrammatical(sentence))} == {}


@pytest.mark.parametrize("predicate", ["wears", "has", "and", "standing", "on a", "is", "sits on a", "having"])
def test_the_grammar_check_finds_what_annotators_write(predicate):
    assert ungrammatical(f"The man is {predicate} the dog.")


def test_no_sentence_of_any_predicate_is_ungrammatical(read):
    words = [*predicates(), "welds", "welded to", "sweeping", "zzz", "on shelf of"]
    images = [
        ([("man", []), (NAMES[at % 4], []), ("cart", [])], [(0, word, 1), (0, words[at - 1], 2), (1, word, 2)])
        for at, word in enumerate(words)
    ]
    found = read(*images)
    sentences = {text for graph in found for kind, text in statements(graph, 0) if kind == "relation"}
    for pair in made(found, ["relation_subj", "relation_obj", "relation_pred", "xor_logic_rel"]):
        sentences |= {pair.positive, pair.negative}
    sentences = {re.sub(r"either the [\w ]+ or the ", "the ", text) for text in sentences}
    assert len(sentences) > 1000
    assert {text: why for text in sorted(sentences) if (why := ungrammatical(text))} == {}


def test_a_verb_and_its_participle_are_one_relation(read):
    (graph,) = read(([("man", []), ("kite", [])], [(0, "holds", 1), (0, "holding", 1)]))
    assert [triple.predicate for triple in graph.triples] == ["holding"]


def test_words_of_the_whole_photograph_and_numerals_are_in_no_sentence(read):
    (graph,) = read(([("photo", ["black"]), ("dogs", ["two", "brown", "3"])], [(1, "in", 0)]))
    assert [(node.name, node.attributes) for node in graph.nodes] == [("dogs", ("brown",))]
    assert [text for _, text in statements(graph, 0)] == ["The dogs are brown."]


def test_a_graph_without_attributes_gives_relations_by_default(read):
    found = read(*[([("man", []), ("kite", [])], [(0, word, 1)]) for word in ("to the left of", "holds")])
    types = SceneGraphConfig().types
    assert {pair.type for pair in made(found, types)} >= {"relation_pred"}
    attributed = read(
        *[([("man", ["tall"]), ("kite", ["red"])], [(0, word, 1)]) for word in ("to the left of", "holds")]
    )
    assert "relation_pred" not in {pair.type for pair in made(attributed, types)}
    assert set(types) <= set(BUILDERS)


@pytest.mark.parametrize(("one", "other"), [("monitor", "computer"), ("screens", "monitor"), ("sofa", "couch")])
def test_names_that_annotators_use_for_one_object_do_not_contradict_each_other(one, other):
    assert same_name(one, other) and same_name(other, one)
    assert not same_name(one, "dog")


def test_the_check_of_every_method_reads_verbs_as_their_participles(tmp_path):
    box = {"x": 1, "y": 1, "w": 10, "h": 10}
    ends = {"subject": {"object_id": 1, "name": "man", **box}, "object": {"object_id": 2, "name": "bench", **box}}
    path = tmp_path / "relationships.json"
    path.write_text(json.dumps([{"image_id": 7, "relationships": [{"predicate": "sits on a", **ends}]}]))
    tables = read_graph_file(path).tables
    known = annotate(**tables, vocabulary=Vocabulary.of(tables["objects"]))["7"]
    assert {("1", "sitting on", "2"), ("1", "on", "2")} <= known.relations
    assert check("A man is sitting on a bench.", known).kind == "true"


def test_graphs_of_tables_with_null_attributes_are_read(read):
    objects = pl.DataFrame(
        {"image_id": ["1"], "object_id": ["a"], "name": ["dog"], "attributes": [None], "mask": [None]},
        schema_overrides={"attributes": pl.List(pl.String)},
    ).with_columns(x=pl.lit(0.0), y=pl.lit(0.0), w=pl.lit(1.0), h=pl.lit(1.0))
    relations = pl.DataFrame(schema=dict.fromkeys(("image_id", "subject_id", "predicate", "object_id"), pl.String))
    (graph,) = graphs(objects, relations)
    assert graph.nodes[0].attributes == ()
