"""The benchmark isolates: each item has one change, and only the tested faculty separates true from false captions."""

from collections import Counter, defaultdict
from dataclasses import replace

import pytest

from nearmiss.base.errors import InputError
from nearmiss.base.tables import table
from nearmiss.engine.world.benchmark import make_items
from nearmiss.engine.world.benchmark_contrasts import contrast
from nearmiss.engine.world.benchmark_pairs import RECIPES
from nearmiss.engine.world.benchmark_tasks import split_scenes
from nearmiss.engine.world.conditions import reservation
from nearmiss.engine.world.spec import BenchmarkSizes, Reserved, SplitSizes, WorldConfig
from nearmiss.engine.world.statements import OPPOSITE, compare, parse
from nearmiss.engine.world.truth import MARGIN, truth_value
from nearmiss.engine.world.wording import all_templates, captions, reserved_templates, templates, words

TINY = WorldConfig(images=SplitSizes(train=1, val=3, test=3, final=3), benchmark=BenchmarkSizes(iid=3, other=2))


def pairs_of(files, condition="iid", **cell):
    """The two scenes and the item of each 2x2 item."""
    for item in files.items:
        if item["subset"] == "2x2" and item["condition"] == condition and cell.items() <= item.items():
            yield [files.scenes[image] for image in item["images"]], item


def test_the_tables_have_their_schema(world_files):
    assert table("items", world_files.items).height == len(world_files.items)
    assert 150 < table("retrieval", world_files.retrieval).height < 300
    assert table("classification", world_files.classification).height > 60
    assert len({item["item_id"] for item in world_files.items}) == len(world_files.items)
    assert {image for item in world_files.items for image in item["images"]} == set(world_files.scenes)
    assert all(scene.scene_id == image for image, scene in world_files.scenes.items())


def test_all_concepts_forms_and_conditions_occur(world_files, world_config):
    sizes = Counter((i["concept"], i["operator"], i["condition"], i["subset"]) for i in world_files.items)
    for recipe in RECIPES:
        for condition in recipe.conditions:
            wanted = world_config.benchmark.iid if condition == "iid" else world_config.benchmark.other
            for form in ("2x2", "1x2", "1x3") if condition == "iid" else ("2x2", "1x2"):
                assert sizes.pop((recipe.concept, recipe.operator, condition, form)) == wanted
    assert not sizes


def test_relations_in_new_wording_state_their_order_of_mention_and_template(world_files):
    for item in world_files.items:
        named = item["concept"] == "relation" and item["condition"] == "new_wording"
        assert ("order" in item) == ("wording" in item) == named
        if named:
            starts = {caption.startswith(tuple(OPPOSITE)) for caption in item["captions"]}
            assert starts == {item["order"] == "fronted"}
            assert item["wording"] in {each.text for each in templates("relation", "new_wording")}
    orders = {each.template_id: each.order for each in all_templates() if each.kind == "relation"}
    assert sorted(orders.values()) == ["fronted"] + 4 * ["subject first"]


def test_item_labels_agree_with_the_truth(world_files):
    for item in world_files.items:
        for image, row in zip(item["images"], item["truth"], strict=True):
            truths = [truth_value(parse(caption), world_files.scenes[image]) for caption in item["captions"]]
            assert truths == row, item


def test_the_two_captions_differ_by_the_change_that_the_item_names(world_files):
    for item in world_files.items:
        statements = [parse(caption) for caption in item["captions"]]
        assert compare(statements[0], statements[1]) == (item["concept"], item["operator"]), item
        if item["subset"] == "1x3":
            assert item["captions"][2] != item["captions"][0]
            assert compare(statements[0], statements[2]) == (None, None)


def test_captions_without_images_are_at_chance(world_files):
    """Every ordered pair of true and false caption occurs as often in the opposite order, in every cell and form."""
    counts = defaultdict(Counter)
    for item in world_files.items:
        cell = (item["concept"], item["operator"], item["condition"], item["subset"])
        for row in item["truth"]:
            right = [text for text, true in zip(item["captions"], row, strict=True) if true]
            wrong = [text for text, true in zip(item["captions"], row, strict=True) if not true]
            counts[cell].update((r, w) for r in right for w in wrong)
    for cell, decisions in counts.items():
        assert all(decisions[wrong, right] == n for (right, wrong), n in decisions.items()), cell


