"""The false-negative report finds what a generator got wrong, and only the report looks at the truth."""

import ast
from pathlib import Path

import pytest
import small_world

import nearmiss.stages.negatives
from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, write_json
from nearmiss.base.tables import table, write_table
from nearmiss.engine.world.scene import Scene, SceneObject
from nearmiss.stages.negatives.config import NegativesConfig
from nearmiss.stages.negatives.stage import run as make_negatives
from nearmiss.stages.negatives.truth_report import report

SCENE = Scene(
    "1",
    96,
    "grass",
    1.0,
    0,
    (
        SceneObject("1-0", "cube", "red", "small", "plain", 25.0, 30.0, 15.0),
        SceneObject("1-1", "ball", "blue", "large", "plain", 70.0, 29.0, 20.0),
    ),
)
TRUE = "a red cube to the left of a blue ball"


def negative(text: str, positive: str = TRUE, caption_id: str = "1-0") -> dict:
    return {
        "negative_id": f"{caption_id}-{text}",
        "caption_id": caption_id,
        "image_id": "1",
        "method": "keyword",
        "mode": "default",
        "type": "color",
        "concept": "color",
        "operator": "replace",
        "template_id": "x",
        "positive": positive,
        "negative": text,
        "edits": [],
        "foil_in_scene": False,
        "verdict": "verified",
        "seed": 0,
    }


@pytest.fixture
def folders(tmp_path):
    """Writes negatives and truth; returns their report."""

    def report_of(*negatives: dict, rejected: tuple[str, ...] = (), scenes: dict | None = None) -> dict:
        write_table(table("negatives", list(negatives)), tmp_path / "negatives" / "negatives.parquet", "negatives")
        rows = [
            {
                "caption_id": caption_id,
                "image_id": "1",
                "method": "keyword",
                "type": "color",
                "positive": TRUE,
                "negative": None,
                "reason": "no keyword",
            }
            for caption_id in rejected
        ]
        write_table(table("rejected", rows), tmp_path / "negatives" / "rejected.parquet", "rejected")
        records = {"1": SCENE.as_record()} if scenes is None else scenes
        write_json(tmp_path / "truth" / "scenes_train.json", records)
        found = report(negatives=tmp_path / "negatives", truth=tmp_path / "truth", out=tmp_path / "truth.json")
        assert found == read_json(tmp_path / "truth.json")
        return found

    return report_of


def test_a_planted_false_negative_is_found(folders):
    found = folders(
        negative("a green cube to the left of a blue ball"),
        negative("a blue ball to the right of a red cube"),  # true: planted
    )
    assert found["negatives"] == {"n": 2, "true": 1, "undefined": 0, "unparsed": 0, "false": 1}
    assert found["by_concept"]["color"]["true"] == found["by_type"]["color"]["true"] == 1
    assert found["examples"]["true"] == [{"image_id": "1", "sentence": "a blue ball to the right of a red cube"}]


def test_undefined_and_unparsed_are_counted_separately(folders):
    found = folders(
        negative("a red cube above a blue ball"),  # their centers are one pixel apart
        negative("a red dog to the left of a blue ball"),
    )
    assert found["negatives"] == {"n": 2, "true": 0, "undefined": 1, "unparsed": 1, "false": 0}


def test_a_positive_that_is_false_is_found_and_counted_once(folders):
    lie = "a green cube to the left of a blue ball"
    found = folders(negative("a red star", positive=lie), negative("a red cone", positive=lie))
    assert found["positives"]["n"] == found["positives"]["false"] == 1
    assert found["examples"]["false_positives"][0]["sentence"] == lie


def test_the_yield_is_the_share_of_captions_with_a_negative(folders):
    found = folders(negative("a green cube to the left of a blue ball"), rejected=("1-0", "1-1", "1-2"))
    assert found["captions"] == {"processed": 3, "with_negative": 1, "yield": pytest.approx(1 / 3)}


def test_no_negatives_are_an_empty_report(folders):
    found = folders()
    assert found["negatives"]["n"] == 0 and found["captions"]["yield"] is None


def test_an_image_without_a_scene_is_named(folders):
    with pytest.raises(InputError, match="record: 1"):
        folders(negative(TRUE), scenes={"2": SCENE.as_record()})


def test_truth_folder_without_scenes_is_named(tmp_path):
    write_table(table("negatives", []), tmp_path / "negatives.parquet", "negatives")
    write_table(table("rejected", []), tmp_path / "rejected.parquet", "rejected")
    with pytest.raises(InputError, match="is missing: truth"):
        report(negatives=tmp_path, truth=tmp_path / "absent", out=tmp_path / "truth.json")


def imported(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return names | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


def test_generators_and_checks_import_neither_truth_nor_its_report():
    folder = Path(nearmiss.stages.negatives.__file__).parent
    files = [*folder.rglob("*.py"), *(folder.parents[1] / "engine" / "text").rglob("*.py")]
    assert len(files) > 50
    for file in files:
        if file.name not in ("truth_report.py", "truth_table.py"):
            reads = {
                name
                for name in imported(file)
                if "engine.world" in name or "truth_report" in name or "truth_table" in name
            }
            assert not reads, f"{file.name} reads {reads}"


@pytest.fixture(scope="module")
def worlds(tmp_path_factory) -> dict[float, dict[str, Path]]:
    """Tables of two small worlds, one fully annotated, one with a quarter of its annotations dropped."""
    folder = tmp_path_factory.mktemp("worlds")
    return {each: small_world.write(folder / str(each), 150, completeness=each) for each in (1.0, 0.75)}


def report_of(world: dict[str, Path], method: str, out: Path) -> dict:
    make_negatives(name=method, config=NegativesConfig().methods[method], seed=0, out=out, **world)
    return report(negatives=out, truth=world["images"].parent / "truth", out=out / "truth.json")


@pytest.mark.parametrize("method", ["keyword", "random", "replace", "scene_graph"])
def test_complete_annotations_leave_no_false_negative(worlds, tmp_path, method):
    found = report_of(worlds[1.0], method, tmp_path / method)
    assert found["negatives"]["n"] > 100
    assert found["negatives"]["true"] == found["negatives"]["unparsed"] == 0, found["examples"]
    assert found["negatives"]["undefined"] <= 0.02 * found["negatives"]["n"]
    assert found["positives"]["false"] == found["positives"]["unparsed"] == 0, found["examples"]
    assert found["captions"]["yield"] >= 0.85


@pytest.mark.parametrize("method", ["keyword", "random", "replace", "scene_graph"])
def test_dropped_annotations_give_false_negatives(worlds, tmp_path, method, capsys):
    found = report_of(worlds[0.75], method, tmp_path / method)
    with capsys.disabled():
        print(f"\n  completeness .75, {method}: {found['negatives']}, positives false: {found['positives']['false']}")
    assert found["negatives"]["n"] > 100
    assert found["negatives"]["true"] < 0.2 * found["negatives"]["n"]
    if found["negatives"]["true"]:
        assert found["examples"]["true"]
