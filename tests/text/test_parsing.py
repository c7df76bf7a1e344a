"""Captions, and every sentence of the world, are parsed into objects, attributes, numbers, locations and relations."""

import pytest

from nearmiss.engine.text.parsing import Caption, Mention, parse
from nearmiss.engine.text.scene_graphs.wording import Phrase, attribute_sentence, count_sentence, relation_sentence
from nearmiss.engine.world.spec import WorldConfig
from nearmiss.engine.world.statements import parse as parse_as_the_world_does
from nearmiss.engine.world.wording import captions

RED_CUBE = Mention("cube", (("color", "red"), ("size", "small")))
BLUE_BALL = Mention("ball", (("color", "blue"), ("size", "large")))
LEFT = (0, "to the left of", 1)


@pytest.mark.parametrize(
    ("text", "things", "relations"),
    [
        ("a small red cube to the left of a large blue ball", (RED_CUBE, BLUE_BALL), (LEFT,)),
        ("A small red cube is on the left of the large blue ball.", (RED_CUBE, BLUE_BALL), (LEFT,)),
        ("there is a small red cube left of a large blue ball", (RED_CUBE, BLUE_BALL), (LEFT,)),
        ("above a large blue ball is a small red cube", (BLUE_BALL, RED_CUBE), ((1, "above", 0),)),
        ("a picture of a small red cube with a large blue ball", (RED_CUBE, BLUE_BALL), ()),
        ("a cube that is small and red", (RED_CUBE,), ()),
        ("the small cube is red", (RED_CUBE,), ()),
        ("the cube in the picture is small and red", (RED_CUBE,), ()),
        ("There are two cubes.", (Mention("cube", count=2),), ()),
        ("the picture has one thing", (Mention("thing", count=1),), ()),
        ("there are no cubes", (Mention("cube", count=0),), ()),
        ("on the left of the picture is a cube", (Mention("cube", location="on the left"),), ()),
        ("an orange on the left", (Mention("orange", location="on the left"),), ()),
        ("a ball that is small and orange", (Mention("ball", (("color", "orange"), ("size", "small"))),), ()),
    ],
)
def test_captions_are_parsed_into_statements(text, things, relations):
    assert parse(text) == Caption(things, relations)


def test_free_captions_are_parsed_where_patterns_match():
    parsed = parse("A black and white cat is sitting on top of a wooden bench next to a man riding a bike.")
    assert [thing.noun for thing in parsed.mentions] == ["cat", "bench", "man", "bicycle"]
    assert parsed.mentions[0].attributes == (("color", "black"), ("color", "white"))
    assert parsed.relations == ((0, "sitting on", 1), (1, "near", 2), (2, "riding", 3))


def test_names_of_annotators_are_nouns():
    assert parse("The palm tree is to the left of the lamp.", frozenset(["palm tree", "lamp"])).mentions == (
        Mention("palm tree"),
        Mention("lamp"),
    )


@pytest.mark.parametrize(
    "text", ["", ".", "is", "red and", "a cube is a ball", "a cube on", "on the left on the right"]
)
def test_unparsable_text_gives_none(text):
    assert parse(text) is None


def statement_of(text: str) -> tuple:
    """Our statement and the world's in the same form: objects, count, location, relation."""
    ours, world = parse(text), parse_as_the_world_does(text)
    assert ours is not None, text
    assert world is not None, text
    ground = {
        index
        for index, thing in enumerate(ours.mentions)
        if any(p == "on" and o == index for _, p, o in ours.relations)
    }
    things = {
        (t.noun, t.value("color"), t.value("size"), t.value("pattern"), t.location, t.count)
        for index, t in enumerate(ours.mentions)
        if index not in ground
    }
    relations = {(ours.mentions[s].noun, p, ours.mentions[o].noun) for s, p, o in ours.relations if p != "on"}
    theirs = {(m.shape or "thing", m.color, m.size, m.pattern, _half(m.location), m.count) for m in world.mentions}
    relation = world.shape_relation()
    return (things, relations, bool(ground)), (theirs, {relation} if relation else set(), world.ground is not None)


def _half(location: str | None) -> str | None:
    """The lexicon's name of the place that the world calls "on the left-hand side"."""
    return location and location.removesuffix("-hand side")


def test_captions_of_the_world_parse_to_their_statements(some_scenes):
    config = WorldConfig()
    for scene in some_scenes:
        for kind in ("narrow", "broad"):
            for text, _ in captions(scene, kind, config):
                ours, theirs = statement_of(text)
                assert ours == theirs, text


def test_scene_graph_sentences_parse_to_their_statements():
    for text in (
        attribute_sentence("cube", "red"),
        count_sentence("cross", 1),
        count_sentence("cross", 3),
        relation_sentence(Phrase("cube", ("red",)), "to the right of", Phrase("ball")),
    ):
        ours, theirs = statement_of(text)
        assert ours == theirs, text