def test_images_of_a_pair_differ_only_in_the_change(world_files):
    changed = {
        ("color", "replace"): {"color"},
        ("size", "replace"): {"size", "radius"},
        ("object", "replace"): {"shape"},
        ("color", "swap"): {"color"},
        ("size", "swap"): {"size", "radius"},
        ("pattern", "swap"): {"pattern"},
        ("location", "replace"): {"x", "y"},
        ("relation", "reverse"): {"x", "y"},
    }
    for condition in ("iid", "new_pair", "more_objects"):
        for (a, b), item in pairs_of(world_files, condition):
            assert (a.ground, a.light, a.nuisance, a.side) == (b.ground, b.light, b.nuisance, b.side)
            if item["concept"] == "count":
                few, many = sorted((a, b), key=lambda scene: len(scene.objects))
                assert many.objects[:-1] == few.objects and len({obj.shape for obj in many.objects}) == 1
                continue
            differing = {
                name
                for one, two in zip(a.objects, b.objects, strict=True)
                for name, value in vars(one).items()
                if value != vars(two)[name]
            }
            assert differing and differing <= changed[item["concept"], item["operator"]]
            if item["concept"] in ("relation", "location"):
                assert len(differing) == 1


@pytest.mark.parametrize(("concept", "slot"), [("color", "color"), ("object", "shape"), ("size", "size")])
def test_a_replaced_value_is_absent_from_the_other_image(world_files, concept, slot):
    for condition in ("iid", "more_objects"):
        for scenes, _ in pairs_of(world_files, condition, concept=concept, operator="replace"):
            values = [[getattr(obj, slot) for obj in scene.objects] for scene in scenes]
            assert values[0][0] not in values[1] and values[1][0] not in values[0]


def test_swapped_values_are_present_in_both_images(world_files):
    for (a, b), item in pairs_of(world_files, operator="swap"):
        slot = item["concept"]
        assert sorted(getattr(t, slot) for t in a.objects) == sorted(getattr(t, slot) for t in b.objects)
        assert a.objects[0].shape != a.objects[1].shape


def test_related_objects_are_in_one_half_of_the_image(world_files):
    axes, edits, half = Counter(), Counter(), Counter()
    for (a, b), item in pairs_of(world_files, concept="relation"):
        axis = "x" if a.objects[0].x != b.objects[0].x else "y"
        assert (parse(item["captions"][0]).predicate in ("above", "below")) == (axis == "y")
        for scene in (a, b):
            offsets = [getattr(obj, axis) / scene.side - 0.5 for obj in scene.objects[:2]]
            assert offsets[0] * offsets[1] > 0 and min(map(abs, offsets)) > MARGIN
            half[axis, offsets[0] > 0] += 1
        axes[axis] += 1
        edits[item["template_id"].split(":")[1]] += 1
    assert min(axes.values()) > 15 and min(edits.values()) > 15 and min(half.values()) > 10


def test_located_objects_are_single_and_on_a_grid(world_files):
    centers = {
        (round(s.objects[0].x / s.side, 3), round(s.objects[0].y / s.side, 3))
        for pair, _ in pairs_of(world_files, concept="location")
        for s in pair
    }
    assert all(len(s.objects) == 1 for pair, _ in pairs_of(world_files, concept="location") for s in pair)
    assert len(centers) <= 16 and len({x for x, _ in centers}) == len({y for _, y in centers}) == 4


def test_held_out_combinations_occur_only_in_their_condition(world_files, world_config):
    held_out = reservation(world_config)
    for item in world_files.items:
        scenes = [world_files.scenes[image] for image in item["images"]]
        parsed = [parse(caption) for caption in item["captions"]]
        relations = {statement.shape_relation() for statement in parsed} & held_out.relations
        pairs = {pair for statement in parsed for pair in statement.pairs()} & held_out.pairs
        if item["condition"] == "new_pair":
            assert any(held_out.pairs_of(scene) for scene in scenes) or item["subset"] != "2x2"
        else:
            assert not pairs and not any(held_out.pairs_of(scene) for scene in scenes)
        if item["condition"] == "new_relation":
            assert relations
        else:
            assert not relations and not any(held_out.relations_of(scene) for scene in scenes)


