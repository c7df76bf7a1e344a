"""Names of annotation files as words of a sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearmiss.base.tables import table
from nearmiss.engine.text.category_names import (
    plural_of,
    readable_name,
    with_readable_objects,
    with_readable_predicates,
)
from nearmiss.engine.text.lexicon import objects


@pytest.mark.parametrize(
    ("raw", "readable"),
    [
        ("bow_(decorative_ribbons)", "bow"),
        ("traffic_light", "traffic light"),
        ("Traffic Light", "traffic light"),
        ("TrafficLight", "traffic light"),
        ("PERSON", "person"),
        ("TV", "TV"),
        ("CD_player", "CD player"),
        ("BMX", "BMX"),
        ("DVDs", "DVDs"),
        ("(toy)_car", "car"),
        ("a_(b_(c))", "a"),
        ("bow_(weapon", "bow"),
        ("(unknown)", "unknown"),
        ("  potted\u00a0 plant ", "potted plant"),
        ("cafe\u0301", "caf\u00e9"),
        ("flip-flop_(sandal)", "flip-flop"),
        ("_", ""),
    ],
)
def test_category_names_become_readable(raw, readable):
    assert readable_name(raw) == readable


def test_names_that_are_words_are_unchanged():
    """All of COCO's categories are in the lexicon of objects."""
    words = [word for names in objects().values() for word in names]
    assert len(words) > 80
    assert [word for word in words if readable_name(word) != word] == []


def test_acronyms_keep_their_capitals_in_the_plural():
    assert [plural_of(name) for name in ("TV", "BMX bike", "bow")] == ["TVs", "BMX bikes", "bows"]


@given(st.text(max_size=30))
def test_readable_names_are_clean_and_idempotent(raw):
    readable = readable_name(raw)
    assert readable == " ".join(readable.split())
    assert not set(readable) & set("_()[]")
    assert readable_name(readable) == readable


def test_tables_are_readable_and_clean_tables_unchanged():
    box = {"x": 0.0, "y": 0.0, "w": 1.0, "h": 1.0, "mask": None}
    rows = [
        {"object_id": "1", "image_id": "1", "name": "traffic_light", "attributes": ["Dark_Red", "on"], **box},
        {"object_id": "2", "image_id": "1", "name": "car", "attributes": [], **box},
    ]
    objects_table = table("objects", rows)
    made = with_readable_objects(objects_table)
    assert made["name"].to_list() == ["traffic light", "car"]
    assert made["attributes"].to_list() == [["dark red", "on"], []]
    assert with_readable_objects(made).equals(made)
    related = [{"image_id": "1", "subject_id": "1", "predicate": "Standing_on", "object_id": "2"}]
    assert with_readable_predicates(table("relations", related))["predicate"].to_list() == ["standing on"]
