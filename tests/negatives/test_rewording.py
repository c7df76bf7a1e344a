"""Varied wording: both texts of a relation pair in one template, none of the benchmark's, the statement the same."""

import json
from collections import Counter
from pathlib import Path

import pytest
import small_world

from nearmiss.base.errors import InputError
from nearmiss.engine.text.edits import Edit, replay
from nearmiss.engine.text.relations import fill, relation_of
from nearmiss.engine.world import statements
from nearmiss.engine.world.scene import read_scenes
from nearmiss.engine.world.spec import WorldConfig
from nearmiss.engine.world.truth import truth_value
from nearmiss.engine.world.wording import words
from nearmiss.stages.negatives import rewording
from nearmiss.stages.negatives.acceptance import check_candidates
from nearmiss.stages.negatives.config import NegativesConfig, every_method
from nearmiss.stages.negatives.paraphrases import paraphrase_table
from nearmiss.stages.negatives.reading import read_corpus
from nearmiss.stages.negatives.registry import METHODS
from nearmiss.stages.negatives.rewording import (
    ORDERS,
    benchmark_patterns,
    caption_before,
    default_templates,
    inverse_statement,
    read_templates,
)

FIRST = {"id": "first", "order": "subject_first", "text": "{a_subject} {predicate} {a_object}"}
FRONT = {"id": "front", "order": "fronted", "text": "{predicate} {a_object} there {be} {a_subject}"}


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> dict[str, Path]:
    return small_world.write(tmp_path_factory.mktemp("world"), 20)


def made(given, name: str, **options):
    config = every_method()[name].model_copy(update=options)
    return check_candidates(read_corpus(**given), METHODS[name], config, name)


@pytest.fixture(scope="module")
def varied(given):
    return made(given, "scene_graph")


@pytest.fixture(scope="module")
def fixed(given):
    return made(given, "scene_graph", wording="fixed")


def reworded(taken) -> list[dict]:
    return [row for row in taken.negatives if row["caption_id"] != caption_before(row["caption_id"])]


def templates_file(folder: Path, *records) -> Path:
    file = folder / "templates.json"
    file.write_text(json.dumps({"templates": list(records)}))
    return file


def test_scene_graph_uses_all_templates_and_other_methods_keep_theirs():
    wordings = {name: config.wording for name, config in NegativesConfig().methods.items()}
    assert wordings == {"random": "fixed", "keyword": "fixed", "scene_graph": "varied", "replace": "fixed"}
    assert Counter(each.order for each in default_templates()) == {"subject_first": 8, "fronted": 4}


def test_no_training_template_is_one_of_the_benchmark():
    assert len(benchmark_patterns()) == 2
    assert len(read_templates(rewording.FILE)) == len(default_templates()) == 12


def test_rewording_changes_only_the_texts(varied, fixed):
    assert len(varied.negatives) == len(fixed.negatives)
    for row, before in zip(varied.negatives, fixed.negatives, strict=True):
        kept = ("type", "concept", "operator", "verdict", "foil_in_scene", "image_id", "negative_id")
        assert {key: row[key] for key in kept} == {key: before[key] for key in kept}
    relations = [row for row in fixed.negatives if row["template_id"] == "hnc_relation"]
    assert len(reworded(varied)) == len(relations) > 40
    assert {row["template_id"] for row in reworded(varied)} == {
        f"relation_{t.template_id}" for t in default_templates()
    }


def test_both_texts_have_one_template_and_the_positive_is_a_caption_of_the_method(varied):
    captions = {row["caption_id"]: row for row in varied.captions()}
    for row in reworded(varied):
        template = row["template_id"].removeprefix("relation_")
        text = next(each.text for each in default_templates() if each.template_id == template)
        for sentence in (row["positive"], row["negative"]):
            assert fill(text, relation_of(sentence)) == sentence
        caption = captions[row["caption_id"]]
        assert (caption["text"], caption["source"]) == (row["positive"], "scene_graph")
        assert caption["template_id"] == row["template_id"]
        assert replay(row["positive"], [Edit(**edit) for edit in row["edits"]]) == row["negative"]


def test_reworded_positives_are_true_and_negatives_false(varied, given):
    folder = given["captions"].parent / "truth"
    scenes = read_scenes(folder, sorted({row["image_id"] for row in varied.negatives}))
    for row in reworded(varied):
        scene = scenes[row["image_id"]]
        assert truth_value(statements.parse(row["positive"]), scene) is True
        assert truth_value(statements.parse(row["negative"]), scene) is False


def test_reworded_texts_use_words_of_the_world(varied):
    known = set(words(WorldConfig()))
    texts = [row[part] for row in reworded(varied) for part in ("positive", "negative")]
    assert {word for text in texts for word in text.replace(",", "").split()} <= known


def test_a_reworded_caption_is_added_and_originals_are_kept(given):
    taken = made(given, "keyword", wording="varied")
    captions = {row["caption_id"]: row for row in taken.captions()}
    assert {row["source"] for row in captions.values()} == {"x", "keyword"}
    assert len(reworded(taken)) > 20
    assert all(captions[row["caption_id"]]["text"] == row["positive"] for row in taken.negatives)