def test_new_pairs_are_mentioned(world_files, world_config):
    held_out = reservation(world_config).pairs
    parsed = [
        {pair for caption in item["captions"] for pair in parse(caption).pairs()}
        for _, item in pairs_of(world_files, "new_pair")
    ]
    assert all(pairs & held_out for pairs in parsed)


def test_new_wording_rewords_the_iid_items(world_files):
    reserved = set(reserved_templates())
    for item in world_files.items:
        assert (item["template_id"].split(":")[0] in reserved) == (item["condition"] == "new_wording")
    iid = {tuple(i["images"]): i for i in world_files.items if i["subset"] == "2x2" and i["condition"] == "iid"}
    for _, item in pairs_of(world_files, "new_wording"):
        twin = iid[tuple(item["images"])]
        assert [parse(caption) for caption in item["captions"]] == [parse(caption) for caption in twin["captions"]]


def test_more_objects_exceeds_training_by_one(world_files):
    for scenes, item in pairs_of(world_files, "more_objects"):
        assert max(len(scene.objects) for scene in scenes) == 3
        assert min(len(scene.objects) for scene in scenes) == (2 if item["concept"] == "count" else 3)


def test_benchmark_words_are_in_the_vocabulary(world_files, world_config):
    texts = [caption for item in world_files.items for caption in item["captions"]]
    texts += [row["text"] for row in world_files.retrieval]
    texts += [prompt for row in world_files.classification for prompts in row["prompts"] for prompt in prompts]
    assert {word for text in texts for word in text.split()} <= set(words(world_config))


def test_retrieval_counts_every_image_that_a_caption_is_true_of(world_files, world_config):
    scenes = split_scenes(world_config, "test")
    texts = [text for scene in scenes for text, _ in captions(scene, "broad", world_config)]
    right = {text: [s.scene_id for s in scenes if truth_value(parse(text), s) is True] for text in texts}
    for row in world_files.retrieval:
        assert row["image_id"] in row["right"]
        assert row["right"] == right[row["text"]]
    # what is true of more than a tenth of the pictures is left out, and nothing else
    assert [row["text"] for row in world_files.retrieval] == [text for text in texts if len(right[text]) <= 6]


def test_class_prompts_state_their_class(world_files):
    rows = {(row["task"], row["image_id"]): row for row in world_files.classification}
    assert {task for task, _ in rows} == {"shape", "color", "ground"}
    for (task, _), row in rows.items():
        for name, prompts in zip(row["classes"], row["prompts"], strict=True):
            for prompt in prompts:
                statement = parse(prompt)
                assert (statement.ground if task == "ground" else getattr(statement.mentions[0], task)) == name


def test_the_benchmark_depends_only_on_the_configuration():
    assert make_items(TINY, "val") == make_items(TINY, "val")
    assert make_items(TINY, "val").scenes.keys().isdisjoint(make_items(TINY, "test").scenes)
    other = make_items(TINY.model_copy(update={"seed": 1}), "val")
    assert [i["captions"] for i in other.items] != [i["captions"] for i in make_items(TINY, "val").items]


def test_a_smaller_world_omits_subsets_it_cannot_make():
    bare = TINY.model_copy(update={"sizes": 1, "patterns": 1, "reserved": Reserved(pairs=0, relations=0)})
    made = make_items(bare, "val")
    assert not {item["concept"] for item in made.items} & {"size", "pattern"}
    assert not {item["condition"] for item in made.items} & {"new_pair", "new_relation"}


def test_an_item_that_cannot_be_drawn_is_an_input_error(monkeypatch):
    monkeypatch.setattr("nearmiss.engine.world.benchmark_contrasts._ATTEMPTS", 3)
    hopeless = replace(RECIPES[0], make=lambda scene, words, generator: None)
    with pytest.raises(InputError, match="no scene suits"):
        contrast(hopeless, "iid", TINY, "val", 0)
