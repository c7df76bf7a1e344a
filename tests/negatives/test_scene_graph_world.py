"""On fully annotated scenes of the world no type has a false negative or a false positive, by the hidden truth."""

import pytest
import small_world

from nearmiss.base.files import write_json
from nearmiss.base.tables import table, write_table
from nearmiss.engine.world.spec import WorldConfig
from nearmiss.engine.world.statements import parse
from nearmiss.engine.world.truth import truth_value
from nearmiss.stages.negatives.scene_graph.method import BUILDERS
from nearmiss.stages.negatives.spec import SceneGraphConfig
from nearmiss.stages.negatives.stage import run
from nearmiss.stages.negatives.truth_report import report

WORLD = WorldConfig(things={1: 0.1, 2: 0.2, 3: 0.4, 4: 0.3})
SCENES = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Tables and truth of scenes of one to four objects."""
    folder = tmp_path_factory.mktemp("world")
    rows = {name: [] for name in small_world.TABLES}
    scenes = small_world.scenes(SCENES, WORLD)
    for scene in scenes:
        small_world.add(rows, scene, WORLD, "narrow")
    for name in small_world.TABLES:
        write_table(table(name, rows[name]), folder / f"{name}.parquet", name)
    write_json(folder / "truth" / "scenes_train.json", {scene.scene_id: scene.as_record() for scene in scenes})
    return folder


def report_of(folder, out, **fields) -> dict:
    paths = {name: folder / f"{name}.parquet" for name in small_world.TABLES}
    config = SceneGraphConfig(types=sorted(BUILDERS), per_image=40, **fields)
    run(name="scene_graph", config=config, seed=0, out=out, **paths)
    return report(negatives=out, truth=folder / "truth", out=out / "truth.json")


def test_no_type_has_a_true_negative_or_a_false_positive(folder, tmp_path):
    found = report_of(folder, tmp_path / "default")
    assert found["by_type"].keys() == BUILDERS.keys()
    for name, counts in found["by_type"].items():
        assert counts["n"] >= 40, name
        assert counts["true"] == counts["unparsed"] == 0, found["examples"]
        assert counts["undefined"] <= 0.02 * counts["n"]
    assert found["positives"]["false"] == found["positives"]["unparsed"] == 0, found["examples"]


def test_the_report_finds_errors_of_the_released_generator(folder, tmp_path):
    found = report_of(folder, tmp_path / "released", mode="released")
    assert found["negatives"]["true"] > 0.05 * found["negatives"]["n"]
    assert found["by_type"]["obj_comp_count"]["true"] > 0 and found["positives"]["false"] > 0


SCENE = small_world.scenes(60, WORLD)


@pytest.mark.parametrize(
    ("sentence", "reads_as"),
    [
        ("There are more cubes than balls.", "There are fewer balls than cubes."),
        ("There is both a red and a blue cube.", "There is both a red cube and a blue cube."),
        (
            "There is both a cube and a ball above the star.",
            "There is both a cube above the star and a ball above the star.",
        ),
        ("There is at least one cube that is red.", "There is a red cube."),
        ("There is no cube that is above the ball.", "No cube is above a ball."),
        ("There is either a red cube or a blue ball.", "There is either a blue ball or a red cube."),
    ],
)
def test_equivalent_phrasings_have_the_same_verdict(sentence, reads_as):
    one, other = parse(sentence), parse(reads_as)
    assert one is not None and other is not None
    verdicts = [truth_value(one, scene) for scene in SCENE]
    assert verdicts == [truth_value(other, scene) for scene in SCENE]


def test_either_is_one_of_two_and_not_both():
    sentence = "The {} is {} either the {} or the {}."
    for scene in SCENE:
        one, *others = scene.objects
        if len({thing.shape for thing in scene.objects}) < 3 or len(scene.objects) != 3:
            continue
        sides = ["to the left of" if one.x < other.x else "to the right of" for other in others]
        verdict = truth_value(parse(sentence.format(one.shape, sides[0], *(other.shape for other in others))), scene)
        assert verdict is None or verdict == (sides[0] != sides[1])


def test_sentences_without_two_parts_are_not_parsed():
    assert parse("There are more cubes.") is None
    assert parse("There is either a red cube.") is None
    assert parse("There is both a cube and a ball and a star.") is None
