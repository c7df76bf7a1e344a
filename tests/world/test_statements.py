"""The world reads its own sentences, graph captions and their edited forms, and names the one change between two."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearmiss.engine.world.spec import WorldConfig
from nearmiss.engine.world.statements import NUMBERS, OPPOSITE, Mention, Statement, compare, inverted, parse
from nearmiss.engine.world.vocabulary import load_vocabulary
from nearmiss.engine.world.wording import all_templates, fits, phrase, words

WORDS = load_vocabulary()
RED_CUBE = Mention(shape="cube", color="red", size="small")
BLUE_BALL = Mention(shape="ball", color="blue", size="large")


def maybe(values):
    return st.none() | st.sampled_from(list(values))


MENTIONS = st.builds(
    Mention,
    shape=maybe(WORDS.shapes),
    color=maybe(WORDS.colors),
    size=maybe(WORDS.sizes),
    pattern=maybe(WORDS.patterns),
)


@st.composite
def statements(draw):
    """Statements of every kind that the templates can express."""
    first, second = draw(MENTIONS), draw(MENTIONS)
    kind = draw(st.sampled_from(["relation", "conjunction", "location", "attribute", "count", "ground"]))
    if kind == "relation":
        return kind, Statement((first, second), draw(st.sampled_from(list(OPPOSITE))))
    if kind == "conjunction":
        return kind, Statement((first, second))
    if kind == "location":
        return kind, Statement((replace(first, location=draw(st.sampled_from(WORDS.locations))),))
    if kind == "count":
        return kind, Statement((replace(first, count=draw(st.integers(0, len(NUMBERS) - 1))),))
    if kind == "ground":
        return kind, Statement((first,), ground=draw(st.sampled_from(list(WORDS.grounds))))
    return kind, Statement((first,))


def whole(template, statement):
    """Whether a template of this kind states everything, size and color included."""
    slots = set(template.slots)
    return "a" in slots or ({"size", "color"} <= slots and statement.mentions[0].pattern is None)


@settings(max_examples=300)
@given(statements())
def test_statements_are_parsed_from_every_template(drawn):
    kind, statement = drawn
    for template in all_templates():
        if template.kind == kind and fits(statement, template) and whole(template, statement):
            assert parse(phrase(statement, template)) == statement, phrase(statement, template)


@settings(max_examples=300)
@given(statements(), st.data())
def test_parsing_never_fails_on_edited_sentences(drawn, data):
    _, statement = drawn
    able = [template for template in all_templates() if fits(statement, template)]
    tokens = phrase(statement, data.draw(st.sampled_from(able))).split()
    place = data.draw(st.integers(0, len(tokens) - 1))
    tokens[place] = data.draw(st.sampled_from([*words(WorldConfig()), "", "dog", "7", "É"]))
    found = parse(" ".join(tokens))
    assert found is None or isinstance(found, Statement)


@given(st.text(max_size=60))
def test_parsing_never_fails_on_any_text(text):
    assert parse(text) is None or isinstance(parse(text), Statement)


@pytest.mark.parametrize(
    ("sentence", "statement"),
    [
        ("The red cube is to the left of the ball.", ((Mention("cube", "red"), Mention("ball")), "to the left of")),
        ("There is one cube.", ((Mention("cube", count=1),), None)),
        ("There are three stars.", ((Mention("star", count=3),), None)),
        ("There are three star.", ((Mention("star", count=3),), None)),
        ("There is no ball.", ((Mention("ball", count=0),), None)),
        ("The ball is blue.", ((Mention("ball", "blue"),), None)),
        (
            "The small ball is above the large red cone.",
            ((Mention("ball", None, "small"), Mention("cone", "red", "large")), "above"),
        ),
        ("a orange ring left of an cube", ((Mention("ring", "orange"), Mention("cube")), "to the left of")),
        ("to the right of a cone is a star", ((Mention("star"), Mention("cone")), "to the right of")),
        ("a red cube and a ball at the top", ((Mention("cube", "red"), Mention("ball", location="at the top")), None)),
    ],
)
def test_statements_of_other_generators_are_parsed(sentence, statement):
    assert parse(sentence) == Statement(*statement)


@pytest.mark.parametrize(
    "sentence",
    ["", "a dog on a sofa", "a red blue cube", "a cube left of", "cubes", "one cube above a ball", "on grass"],
)
def test_sentences_outside_the_world_are_not_parsed(sentence):
    assert parse(sentence) is None


LEFT = Statement((RED_CUBE, BLUE_BALL), "to the left of")
BOTH = Statement((RED_CUBE, BLUE_BALL))


@pytest.mark.parametrize(
    ("a", "b", "change"),
    [
        (LEFT, replace(LEFT, predicate="to the right of"), ("relation", "reverse")),
        (LEFT, replace(LEFT, mentions=(BLUE_BALL, RED_CUBE)), ("relation", "reverse")),
        (LEFT, replace(LEFT, predicate="above"), ("relation", "replace")),
        (LEFT, inverted(LEFT), (None, None)),
        (
            LEFT,
            replace(LEFT, mentions=(replace(RED_CUBE, shape="ball"), replace(BLUE_BALL, shape="cube"))),
            ("object", "swap"),
        ),
        (LEFT, BOTH, (None, None)),
        (BOTH, replace(BOTH, mentions=(BLUE_BALL, RED_CUBE)), (None, None)),
        (BOTH, Statement((replace(RED_CUBE, color="blue"), replace(BLUE_BALL, color="red"))), ("color", "swap")),
        (BOTH, Statement((replace(BLUE_BALL, size="small"), replace(RED_CUBE, size="large"))), ("size", "swap")),
        (BOTH, Statement((replace(RED_CUBE, color="pink"), BLUE_BALL)), ("color", "replace")),
        (BOTH, Statement((replace(RED_CUBE, color="pink", size="large"), BLUE_BALL)), (None, None)),
        (BOTH, Statement((RED_CUBE, BLUE_BALL, RED_CUBE)), ("object", "add")),
        (Statement((RED_CUBE,)), Statement((replace(RED_CUBE, shape="ring"),)), ("object", "replace")),
        (Statement((RED_CUBE,)), Statement((replace(RED_CUBE, pattern="dotted"),)), ("pattern", "add")),
        (Statement((replace(RED_CUBE, pattern="dotted"),)), Statement((RED_CUBE,)), (None, None)),
        (Statement((Mention("cube", count=2),)), Statement((Mention("cube", count=3),)), ("count", "recount")),
        (Statement((Mention(None, count=2),)), Statement((Mention("cube", count=2),)), ("object", "replace")),
        (Statement((Mention("cube", count=1),)), Statement((Mention("cube", count=0),)), ("existence", "negate")),
        (
            Statement((replace(RED_CUBE, location="at the top"),)),
            Statement((replace(RED_CUBE, location="at the bottom"),)),
            ("location", "replace"),
        ),
        (Statement((RED_CUBE,), ground="grass"), Statement((RED_CUBE,), ground="sand"), ("object", "replace")),
    ],
)
def test_the_one_change_is_named(a, b, change):
    assert compare(a, b) == change


@settings(max_examples=200)
@given(statements(), statements())
def test_comparison_is_total_and_equal_statements_do_not_differ(first, second):
    assert compare(first[1], first[1]) == (None, None)
    concept, operator = compare(first[1], second[1])
    assert (concept is None) == (operator is None)
