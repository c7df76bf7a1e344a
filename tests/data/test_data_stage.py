"""What stage data promises: same bytes for any workers, graphs that match the pixels, nothing held out shown."""

from itertools import permutations
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from pycocotools import mask as rle
from tests_data_small import SMALL

from nearmiss.base.errors import InputError
from nearmiss.base.files import folder_sha256, read_json
from nearmiss.base.tables import read_table
from nearmiss.engine.world.conditions import Reservation, reservation
from nearmiss.engine.world.scene import Scene
from nearmiss.engine.world.spec import WorldConfig
from nearmiss.engine.world.statements import parse
from nearmiss.engine.world.truth import judge
from nearmiss.engine.world.vocabulary import load_vocabulary
from nearmiss.stages.data.config import DataConfig
from nearmiss.stages.data.stage import run

SIDE = SMALL.world.side


def read(out: Path, name: str, schema: str | None = None) -> pl.DataFrame:
    return read_table(out / "tables" / f"{name}.parquet", schema or name)


def scenes(out: Path, name: str) -> dict[str, Scene]:
    return {key: Scene.from_record(record) for key, record in read_json(out / "truth" / f"{name}.json").items()}


def test_four_workers_and_another_folder_give_the_same_bytes(small_world: Path, tmp_path: Path):
    again = tmp_path / "elsewhere" / "data"
    run(config=SMALL, out=again, workers=4)
    for part in ("published", "truth", "tables"):
        assert folder_sha256(again / part) == folder_sha256(small_world / part), part
    assert (again / "summary.json").read_bytes() == (small_world / "summary.json").read_bytes()
    assert (again / "manifest.json").read_bytes() == (small_world / "manifest.json").read_bytes()


def decode(row: dict) -> np.ndarray:
    return rle.decode({"size": [SIDE, SIDE], "counts": row["mask"].encode()}).astype(bool)


def test_what_the_graph_says_is_what_the_pixels_show(small_world: Path):
    """Colors, boxes, sizes and relations are read off the JPEG and the masks, not off the scene."""
    files = dict(read(small_world, "images").select("image_id", "file").iter_rows())
    objects = read(small_world, "objects").to_dicts()
    colors = load_vocabulary().colors
    names = list(colors)[: SMALL.world.colors]
    right, centers, radii = [], {}, {"small": [], "large": []}
    for row in objects:
        seen = decode(row)
        pixels = np.asarray(Image.open(small_world / "published" / files[row["image_id"]]), dtype=float)[seen]
        rows, columns = np.nonzero(seen)
        assert (columns.min(), rows.min()) == (row["x"], row["y"])
        assert (columns.max() - columns.min() + 1, rows.max() - rows.min() + 1) == (row["w"], row["h"])
        centers[row["object_id"]] = row["x"] + row["w"] / 2, row["y"] + row["h"] / 2
        # hue, not brightness: stripes and shade darken a color without changing its name
        typical = np.median(pixels, axis=0)
        near = min(names, key=lambda name: float(np.linalg.norm(direction(typical) - direction(colors[name]))))
        right.append(near in row["attributes"])
        radii["small" if "small" in row["attributes"] else "large"].append(max(row["w"], row["h"]) / 2)
    assert np.mean(right) > 0.97
    assert max(radii["small"]) < np.median(radii["large"])
    for relation in read(small_world, "relations").iter_rows(named=True):
        (ax, ay), (bx, by) = centers[relation["subject_id"]], centers[relation["object_id"]]
        gap = {"to the left of": bx - ax, "to the right of": ax - bx, "above": by - ay, "below": ay - by}
        assert gap[relation["predicate"]] > 0


def direction(rgb: object) -> np.ndarray:
    values = np.asarray(rgb, dtype=float)
    return values / np.linalg.norm(values)


def test_graphs_are_complete_and_agree_with_the_truth(small_world: Path):
    objects, relations = read(small_world, "objects"), read(small_world, "relations")
    truth = scenes(small_world, "scenes_train")
    assert objects.filter(pl.col("image_id").is_in(list(truth))).height == sum(len(s.things) for s in truth.values())
    for scene in list(truth.values())[:50]:
        told = relations.filter(image_id=scene.scene_id)
        assert told.height == 2 * len(list(permutations(scene.things, 2)))


