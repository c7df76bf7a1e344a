"""What stage data promises: same bytes for any workers, graphs that match the pixels, nothing held out shown."""

from dataclasses import dataclass, replace
from itertools import combinations, permutations
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from pycocotools import mask as rle
from pydantic import ValidationError
from tests_data_small import SMALL

from nearmiss.base.caption_sets import read_caption_set
from nearmiss.base.errors import InputError
from nearmiss.base.files import files_below, folder_sha256, read_json
from nearmiss.base.outputs import OutputFolder
from nearmiss.base.tables import read_table
from nearmiss.engine.world.conditions import Reservation, reservation
from nearmiss.engine.world.scene import Scene, SceneObject
from nearmiss.engine.world.scenes import scene_of
from nearmiss.engine.world.spec import WorldConfig
from nearmiss.engine.world.statements import parse
from nearmiss.engine.world.truth import truth_value
from nearmiss.engine.world.undecided import undecided
from nearmiss.engine.world.vocabulary import load_vocabulary, used
from nearmiss.stages.data.config import DataConfig
from nearmiss.stages.data.sources.world import WorldSource
from nearmiss.stages.data.stage import run

SIDE = SMALL.source.side


def read(out: Path, name: str, schema: str | None = None) -> pl.DataFrame:
    return read_table(out / "tables" / f"{name}.parquet", schema or name)


def captions_of(out: Path, kind: str) -> pl.DataFrame:
    """The captions of one set."""
    return read(out, "captions").filter(pl.col("set") == kind)


def scenes(out: Path, name: str) -> dict[str, Scene]:
    return {key: Scene.from_record(record) for key, record in read_json(out / "truth" / f"{name}.json").items()}


@pytest.mark.usefixtures("worker_server")
def test_the_world_makes_what_it_declares(small_world: Path):
    declared = SMALL.source.declare(str(small_world))
    tables = {f"{small_world}/tables/{name}.parquet" for name in declared.tables}
    own = {f"{small_world}/{name}" for name in ("summary.json", "manifest.json", "cost.json")}
    files = {*tables, *declared.files, *declared.truth, declared.words, declared.reserved, *own}
    written = {small_world / name for name in files_below(small_world) if not name.startswith(".")}
    loose = {file for file in written if not any(file.is_relative_to(folder) for folder in declared.folders)}
    assert files <= {str(file) for file in loose}
    assert all("final" in file.name for file in loose if str(file) not in files)  # the split that has no images
    assert all(Path(folder).is_dir() for folder in declared.folders)


def test_bytes_do_not_depend_on_workers_and_folder(small_world: Path, tmp_path: Path):
    again = tmp_path / "elsewhere" / "data"
    run(config=SMALL, out=again, workers=4)
    for part in ("published", "truth", "tables"):
        assert folder_sha256(again / part) == folder_sha256(small_world / part), part
    assert (again / "summary.json").read_bytes() == (small_world / "summary.json").read_bytes()
    assert (again / "manifest.json").read_bytes() == (small_world / "manifest.json").read_bytes()


def decode(row: dict) -> np.ndarray:
    return rle.decode({"size": [SIDE, SIDE], "counts": row["mask"].encode()}).astype(bool)


@dataclass(frozen=True)
class Seen:
    """What a JPEG file and a mask show of one object."""

    box: tuple[int, int, int, int]
    color: str
    radius: float
    center: tuple[float, float]


@pytest.fixture(scope="module")
def seen_things(small_world: Path) -> dict[str, Seen]:
    """Every object of the small world by what is seen of it; scenes are not looked at."""
    files = dict(read(small_world, "images").select("image_id", "file").iter_rows())
    colors = load_vocabulary().colors
    names = list(colors)[: SMALL.source.colors]
    found = {}
    for row in read(small_world, "objects").iter_rows(named=True):
        seen = decode(row)
        pixels = np.asarray(Image.open(small_world / "published" / files[row["image_id"]]), dtype=float)[seen]
        rows, columns = np.nonzero(seen)
        left, top, width, height = columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1
        # hue, not brightness: stripes and shade darken a color without changing its name
        typical = direction(np.median(pixels, axis=0))
        near = min(names, key=lambda name, typical=typical: float(np.linalg.norm(typical - direction(colors[name]))))
        center = left + width / 2, top + height / 2
        found[row["object_id"]] = Seen((left, top, width, height), near, max(width, height) / 2, center)
    return found


def size_of(row: dict) -> str:
    return "small" if "small" in row["attributes"] else "large"


