"""The check of negatives against the truth of the world: they share no code, and agree for complete annotations."""

from small_world import TABLES, add, scenes

from nearmiss.base.tables import table
from nearmiss.engine.text.annotations import Vocabulary, annotate
from nearmiss.engine.text.parsing import parse as read
from nearmiss.engine.text.verdict import check
from nearmiss.engine.world.spec import Wording, WorldConfig
from nearmiss.engine.world.statements import parse
from nearmiss.engine.world.topics import TOPICS
from nearmiss.engine.world.truth import truth_value
from nearmiss.engine.world.wording import all_templates, captions, fits, phrase

RICH = WorldConfig(
    things={1: 0.3, 2: 0.5, 3: 0.2},
    actions=3,
    wording=Wording(synonyms=0.3, general=0.1, logic=0.1, three=0.1, actions=0.2),
)


def verdicts(shown, config):
    """Every caption of every scene, with truth and check for every scene."""
    rows: dict[str, list[dict]] = {name: [] for name in TABLES}
    for scene in shown:
        add(rows, scene, config, "broad")
    objects = table("objects", rows["objects"])
    images, relations = table("images", rows["images"]), table("relations", rows["relations"])
    notes = annotate(images, objects, relations, Vocabulary.of(objects))
    texts = {text for scene in shown for kind in ("broad", "narrow") for text, _ in captions(scene, kind, config)}
    texts |= {text.replace("left", "right") for text in texts} | {text.replace("small", "large") for text in texts}
    for scene in shown:
        for text in sorted(texts):
            statement = parse(text)
            if statement is not None and scene.scene_id in notes:
                yield text, truth_value(statement, scene), check(text, notes[scene.scene_id]).kind, statement


def test_the_check_is_exact_where_annotations_are_complete():
    """No negative that holds, none that the pixels cannot decide; and what is false is nearly always seen to be."""
    false = proven = 0
    for text, truth, kind, statement in verdicts(scenes(25, RICH), RICH):
        if kind == "verified":
            assert truth is False, text
        if kind == "true":
            assert truth is True, text
        if truth is True:
            assert kind in ("true", "plausible"), (
                text
            )  # plausible: of grounds and plain patterns annotations are silent
        if truth is False and statement.ground is None:
            false, proven = false + 1, proven + (kind == "verified")
    assert false > 1000
    assert proven / false > 0.98


def test_incomplete_annotations_pass_some_true_statements():
    """A planted fault: with a quarter of the annotations gone, the same comparison finds false negatives."""
    config = RICH.model_copy(update={"completeness": 0.5})
    found = [
        text
        for text, truth, kind, _ in verdicts(scenes(30, config), config)
        if kind == "verified" and truth is not False
    ]
    assert found


def test_the_check_parses_a_sentence_of_every_template():
    """Benchmark templates too: reserved combinations are looked for in parsed sentences."""
    for template in all_templates():
        compared = [
            phrase(statement, template)
            for scene in scenes(40, RICH)
            for statement in TOPICS.get(template.kind, lambda _: [])(scene)
            if fits(statement, template)
        ]
        assert compared, template.template_id
        assert all(read(text) is not None for text in compared), template.template_id
