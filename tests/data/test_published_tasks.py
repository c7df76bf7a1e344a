"""The downstream tasks of the world: true labels, text-only readers at chance, no held-out combinations."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from tests_data_small import SMALL

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.base.tables import read_table
from nearmiss.engine.formats.labels_list import read_classes, read_labels
from nearmiss.engine.formats.vsr import read_statements
from nearmiss.engine.world.conditions import reservation
from nearmiss.engine.world.scene import Scene
from nearmiss.engine.world.spec import WorldConfig
from nearmiss.engine.world.statements import OPPOSITE, parse
from nearmiss.engine.world.tasks import make_tasks
from nearmiss.engine.world.truth import located, truth_value
from nearmiss.engine.world.vocabulary import used
from nearmiss.stages.data.sources.world_tables import read_published

HELD_OUT = reservation(SMALL.source)
RECORD = {
    "image": "a.jpg",
    "image_link": "images/a.jpg",
    "caption": "a is left of b",
    "label": 1,
    "relation": "left of",
}


@pytest.fixture(scope="module")
def statements(small_world: Path) -> pl.DataFrame:
    return read_table(small_world / "tables" / "examples_vsr.parquet", "examples")


@pytest.fixture(scope="module")
def pictured(small_world: Path) -> pl.DataFrame:
    return read_table(small_world / "tables" / "examples_shapes.parquet", "examples")


@pytest.fixture(scope="module")
def scenes(small_world: Path) -> dict[str, Scene]:
    record = read_json(small_world / "truth" / "scenes_tasks.json")
    return {name: Scene.from_record(scene) for name, scene in record.items()}


def lies(frame: pl.DataFrame, scenes: dict[str, Scene]) -> list[str]:
    """Examples whose label differs from the truth of their statement; undefined statements count as well."""
    return [
        row["example_id"]
        for row in frame.iter_rows(named=True)
        if truth_value(parse(row["text"]), scenes[row["image_id"]]) is not (row["label"] == 1)
    ]


def test_statements_agree_with_their_labels(statements: pl.DataFrame, scenes: dict[str, Scene]):
    assert lies(statements, scenes) == []
    turned = statements.with_columns(
        label=pl.when(pl.int_range(pl.len()) == 3).then(1 - pl.col("label")).otherwise("label")
    )
    assert lies(turned, scenes) == [statements["example_id"][3]]


def test_sizes_labels_and_conditions_are_as_configured(statements: pl.DataFrame, pictured: pl.DataFrame):
    found = statements.group_by("split", "condition").agg(pl.len(), pl.col("label").mean()).sort("split", "condition")
    assert found.rows() == [
        ("dev", "iid", 8, 0.5),
        ("test", "iid", 20, 0.5),
        ("test", "new_pair", 6, 0.5),
        ("test", "new_relation", 6, 0.5),
        ("test", "new_wording", 6, 0.5),
        ("train", "iid", 40, 0.5),
    ]
    counts = pictured.group_by("split", "condition").len().sort("split", "condition").rows()
    assert counts == [("dev", "iid", 6), ("test", "iid", 12), ("test", "new_pair", 8), ("train", "iid", 36)]
    assert set(pictured.filter(split="train")["label"].value_counts()["count"]) == {6}


def test_statements_are_paired_with_the_opposite_label(statements: pl.DataFrame, scenes: dict[str, Scene]):
    for _, twins in statements.with_columns(
        pl.col("image_id").str.slice(0, pl.col("image_id").str.len_chars() - 2).alias("of")
    ).group_by("of"):
        assert twins.height == 2
        assert twins["text"].n_unique() == 1
        assert sorted(twins["label"]) == [0, 1]
        one, two = (scenes[name] for name in twins["image_id"])
        assert (one.nuisance, one.ground, one.light) == (two.nuisance, two.ground, two.light)


def test_both_objects_are_in_one_half(scenes: dict[str, Scene]):
    for name, scene in scenes.items():
        if name.startswith("vsr"):
            halves = ("on the left-hand side", "on the right-hand side", "at the top", "at the bottom")
            assert any(all(located(obj, half, scene.side) for obj in scene.objects) for half in halves), name


def test_a_text_only_reader_is_at_chance():
    sizes = {"vsr": {"train": 500, "dev": 4, "test": 300, "held_out": 0}}
    rows = make_tasks(WorldConfig.model_validate({"tasks": {**SMALL.source.tasks.model_dump(), **sizes}})).vsr
    train, test = rows["random/train"], rows["random/test"]

    def accuracy(train: list[dict], test: list[dict]) -> float:
        counter = CountVectorizer(ngram_range=(1, 2))
        known = counter.fit_transform([row["caption"] for row in train])
        reader = LogisticRegression(max_iter=1000).fit(known, [row["label"] for row in train])
        return float(reader.score(counter.transform([row["caption"] for row in test]), [row["label"] for row in test]))

    assert 0.45 < accuracy(train, test) < 0.55

    def leaking(rows: list[dict]) -> list[dict]:
        """Labels that one word gives away half of the time."""
        return [{**row, "label": int("left" in row["caption"])} if n % 2 else row for n, row in enumerate(rows)]

    assert accuracy(leaking(train), leaking(test)) > 0.55


def shows_held_out(text: str | None, scene: Scene) -> bool:
    """Whether the statement or the scene has a held-out combination."""
    if not HELD_OUT.allows(scene):
        return True
    statement = parse(text) if text is not None else None
    return statement is not None and (
        bool({*statement.pairs()} & HELD_OUT.pairs) or statement.shape_relation() in HELD_OUT.relations
    )


def test_held_out_combinations_occur_only_in_their_conditions(
    statements: pl.DataFrame, pictured: pl.DataFrame, scenes: dict[str, Scene]
):
    both = pl.concat([statements, pictured])
    columns = "condition", "text", "image_id"
    shown = {"iid": 0, "new_pair": 0, "new_relation": 0, "new_wording": 0}
    for condition, text, image_id in both.select(*columns).iter_rows():
        shown[condition] += shows_held_out(text, scenes[image_id])
    assert shown["iid"] == shown["new_wording"] == 0
    # every image with a held-out pair; of the twins of a held-out relation at least the one that shows it
    assert shown["new_pair"] == both.filter(condition="new_pair").height
    assert shown["new_relation"] >= both.filter(condition="new_relation").height / 2
    assert set(both.filter(pl.col("split") != "test")["condition"]) == {"iid"}


def test_a_planted_combination_is_detected_in_a_statement(scenes: dict[str, Scene]):
    clean = next(scene for name, scene in scenes.items() if name.startswith("vsr-train"))
    color, shape = min(HELD_OUT.pairs)
    first, predicate, second = min(HELD_OUT.relations)
    assert shows_held_out(f"a {color} {shape}", clean)
    assert shows_held_out(f"a {first} is {predicate} a {second}", clean)
    assert shows_held_out(f"a {second} is {OPPOSITE[predicate]} a {first}", clean)


def test_an_image_label_is_its_only_shape(pictured: pl.DataFrame, scenes: dict[str, Scene]):
    shapes = list(used(SMALL.source).shapes)
    for row in pictured.iter_rows(named=True):
        assert row["classes"] == shapes
        assert [obj.shape for obj in scenes[row["image_id"]].objects] == [shapes[row["label"]]]


def test_images_of_tasks_occur_nowhere_else(small_world: Path, statements: pl.DataFrame, pictured: pl.DataFrame):
    images = read_table(small_world / "tables" / "images.parquet", "images")
    tasks = images.filter(split="tasks")["image_id"].to_list()
    assert sorted(tasks) == sorted({*statements["image_id"], *pictured["image_id"]})
    for frame in (statements, pictured):
        parts = [set(frame.filter(split=split)["image_id"]) for split in ("train", "dev", "test")]
        assert not (parts[0] & parts[1]) | (parts[0] & parts[2]) | (parts[1] & parts[2])


def test_where_nothing_is_held_out_there_is_no_zero_shot_split():
    world = SMALL.source.model_copy(
        update={"reserved": SMALL.source.reserved.model_copy(update={"pairs": 0, "relations": 0})}
    )
    made = make_tasks(world)
    assert sorted(made.vsr) == ["random/dev", "random/test", "random/train"]
    assert "new_pair" not in made.shapes


def lines(folder: Path, *records: Any) -> Path:
    path = folder / "test.jsonl"
    path.write_text("\n".join(record if isinstance(record, str) else json.dumps(record) for record in records) + "\n")
    return path


def test_vsr_records_are_read(tmp_path: Path):
    """Fields as in the published data set; the world's extra field is not needed."""
    record = {**RECORD, "annotator_id": 3, "vote_true_validator_id": [2], "vote_false_validator_id": []}
    frame = read_statements(lines(tmp_path, record, "", {**RECORD, "label": 0}), split="test", images={"a.jpg": "7"})
    assert frame.select("image_id", "label", "condition", "split").rows() == [
        ("7", 1, "iid", "test"),
        ("7", 0, "iid", "test"),
    ]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({key: value for key, value in RECORD.items() if key != "label"}, "lacks 'label'"),
        ({**RECORD, "label": 2}, "a label is 2"),
        ({**RECORD, "label": True}, "wrong type"),
        ({**RECORD, "caption": " "}, "a caption is empty"),
        ({**RECORD, "image": "b.jpg"}, "b.jpg is in no list"),
        ("[1]", "not an object"),
        ('{"image": ', "malformed JSON"),
    ],
)
def test_an_invalid_statement_is_refused_with_its_line(tmp_path: Path, record: Any, message: str):
    with pytest.raises(InputError, match=message) as raised:
        read_statements(lines(tmp_path, RECORD, record), split="test", images={"a.jpg": "7"})
    assert "line 2" in str(raised.value)