def faults(things: dict[str, Seen], objects: list[dict], relations: list[dict]) -> list[str]:
    """What of the graph's objects and relations the pixels contradict."""
    found = []
    known: dict[tuple[str, str], list[float]] = {}
    for row in objects:
        known.setdefault((row["name"], size_of(row)), []).append(things[row["object_id"]].radius)
    for row in objects:
        thing = things[row["object_id"]]
        if thing.box != (row["x"], row["y"], row["w"], row["h"]):
            found.append("box")
        if thing.color not in row["attributes"]:
            found.append("color")
        # shapes fill their circles differently, so that a size is held against those of the same shape
        usual = {size: np.median(known[row["name"], size]) for size in ("small", "large")}
        if abs(thing.radius - usual[size_of(row)]) > min(abs(thing.radius - radius) for radius in usual.values()):
            found.append("size")
    for relation in relations:
        (ax, ay), (bx, by) = (things[relation[end]].center for end in ("subject_id", "object_id"))
        gap = {"to the left of": bx - ax, "to the right of": ax - bx, "above": by - ay, "below": ay - by}
        if gap[relation["predicate"]] <= 0:
            found.append("relation")
    return found


@pytest.fixture
def graphs(small_world: Path) -> tuple[list[dict], list[dict]]:
    return read(small_world, "objects").to_dicts(), read(small_world, "relations").to_dicts()


def test_graphs_agree_with_the_pixels(seen_things: dict[str, Seen], graphs: tuple):
    assert faults(seen_things, *graphs) == []


def test_planted_faults_of_a_graph_are_detected_in_the_pixels(seen_things: dict[str, Seen], graphs: tuple):
    objects, relations = graphs
    wrong = {"red": "blue", "small": "large", "large": "small"}
    for kind, word in (("color", "red"), ("size", "small"), ("size", "large")):
        index = next(i for i, row in enumerate(objects) if word in row["attributes"])
        changed = [wrong[word] if value == word else value for value in objects[index]["attributes"]]
        planted = [*objects[:index], {**objects[index], "attributes": changed}, *objects[index + 1 :]]
        assert faults(seen_things, planted, relations) == [kind]
    assert faults(seen_things, [{**objects[0], "x": objects[0]["x"] + 1}, *objects[1:]], relations) == ["box"]
    first = {**relations[0], "subject_id": relations[0]["object_id"], "object_id": relations[0]["subject_id"]}
    assert faults(seen_things, objects, [first, *relations[1:]]) == ["relation"]


def direction(rgb: object) -> np.ndarray:
    values = np.asarray(rgb, dtype=float)
    return values / np.linalg.norm(values)


def test_graphs_are_complete_and_agree_with_the_truth(small_world: Path):
    objects, relations = read(small_world, "objects"), read(small_world, "relations")
    truth = scenes(small_world, "scenes_train")
    assert objects.filter(pl.col("image_id").is_in(list(truth))).height == sum(len(s.objects) for s in truth.values())
    for scene in list(truth.values())[:50]:
        annotated = relations.filter(image_id=scene.scene_id)
        assert annotated.height == 2 * len(list(permutations(scene.objects, 2)))


def test_captions_are_true_of_their_image(small_world: Path):
    truth = {**scenes(small_world, "scenes_train"), **scenes(small_world, "scenes_test")}
    for kind in ("broad", "narrow"):
        for row in captions_of(small_world, kind).iter_rows(named=True):
            if row["image_id"] in truth:
                statement = parse(row["text"])
                assert statement is not None, row["text"]
                assert truth_value(statement, truth[row["image_id"]]) is True, row["text"]


def mentions_held_out(text: str) -> bool:
    held_out, statement = reservation(SMALL.source), parse(text)
    assert statement is not None, text
    return bool(set(statement.pairs()) & held_out.pairs) or statement.shape_relation() in held_out.relations


def test_splits_contain_no_held_out_combination(small_world: Path):
    held_out = reservation(SMALL.source)
    for split in ("train", "val", "test"):
        for scene in scenes(small_world, f"scenes_{split}").values():
            assert held_out.allows(scene)
    for kind in ("broad", "narrow"):
        assert not any(map(mentions_held_out, captions_of(small_world, kind)["text"]))


def test_a_planted_combination_is_detected_in_captions_and_scenes(small_world: Path):
    held_out = reservation(SMALL.source)
    color, shape = min(held_out.pairs)
    first, predicate, second = min(held_out.relations)
    assert mentions_held_out(f"there is a small {color} {shape}")
    assert mentions_held_out(f"a {first} is {predicate} a {second}")
    scene = next(iter(scenes(small_world, "scenes_train").values()))
    assert not held_out.allows(replace(scene, objects=(replace(scene.objects[0], color=color, shape=shape),)))


def test_colors_and_shapes_are_trained_and_balanced_between_sides():
    world = WorldConfig()
    drawn = [thing for index in range(1500) for thing in scene_of(world, "train", index).objects]
    for slot, values in (("color", used(world).colors), ("shape", used(world).shapes)):
        for value in values:
            here = [thing for thing in drawn if getattr(thing, slot) == value]
            assert len(here) > 0.6 * len(drawn) / len(values), value
            for axis in ("x", "y"):
                assert 0.38 < np.mean([getattr(thing, axis) < world.side / 2 for thing in here]) < 0.62, value


