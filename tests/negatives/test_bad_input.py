"""What strangers' files have wrong: each record is reported and set aside, and the rest goes through."""

import json

import published_files
import pytest
from published_files import coco, graph

from nearmiss.base.errors import InputError
from nearmiss.base.tables import read_table
from nearmiss.stages.negatives.spec import KeywordConfig, SceneGraphConfig
from nearmiss.stages.negatives.stage import run

GOOD = (1, "A red dog on a large table.")


@pytest.fixture
def keyword(tmp_path):
    """Runs the keyword method on a captions file; returns (negatives, records set aside)."""

    def ran(content: dict | bytes):
        path = tmp_path / "captions.json"
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        run(name="keyword", config=KeywordConfig(), captions=path, out=tmp_path / "out")
        return tables(tmp_path)

    return ran


def tables(tmp_path):
    negatives = read_table(tmp_path / "out" / "negatives.parquet", "negatives")
    rejected = read_table(tmp_path / "out" / "rejected.parquet", "rejected")
    return negatives, rejected.filter(rejected["type"] == "input")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("  \n", "empty"),
        ("a red dog " * 1001, "longer than 10000"),
        ("a red dog \U0001f415 on a table", "emoji"),
        ("كلب أحمر على طاولة", "right to left"),
        ("a red dog כלב", "right to left"),
        ("a red\x00 dog", "control"),
        ("1234 !!", "no word"),
        ("a red \ud800 dog", "not UTF-8"),
        ("a red dog \u72d7 on a table", "another script"),
        ("\u043a\u0440\u0430\u0441\u043d\u044b\u0439 bus on a table", "another script"),
        ("un bus rojo en una mesa", "another language"),
        ("Ein roter Bus auf der Stra\u00dfe", "another language"),
        ("une pizza sur la table", "another language"),
        ("a <b>red</b> dog on a table", "mark-up"),
        ("a red dog &amp; a cat", "mark-up"),
        ("a red dog #reddog #cute", "hashtags"),
        ("a red dog by @somebody", "hashtags"),
        ("a red dog https://x.org/a", "web addresses"),
        ("red dog IMG_12.jpg", "names of files"),
        ("Image may contain: one or more people and a red dog", "programs or image banks"),
        ("a red dog on a table - stock photo", "programs or image banks"),
        ("a <PERSON> and a red dog", "mark-up"),
        (17, "wrong type"),
        (None, "wrong type"),
    ],
)
def test_a_value_that_is_not_a_caption_is_set_aside(keyword, text, reason):
    negatives, aside = keyword(coco([GOOD, (2, text)]))
    assert set(negatives["caption_id"]) == {"1"}
    assert aside.height == 1
    assert reason in aside["reason"][0] and "annotation 2 of captions.json" in aside["reason"][0]
    assert aside["caption_id"].to_list() == ["2"] and aside["image_id"].to_list() == ["2"]


def test_accents_and_long_dashes_are_accepted(keyword):
    _, aside = keyword(coco([GOOD, (2, "A red dog in a café — 20° outside…"), (3, "A & B, La Jolla beach #1 @ 5.30")]))
    assert not aside.height


def test_invalid_utf8_excludes_one_record(keyword):
    content = json.dumps(coco([GOOD, (2, "a blue caf#")])).encode().replace(b"#", b"\xe9")
    negatives, aside = keyword(content)
    assert set(negatives["caption_id"]) == {"1"}
    assert "not UTF-8" in aside["reason"][0]


def test_records_with_a_duplicate_id_are_excluded(keyword):
    content = coco([GOOD, (2, "a blue car"), (3, "a green bus")])
    content["annotations"][2]["id"] = 2
    negatives, aside = keyword(content)
    assert set(negatives["caption_id"]) == {"1"}
    assert aside["positive"].to_list() == ["a blue car", "a green bus"]
    assert all("occurs twice" in reason for reason in aside["reason"])


def test_a_caption_of_an_unknown_image_is_set_aside(keyword):
    negatives, aside = keyword(coco([GOOD, (99, "a blue car")]))
    assert set(negatives["caption_id"]) == {"1"}
    assert "its image is not in the file's list" in aside["reason"][0] and aside["image_id"][0] == "99"


