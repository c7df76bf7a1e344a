"""Crowds, and data sets that do not mark everything: what is not known is never verified."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearmiss.engine.text.annotations import Annotations, Vocabulary, annotated, is_closed, may_be, relatives
from nearmiss.engine.text.verdict import check

NAMES = frozenset(["person", "man", "dog", "kite"])
BOX = (10.0, 10.0, 20.0, 20.0)
FAR = (70.0, 10.0, 20.0, 20.0)


def image(*objects, closed=None, relations=(), exhaustive=True) -> Annotations:
    return Annotations(100, 100, objects, frozenset(relations), Vocabulary(NAMES, NAMES), closed, exhaustive)


@pytest.mark.parametrize(
    ("negative", "kind"),
    [
        ("a kite", "plausible"),
        ("there are no people", "verified"),
        ("there are two people", "plausible"),
        ("there is one person", "true"),
        ("a blue person", "verified"),
        ("a tall person", "plausible"),
        ("a man", "plausible"),
        ("a person to the left of a dog", "verified"),
        ("a person to the left of a kite", "plausible"),
        ("there are more dogs than people", "plausible"),
    ],
)
def test_absence_verifies_nothing_without_exhaustive_annotations(negative, kind):
    assert check(negative, image(PERSON, DOG, exhaustive=False)).kind == kind


CROWD = annotated("1", "person", [], BOX, crowd=True)
PERSON = annotated("2", "person", ["red"], FAR)
DOG = annotated("3", "dog", [], BOX)


@pytest.mark.parametrize(
    ("negative", "kind"),
    [
        ("there is one person", "plausible"),
        ("there are two people", "plausible"),
        ("there are seven people", "plausible"),
        ("there are no people", "verified"),
        ("there is a person", "true"),
        ("a person and a person", "true"),
        ("there is a man", "plausible"),
        ("there are no men", "plausible"),
        ("there are more people than dogs", "plausible"),
        ("there are fewer people than dogs", "plausible"),
        ("there are as many people as dogs", "plausible"),
        ("there are two things", "plausible"),
        ("a blue person", "plausible"),
        ("a person on the right", "plausible"),
        ("a person to the right of a dog", "plausible"),
        ("two dogs", "verified"),
        ("a kite", "verified"),
        ("there are more dogs than kites", "true"),
    ],
)
def test_a_crowd_is_present_and_not_counted(negative, kind):
    assert check(negative, image(CROWD, DOG)).kind == kind


def test_a_crowd_makes_a_count_of_one_undefined():
    both = image(CROWD, PERSON, DOG)
    assert check("there is one person", both).kind == "plausible"
    assert check("a blue person", both).kind == "plausible"
    assert check("a person to the left of a dog", both).kind == "plausible"
    assert check("a red person", both).kind == "true"


@pytest.mark.parametrize(
    ("negative", "closed", "kind"),
    [
        ("a kite", (), "plausible"),
        ("there is no kite", (), "plausible"),
        ("a kite", ("kite",), "verified"),
        ("there is no kite", ("kite",), "true"),
        ("a dog", (), "true"),
        ("there are no dogs", (), "verified"),
        ("two dogs", (), "plausible"),
        ("one dog", (), "plausible"),
        ("two dogs", ("dog",), "verified"),
        ("one dog", ("dog",), "true"),
        ("a man", ("person",), "verified"),
        ("more dogs than kites", ("dog",), "plausible"),
        ("more kites than dogs", ("dog", "kite"), "verified"),
        ("two things", ("dog", "kite", "person"), "plausible"),
        ("a dog on the right", ("dog",), "verified"),
        ("a dog on the right", (), "plausible"),
    ],
)
def test_only_exhaustively_annotated_names_decide(negative, closed, kind):
    assert check(negative, image(DOG, closed=frozenset(closed))).kind == kind


def _claims(name: str) -> dict[str, object]:
    """Texts on the number of a name, each with what makes it true."""
    return {
        f"there is no {name}": lambda n: n == 0,
        f"there is a {name}": lambda n: n >= 1,
        f"a {name} and a {name}": lambda n: n >= 2,
        f"there is one {name}": lambda n: n == 1,
        f"there are two {name}s": lambda n: n == 2,
        f"there are three {name}s": lambda n: n == 3,
    }


@settings(max_examples=60)
@given(marked=st.integers(0, 4), crowd=st.booleans(), open_=st.booleans())
def test_a_verdict_holds_for_any_number_of_unannotated_objects(marked, crowd, open_):
    found = [annotated(str(n), "dog", [], BOX) for n in range(marked)]
    found += [annotated("crowd", "dog", [], BOX, crowd=True)] * crowd
    scene = image(*found, PERSON, closed=frozenset(["person"]) if open_ else None)
    hidden = range(2 * crowd, 9) if crowd or open_ else range(1)
    for text, holds in _claims("dog").items():
        kind = check(text, scene).kind
        truths = {holds(marked + more) for more in hidden}
        assert kind != "verified" or truths == {False}, text
        assert kind != "true" or truths == {True}, text
        if not (crowd or open_):
            assert kind in ("verified", "true")


def test_alternative_names_of_an_object():
    assert is_closed("man", frozenset(["person"])) and not is_closed("person", frozenset(["man"]))
    assert is_closed("baseball bat", frozenset(["bat"])) and not is_closed("bat", frozenset(["baseball bat"]))
    assert may_be("person", "man") and may_be("man", "person") and not may_be("dog", "man")
    found = relatives(["bat", "baseball bat", "person", "man", "dog"])
    assert found["bat"] == {"bat", "baseball bat"} and found["person"] == {"person", "man"} and found["dog"] == {"dog"}