def test_held_out_combinations_occur_in_their_conditions(small_world: Path):
    held_out, truth = reservation(SMALL.source), scenes(small_world, "scenes_benchmark_test")
    items = read(small_world, "items_test", "items")
    for condition, shown in (("new_pair", Reservation.pairs_of), ("new_relation", Reservation.relations_of)):
        selected = items.filter(condition=condition)
        assert not selected.is_empty()
        # of a pair of pictures at least one shows what is held out
        for row in selected.filter(subset="2x2").iter_rows(named=True):
            assert any(shown(held_out, truth[image]) for image in row["images"])
    for row in items.filter(condition="iid").iter_rows(named=True):
        assert all(held_out.allows(truth[image]) for image in row["images"])


def test_the_reservation_is_published_in_both_directions(small_world: Path):
    record = read_json(small_world / "published" / "reserved.json")
    annotated = {tuple(relation) for relation in record["relations"]}
    mirror = {
        "to the left of": "to the right of",
        "to the right of": "to the left of",
        "above": "below",
        "below": "above",
    }
    assert annotated == {(b, mirror[predicate], a) for a, predicate, b in annotated}
    assert len(annotated) == 2 * SMALL.source.reserved.relations
    assert len(record["pairs"]) == SMALL.source.reserved.pairs
    assert record["templates"]


def test_the_word_list_has_every_word_of_every_text(small_world: Path):
    known = set((small_world / "published" / "words.txt").read_text().split())
    texts = [text for kind in ("broad", "narrow") for text in captions_of(small_world, kind)["text"]]
    texts += [text for captions in read(small_world, "items_test", "items")["captions"] for text in captions]
    for row in read(small_world, "classification_test", "classification")["prompts"]:
        texts += [text for prompts in row for text in prompts]
    assert {word for text in texts for word in text.split()} <= known


def test_completeness_drops_that_share_of_annotations_and_no_caption(tmp_path: Path, small_world: Path):
    half = SMALL.source.model_copy(update={"completeness": 0.5})
    run(config=DataConfig(source=half), out=tmp_path / "half", workers=1)
    whole, kept = read(small_world, "objects"), read(tmp_path / "half", "objects")
    assert 0.4 < kept.height / whole.height < 0.6
    annotated = kept["attributes"].list.len().mean() / whole["attributes"].list.len().mean()
    assert 0.4 < annotated < 0.6
    captions = [
        read_caption_set(out / "tables" / "captions.parquet", "narrow") for out in (small_world, tmp_path / "half")
    ]
    assert captions[0].equals(captions[1])


def test_oracles_score_as_tabulated_on_published_files(small_world: Path):
    rows = read_json(small_world / "summary.json")["oracles"]["test"]
    assert rows
    assert all(row["holds"] for row in rows if row["expected"] == "solved")


def test_few_statements_are_undecided(small_world: Path):
    counts = read_json(small_world / "summary.json")["undecided"]
    assert counts["evaluated"] > 2000
    assert counts["undecided"] <= 0.02


def test_an_undecided_statement_is_counted():
    """An object within the margin of the middle: neither on the left nor on the right."""
    thing = SceneObject("0", "cube", "red", "small", "plain", 48.5, 20.0, 15.0)
    scene = Scene("0", 96, "grass", 1.0, 0, (thing,))
    counts = undecided(
        {"0": scene}, {"0": [("a small red cube on the left-hand side", "location.bare")]}, WorldConfig(), drawn=50
    )
    assert counts["undecided"] > 0.2


def test_an_empty_split_is_refused_before_rendering(tmp_path: Path):
    empty = SMALL.source.model_copy(update={"images": SMALL.source.images.model_copy(update={"test": 0})})
    with pytest.raises(InputError, match="split 'test' is empty"):
        run(config=DataConfig(source=empty), out=tmp_path / "data")
    assert not list(tmp_path.iterdir())


def test_texts_with_words_outside_the_vocabulary_are_refused(tmp_path: Path):
    many = WorldSource.model_validate({**SMALL.source.model_dump(), "shapes": 60})
    with pytest.raises(InputError, match="the world has 8 shapes, not 60"):
        run(config=DataConfig(source=many), out=tmp_path / "data")


@pytest.mark.parametrize("things", [{9: 1.0}, {0: 1.0}, {}, {1: 0.0}, {1: -1.0, 2: 2.0}])
def test_invalid_shares_of_objects_are_refused(things: dict[int, float]):
    with pytest.raises(ValidationError):
        WorldConfig(things=things)


def test_crowded_scenes_can_be_drawn():
    world = WorldConfig(things={5: 1.0})
    for index in range(5):
        things = scene_of(world, "train", index).objects
        assert len(things) == 5
        for a, b in combinations(things, 2):
            assert np.hypot(a.x - b.x, a.y - b.y) > a.radius + b.radius


def test_a_failed_run_keeps_the_earlier_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    out = tmp_path / "data"
    with OutputFolder(out) as earlier:
        (earlier / "summary.json").write_text("kept")
    (out / "mine.txt").write_text("kept")

    def fail(*given: object) -> None:
        raise InputError("planted")

    monkeypatch.setattr("nearmiss.engine.world.publish.publish", fail)
    with pytest.raises(InputError, match="planted"):
        run(config=SMALL, out=out)
    assert sorted(file.name for file in out.iterdir()) == [".nearmiss", "mine.txt", "summary.json"]