def test_every_caption_is_true_of_its_image(small_world: Path):
    truth = {**scenes(small_world, "scenes_train"), **scenes(small_world, "scenes_test")}
    for kind in ("broad", "narrow"):
        for row in read(small_world, f"captions_{kind}", "captions").iter_rows(named=True):
            if row["image_id"] in truth:
                statement = parse(row["text"])
                assert statement is not None, row["text"]
                assert judge(statement, truth[row["image_id"]]) is True, row["text"]


def test_nothing_held_out_is_in_a_split(small_world: Path):
    held_out = reservation(SMALL.world)
    for split in ("train", "val", "test"):
        for scene in scenes(small_world, f"scenes_{split}").values():
            assert held_out.allows(scene)
    for kind in ("broad", "narrow"):
        for text in read(small_world, f"captions_{kind}", "captions")["text"]:
            statement = parse(text)
            assert statement is not None
            assert not {(m.color, m.shape) for m in statement.mentions} & held_out.pairs
            if statement.predicate:
                subject, other = statement.mentions
                assert (subject.shape, statement.predicate, other.shape) not in held_out.relations


def test_held_out_combinations_are_shown_where_they_are_asked_for(small_world: Path):
    held_out, truth = reservation(SMALL.world), scenes(small_world, "scenes_benchmark_test")
    items = read(small_world, "items_test", "items")
    for condition, shown in (("new_pair", Reservation.pairs_of), ("new_relation", Reservation.relations_of)):
        asked = items.filter(condition=condition)
        assert not asked.is_empty()
        # of a pair of pictures at least one shows what is held out
        for row in asked.filter(subset="2x2").iter_rows(named=True):
            assert any(shown(held_out, truth[image]) for image in row["images"])
    for row in items.filter(condition="iid").iter_rows(named=True):
        assert all(held_out.allows(truth[image]) for image in row["images"])


def test_the_reservation_is_published_in_both_directions(small_world: Path):
    record = read_json(small_world / "published" / "reserved.json")
    told = {tuple(relation) for relation in record["relations"]}
    mirror = {
        "to the left of": "to the right of",
        "to the right of": "to the left of",
        "above": "below",
        "below": "above",
    }
    assert told == {(b, mirror[predicate], a) for a, predicate, b in told}
    assert len(told) == 2 * SMALL.world.reserved.relations
    assert len(record["pairs"]) == SMALL.world.reserved.pairs
    assert record["templates"]


def test_every_word_of_every_text_is_published(small_world: Path):
    known = set((small_world / "published" / "words.txt").read_text().split())
    texts = [text for kind in ("broad", "narrow") for text in read(small_world, f"captions_{kind}", "captions")["text"]]
    texts += [text for captions in read(small_world, "items_test", "items")["captions"] for text in captions]
    for row in read(small_world, "classification_test", "classification")["prompts"]:
        texts += [text for prompts in row for text in prompts]
    assert {word for text in texts for word in text.split()} <= known


def test_completeness_drops_that_share_of_annotations_and_no_caption(tmp_path: Path, small_world: Path):
    half = SMALL.world.model_copy(update={"completeness": 0.5})
    run(config=DataConfig(world=half), out=tmp_path / "half", workers=1)
    whole, kept = read(small_world, "objects"), read(tmp_path / "half", "objects")
    assert 0.4 < kept.height / whole.height < 0.6
    told = kept["attributes"].list.len().mean() / whole["attributes"].list.len().mean()
    assert 0.4 < told < 0.6
    captions = [read(out, "captions_narrow", "captions") for out in (small_world, tmp_path / "half")]
    assert captions[0].equals(captions[1])


def test_the_oracles_hold_on_what_is_published(small_world: Path):
    rows = read_json(small_world / "summary.json")["oracles"]["test"]
    assert rows
    assert all(row["holds"] for row in rows if row["expected"] == "solved")


def test_an_empty_split_ends_before_anything_is_drawn(tmp_path: Path):
    empty = SMALL.world.model_copy(update={"images": SMALL.world.images.model_copy(update={"test": 0})})
    with pytest.raises(InputError, match="split 'test' is empty"):
        run(config=DataConfig(world=empty), out=tmp_path / "data")
    assert not list(tmp_path.iterdir())


def test_more_words_than_the_vocabulary_has_are_refused(tmp_path: Path):
    many = WorldConfig.model_validate({**SMALL.world.model_dump(), "shapes": 60})
    with pytest.raises(InputError, match="the world has 8 shapes, not 60"):
        run(config=DataConfig(world=many), out=tmp_path / "data")