def test_a_file_without_statements_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="no statements"):
        read_statements(lines(tmp_path, ""), split="test", images={})


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"cube": ["x"], "ball": [], "star": []}, "class star is not in"),
        ({"cube": ["x"]}, "lacks 'ball'"),
        ({"cube": ["x", "x"], "ball": []}, "occurs twice"),
        ({"cube": ["z"], "ball": []}, "'z' is in no list"),
        ({"cube": [], "ball": []}, "no examples"),
        ([], "not an object"),
    ],
)
def test_an_invalid_list_of_labels_is_refused(tmp_path: Path, document: Any, message: str):
    (tmp_path / "classes.txt").write_text("cube\nball\n")
    (tmp_path / "train.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match=message):
        read_labels(
            tmp_path / "train.json",
            read_classes(tmp_path / "classes.txt"),
            task="shapes",
            concept="object",
            split="train",
            condition="iid",
            images={"x": "1", "y": "2"},
        )


@pytest.mark.parametrize("text", ["cube\ncube\n", "cube\n", ""])
def test_fewer_than_two_distinct_classes_are_refused(tmp_path: Path, text: str):
    (tmp_path / "classes.txt").write_text(text)
    with pytest.raises(InputError, match=r"occurs twice|less than two"):
        read_classes(tmp_path / "classes.txt")


def _another_training(folder: Path) -> str:
    file = folder / "tasks" / "vsr" / "zeroshot" / "train.jsonl"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[1:]))
    return "not the same training"


def _no_picture(folder: Path) -> str:
    next(iter(sorted((folder / "images").glob("vsr-test*")))).unlink()
    return "an image is missing"


@pytest.mark.parametrize("fault", [_another_training, _no_picture])
def test_invalid_tasks_are_refused_before_output(small_world: Path, tmp_path: Path, fault: Callable):
    published, tables = tmp_path / "published", tmp_path / "tables"
    shutil.copytree(small_world / "published", published)
    tables.mkdir()
    message = fault(published)
    with pytest.raises(InputError, match=message):
        read_published(published, tables, splits=["train", "val", "test"], benchmark_splits=["test"])
    assert not list(tables.iterdir())