@pytest.mark.parametrize(
    ("caption", "template", "expected"),
    [
        ("The cube is to the left of the ball.", FRONT, "to the left of a ball there is a cube"),
        ("an orange cube left of a ball", FRONT, "left of a ball there is an orange cube"),
        ("there is a dog near the grass", FIRST, "a dog near the grass"),
        ("The dogs are behind the TV.", FRONT, "behind a TV there are dogs"),
        ("above a ball is a cube", FIRST, "a cube above a ball"),
        ("above a red ball, a cube", FIRST, "a cube above a red ball"),
        ("to the left of a ball the picture has a cube", FIRST, "a cube to the left of a ball"),
        ("a picture of a cup on a table", FRONT, "on a table there is a cup"),
        ("The sky is above the tree.", FRONT, None),  # not "there is a sky"
    ],
)
def test_a_relation_is_written_in_a_template(caption, template, expected):
    assert fill(template["text"], relation_of(caption)) == expected


@pytest.mark.parametrize(
    "caption",
    [
        "a red cube and a blue ball",
        "a man riding a horse",
        "two cubes above a ball",
        "his dog is behind the car",
        "a cube above a ball and a star",
        "above a ball, a cube and a star",
        "a cube is on the left",
        "the cube is above the ball and to the left of the star",
        "",
    ],
)
def test_captions_without_a_single_spatial_relation_are_not_reworded(caption):
    assert relation_of(caption) is None


def test_a_template_that_changes_the_statement_is_rejected(given, tmp_path, monkeypatch):
    turned = {"id": "turned", "order": "subject_first", "text": "{a_object} is {predicate} {a_subject}"}
    wrong = read_templates(
        templates_file(tmp_path, turned, {**turned, "id": "more", "text": turned["text"] + " there"})
    )
    monkeypatch.setattr(rewording, "default_templates", lambda: wrong)
    taken = made(given, "scene_graph")
    assert not reworded(taken)
    reasons = {reason for reason in taken.reasons() if reason.startswith("wording")}
    assert reasons == {"wording: the positive states something else in another wording"}
    assert sum(row["template_id"] == "hnc_relation" for row in taken.negatives) > 40


@pytest.mark.parametrize(
    ("records", "problem"),
    [
        ([FIRST], "at least two templates"),
        ([FIRST, {**FRONT, "text": "{predicate} {a_object} {be} {a_subject}"}], "one of the world's benchmark"),
        ([FIRST, {**FRONT, "text": "in a picture there is {a_subject} that is {predicate} the {object}"}], "benchmark"),
        ([FIRST, {**FRONT, "text": "there is {a_subject} {predicate}"}], "the object exactly once"),
        ([FIRST, {**FRONT, "text": "{a_subject} {predicate} {a_object} {object}"}], "the object exactly once"),
        ([FIRST, {**FRONT, "text": "{a_subject} {predicate} {a_thing}"}], "unknown slot 'a_thing'"),
        ([FIRST, {**FRONT, "text": "{a_subject} {predicate} {a_object"}], "braces"),
        ([FIRST, {**FRONT, "order": "last"}], f"unknown order 'last'.*{ORDERS[0]}"),
        ([FIRST, {**FIRST, "id": "other"}], "two templates are equal"),
        ([FIRST, {"id": "other"}], "needs the texts id, order and text"),
    ],
)
def test_a_bad_list_of_templates_is_refused(tmp_path, records, problem):
    with pytest.raises(InputError, match=f"(?s){problem}"):
        read_templates(templates_file(tmp_path, *records))


def test_the_inverse_of_a_reworded_positive_is_in_its_template_and_true(varied, given):
    """For every order of mention; a positive from its other end often has the words of the negative."""
    found = paraphrase_table(reworded(varied), ["inverse"], seed=0).rows(named=True)
    assert len(found) == len(reworded(varied)) > 40
    by_caption = {row["caption_id"]: row for row in reworded(varied)}
    scenes = read_scenes(given["captions"].parent / "truth", sorted({row["image_id"] for row in found}))
    for row in found:
        template = by_caption[row["caption_id"]]["template_id"].removeprefix("relation_")
        text = next(each.text for each in default_templates() if each.template_id == template)
        assert row["positive"] == by_caption[row["caption_id"]]["positive"] != row["paraphrase"]
        assert (" there " in f" {row['paraphrase']}") == (" there " in f" {text}")
        assert truth_value(statements.parse(row["paraphrase"]), scenes[row["image_id"]]) is True


def test_a_text_without_a_template_has_no_inverse():
    text = "above a ball there is a cube"
    assert inverse_statement(text, "relation_front_there", frozenset()) == "below a cube there is a ball"
    assert inverse_statement(text, "relation.bare", frozenset()) is None
    assert inverse_statement("on a table there is a cup", "relation_front_there", frozenset()) is None
