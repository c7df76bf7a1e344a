"""The lexicons are in order: no word of two meanings in one of them, opposites that exist, all of the world's words."""

from collections import Counter

import pytest

from nearmiss.engine.text.lexicon import (
    attribute_kind,
    hypernyms,
    interchangeable,
    load,
    noun_group,
    object_words,
    objects,
    opposites,
)
from nearmiss.engine.world.vocabulary import load_vocabulary

COCO_CATEGORIES = 80


@pytest.mark.parametrize("name", ["color", "size"])
def test_each_word_belongs_to_one_group(name):
    words = Counter(word for group in load(name)["groups"].values() for word in group)
    assert set(words.values()) == {1}


def test_each_object_word_belongs_to_one_group():
    words = Counter(word for group in objects().values() for word in group)
    assert set(words.values()) == {1}


@pytest.mark.parametrize("name", ["color", "object"])
def test_pairs_that_are_near_name_groups(name):
    assert {group for pair in interchangeable(name) for group in pair} <= load(name)["groups"].keys()


def test_opposites_name_groups_and_are_symmetric():
    location = load("location")
    groups = {"size": load("size")["groups"], "location": {**location["relations"], **location["halves"]}}
    for name, known in groups.items():
        for one in known:
            assert all(one in opposites(name)[other] for other in opposites(name).get(one, ()))
            assert set(opposites(name).get(one, ())) <= known.keys()


def test_objects_hold_cocos_categories_and_the_worlds_shapes():
    kinds = {name: set(entry["kinds"]) for name, entry in load("object")["groups"].items()}
    people = [name for name in kinds if "person" in kinds[name] and name != "person"]
    coco = [name for name in kinds if kinds[name] != {"shape"} and name not in people]
    assert len(coco) == COCO_CATEGORIES
    assert all(noun_group(many) == shape for shape, many in load_vocabulary().plurals.items())
    assert all("shape" in kinds[shape] for shape in load_vocabulary().plurals)


def test_words_have_the_category_of_the_world():
    words = load_vocabulary()
    assert all(attribute_kind(word) == ("color", word) for word in words.colors)
    assert all(attribute_kind(word) == ("size", word) for word in words.sizes)
    assert all(attribute_kind(word) == ("pattern", word) for word in words.patterns)


def test_aliases_and_numbers_are_one_group():
    assert noun_group("Bikes") == noun_group("bicycle") == "bicycle"
    assert noun_group("palm trees") == "palm tree"
    assert object_words()["men"].plural
    assert "person" in hypernyms("girl")
    assert attribute_kind("grey") == attribute_kind("gray")
    assert attribute_kind("wonderful") is None
