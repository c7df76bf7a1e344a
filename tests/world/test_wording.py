"""Captions: all true, varied, made of few words, equal for equal seeds, and never in the benchmark's own wording."""

import json
import re
from collections import Counter
from dataclasses import fields, replace
from pathlib import Path

import pytest

from nearmiss.base.seeding import rng
from nearmiss.engine.world.conditions import reservation
from nearmiss.engine.world.scenes import scene_of
from nearmiss.engine.world.spec import WorldConfig
from nearmiss.engine.world.statements import OPPOSITE, Mention, parse
from nearmiss.engine.world.truth import truth_value
from nearmiss.engine.world.vocabulary import load_vocabulary
from nearmiss.engine.world.wording import all_templates, captions, reserved_templates, words

GOLDEN = Path(__file__).parents[1] / "golden" / "captions.json"
CONFIG = WorldConfig()
CROWDED = WorldConfig(things={3: 0.5, 4: 0.5})


@pytest.fixture(scope="module")
def written():
    """(scene, kind, text, template_id) of the captions of a thousand scenes."""
    found = []
    for config, number in ((CONFIG, 900), (CROWDED, 100)):
        for index in range(number):
            scene = scene_of(config, "train", index)
            for kind in ("broad", "narrow"):
                found += [(scene, kind, *caption) for caption in captions(scene, kind, config)]
    return found


def test_captions_are_true_of_their_scene(written):
    assert len(written) == 10_000
    assert [text for scene, _, text, _ in written if truth_value(parse(text), scene) is not True] == []


def test_a_false_caption_is_detected():
    scene = next(s for s in (scene_of(CONFIG, "train", i) for i in range(50)) if len(s.objects) == 2)
    relation = next(parse(text) for text, name in captions(scene, "narrow", CONFIG) if name.startswith("relation"))
    assert truth_value(replace(relation, predicate=OPPOSITE[relation.predicate]), scene) is False


def test_edited_captions_are_rarely_undefined(written):
    vocabulary = load_vocabulary()
    choices = {
        "shape": vocabulary.shapes,
        "color": tuple(vocabulary.colors),
        "size": tuple(vocabulary.sizes),
        "location": vocabulary.locations,
        "count": (0, 1, 2, 3),
    }
    verdicts = Counter()
    for number, (scene, _, text, _) in enumerate(written):
        generator, statement = rng(0, "edit", number), parse(text)
        place = generator.randrange(len(statement.mentions))
        mention = statement.mentions[place]
        slots = [f.name for f in fields(Mention) if f.name in choices and getattr(mention, f.name) is not None]
        if statement.predicate and generator.random() < 0.5:
            edited = replace(statement, predicate=generator.choice(list(OPPOSITE)))
        elif slots:
            slot = generator.choice(slots)
            mentions = list(statement.mentions)
            mentions[place] = replace(mention, **{slot: generator.choice(choices[slot])})
            edited = replace(statement, mentions=tuple(mentions))
        else:
            continue
        verdicts[truth_value(edited, scene)] += 1
    assert verdicts[None] <= 0.02 * verdicts.total()
    assert verdicts[False] > verdicts[True]


def test_caption_plans_of_two_objects(written):
    shares = {"broad": Counter(), "narrow": Counter()}
    images = Counter()
    for scene, kind, _, template_id in written:
        if len(scene.objects) > 1:
            images[kind] += 1 / 5
            shares[kind][template_id.split(".")[0]] += 1
    assert shares["broad"]["relation"] == round(images["broad"])
    assert shares["narrow"]["relation"] == 2 * round(images["narrow"])
    assert shares["narrow"]["conjunction"] == shares["narrow"]["location"] == round(images["narrow"])
    assert {"location", "conjunction", "ground", "pattern", "count"} <= set(shares["broad"])
    assert not {"ground", "pattern"} & set(shares["narrow"])


def test_relation_words_and_orders_are_balanced(written):
    predicates = Counter(parse(text).predicate for _, kind, text, _ in written if kind == "narrow")
    total = sum(predicates[predicate] for predicate in OPPOSITE)
    assert all(abs(predicates[predicate] / total - 0.25) < 0.03 for predicate in OPPOSITE)


def test_the_two_relations_of_two_objects_are_on_both_axes():
    for index in range(200):
        scene = scene_of(CONFIG, "train", index)
        if len(scene.objects) == 2:
            predicates = [parse(text).predicate for text, _ in captions(scene, "narrow", CONFIG)[:2]]
            assert (predicates[0] in ("above", "below")) != (predicates[1] in ("above", "below"))


def test_captions_are_short_and_within_the_vocabulary(written):
    known = set(words(CONFIG))
    assert len(known) <= 100
    lengths = [len(text.split()) for _, _, text, _ in written]
    assert max(lengths) <= 22 and sum(length <= 14 for length in lengths) >= 0.95 * len(lengths)
    assert all(word in known for _, _, text, _ in written for word in text.split())
    assert all(re.fullmatch("[a-z]+([ -][a-z]+)*", text) for _, _, text, _ in written)


def test_captions_of_an_image_are_distinct(written):
    texts = [text for _, _, text, _ in written]
    assert all(len(set(texts[i : i + 5])) == 5 for i in range(0, len(texts), 5))


def test_new_wording_has_new_templates_and_known_words(written):
    reserved = set(reserved_templates())
    trained = {template_id for _, _, _, template_id in written}
    assert reserved and not reserved & trained
    assert trained == {template.template_id for template in all_templates() if template.part is None} - reserved
    narrow = {word for _, kind, text, _ in written if kind == "narrow" for word in text.split()}
    fixed = {w for t in all_templates() if t.template_id in reserved for w in t.text.split() if "{" not in w}
    assert fixed <= narrow


def test_captions_contain_no_held_out_combination(written):
    held_out = reservation(CONFIG)
    for _, _, text, _ in written:
        statement = parse(text)
        assert not held_out.pairs & set(statement.pairs())
        assert statement.shape_relation() not in held_out.relations


def test_captions_equal_the_golden_file():
    """The file changes only with the templates or the world's recipe; this module, run as a script, writes it."""
    assert golden() == json.loads(GOLDEN.read_text())


def golden():
    scenes = [scene_of(CONFIG, "train", index) for index in range(12)]
    return {
        scene.scene_id: {
            kind: [list(caption) for caption in captions(scene, kind, CONFIG)] for kind in ("broad", "narrow")
        }
        for scene in scenes
    }


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(golden(), indent=1) + "\n")