def test_malformed_records_are_set_aside(keyword):
    content = coco([GOOD])
    content["annotations"] += ["nonsense", {"id": 7, "caption": "a blue car"}]
    _, aside = keyword(content)
    assert aside.height == 2


@pytest.mark.parametrize("content", [b"", b"[]", b'{"annotations": [{"id": 1,', b'{"images": []}', b"nonsense"])
def test_an_unreadable_file_is_named(keyword, content, tmp_path):
    with pytest.raises(InputError, match=r"captions\.json"):
        keyword(content)
    assert not (tmp_path / "out" / "negatives.parquet").exists()


@pytest.fixture
def scene_graph(tmp_path):
    """Runs the scene-graph method on graphs; returns (negatives, records set aside)."""

    def ran(**graphs):
        path = published_files.write(tmp_path / "graphs.json", graphs)
        options = SceneGraphConfig(types=["attribute", "relation_pred"])
        run(name="scene_graph", config=options, graphs=path, out=tmp_path / "out")
        return tables(tmp_path)

    return ran


def scene(prefix: str, color: str = "red", **changes):
    """An object with a color to the left of another."""
    thing = {"name": "cube", "attributes": [color], "relations": [{"name": "to the left of", "object": f"{prefix}2"}]}
    other = {"name": "ball", "attributes": ["blue"], "x": 40}
    return graph(**{f"{prefix}1": {**thing, **changes}, f"{prefix}2": other})


@pytest.mark.parametrize(
    ("change", "reason", "kept"),
    [
        ({"relations": [{"name": "above", "object": "none"}]}, "object none, which is not in the graph", True),
        ({"relations": [{"name": 5, "object": "b2"}]}, "wrong type", True),
        ({"attributes": ["red", 5, None]}, "an attribute is not a word", True),
        ({"x": 60, "w": 30}, "its box is outside of the image", False),
        ({"x": -20}, "its box is outside of the image", False),
        ({"w": -3}, "a box is not x, y, w, h", False),
        ({"x": "far"}, "a box is not x, y, w, h", False),
        ({"name": None}, "wrong type", False),
        ({"name": "  "}, "no name", False),
        ({"relations": None}, "wrong type", False),
    ],
)
def test_a_faulty_graph_is_reported_and_others_are_read(scene_graph, change, reason, kept):
    negatives, aside = scene_graph(a=scene("a"), b=scene("b", **change), c=scene("c", color="green"))
    assert aside.height >= 1 and reason in aside["reason"][0] and aside["image_id"][0] == "b"
    assert "image b, object b1 of graphs.json" in aside["reason"][0]
    assert {"a", "c"} <= set(negatives["image_id"])
    assert ("b" in set(negatives["image_id"])) == kept


def test_a_box_may_be_a_rounded_pixel_too_wide(scene_graph):
    _, aside = scene_graph(a=scene("a", x=54, w=11), b=scene("b", color="green"))
    assert not aside.height


def test_object_ids_may_be_unique_within_an_image_only(scene_graph):
    negatives, aside = scene_graph(a=scene("a"), b=scene("b"), c=scene("b"), d=scene("d", color="green"))
    assert set(negatives["image_id"]) == {"a", "b", "c", "d"} and not aside.height


def test_an_instance_of_an_unknown_category_excludes_its_image(tmp_path):
    box = {"bbox": [1, 2, 10, 12], "category_id": 1}
    content = {
        "images": coco([])["images"],
        "annotations": [
            *({"id": n, "image_id": image, **box} for n, image in enumerate((1, 1, 2, 3))),
            {"id": 9, "image_id": 3, **box, "category_id": 77},
        ],
        "categories": [{"id": 1, "name": "dog"}],
    }
    path = published_files.write(tmp_path / "instances.json", content)
    run(name="scene_graph", config=SceneGraphConfig(types=["obj_count"]), instances=path, out=tmp_path / "out")
    negatives, aside = tables(tmp_path)
    assert set(negatives["image_id"]) <= {"1", "2"} and negatives.height
    assert "category" in aside["reason"][0] and aside["image_id"][0] == "3"
