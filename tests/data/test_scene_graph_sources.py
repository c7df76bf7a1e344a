"""GQA and Visual Genome as sources: graphs, regions and statements become tables."""

import json
from pathlib import Path

import polars as pl
import pytest
from photograph_sources import (
    REGIONS,
    SEPARATE,
    STATEMENTS,
    config,
    made,
    splits,
    summary,
    table,
)

import source_files
from nearmiss.base.errors import InputError
from nearmiss.base.files import files_below
from nearmiss.stages.data.sources import statement_captions, tables
from nearmiss.stages.negatives.reading import read_corpus

REAL_GRAPHS = Path(__file__).parents[3] / "shared" / "realdata" / "gqa_scene_graph_sample" / "train-sgs-sample.json"


def test_gqa_as_tables(tmp_path: Path):
    out = made(config(source_files.gqa(tmp_path / "root"), name="gqa", **REGIONS), tmp_path)
    assert splits(out) == {"train": 12, "val": 4}
    assert table(out, "images").row(0) == ("100", "images/100.jpg", 40, 30, "train", "gqa", False), "not exhaustive"
    objects = table(out, "objects").filter(pl.col("image_id") == "101").rows()
    assert objects == [
        ("1011", "101", "cat", 1.0, 2.0, 10.0, 12.0, ["blue"], None, 2),
        ("1012", "101", "box", 20.0, 2.0, 15.0, 20.0, [], None, 3),
    ], "the last column is the order of the file"
    assert table(out, "relations").row(1) == ("101", "1011", "to the left of", "1012", 1)
    captions = table(out, "captions").filter(pl.col("image_id") == "101")
    assert captions["caption_id"].to_list() == ["1010", "1011", "1012"]
    assert captions["text"].to_list() == [source_files.text(101, at) for at in range(3)]


def test_gqa_without_captions_gives_scene_graph_negatives(tmp_path: Path):
    given = config(source_files.gqa(tmp_path / "root"), name="gqa")
    folder = made(given, tmp_path) / "tables"
    files = {name: folder / f"{name}.parquet" for name in ("captions", "images", "objects", "relations")}
    corpus = read_corpus(**files)
    assert len(corpus.captions) == 0 and corpus.objects.height == 24 and corpus.relations.height == 12
    assert given.source.declare("").caption_sets == ()


def test_statements_of_scene_graphs_are_captions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    root = source_files.gqa(tmp_path / "root", val=8)
    whole = made(config(root, name="gqa", **STATEMENTS), tmp_path)
    captions = table(whole, "captions")
    assert captions.filter(pl.col("image_id") == "101").rows() == [
        ("101#0", "101", "The blue cat is to the left of the box.", "hnc_relation", "scene_graphs", "scene_graphs"),
        ("101#1", "101", "The cat is blue.", "hnc_attribute", "scene_graphs", "scene_graphs"),
    ]
    right = table(whole, "retrieval_val").filter(pl.col("image_id") == "201")["right"]
    assert right.to_list() == [["201", "205"]] * 2, "the two images have the same statements"
    monkeypatch.setattr(statement_captions, "_PART", 3)
    one = made(config(root, name="gqa", **STATEMENTS, captions_per_image=1), tmp_path)
    assert table(one, "captions").equals(captions.filter(pl.col("caption_id").str.ends_with("#0")))


def test_captions_of_an_image_are_limited(tmp_path: Path):
    given = config(source_files.gqa(tmp_path / "root"), name="gqa", **REGIONS, captions_per_image=2)
    captions = table(made(given, tmp_path), "captions")
    assert captions.height == 32 and captions.group_by("image_id").len()["len"].unique().to_list() == [2]


@pytest.mark.parametrize(
    "options",
    [
        {"scene_graphs": "scene_graphs.json"},
        SEPARATE,
    ],
    ids=["one_file", "three_files"],
)
def test_visual_genome_as_tables(tmp_path: Path, options: dict[str, str]):
    root = source_files.visual_genome(tmp_path / "root")
    out = made(config(root, name="visual_genome", **options), tmp_path)
    images = table(out, "images")
    assert images.height == 12 and images.row(0)[:2] == ("1", "VG_100K/1.jpg")
    assert dict(images.select("image_id", "file").iter_rows())["2"] == "VG_100K_2/2.jpg"
    objects = table(out, "objects").filter(pl.col("image_id") == "2").rows()
    assert objects == [
        ("20", "2", "cat", 0.0, 2.0, 12.0, 12.0, ["green"], None),
        ("21", "2", "box", 20.0, 2.0, 12.0, 12.0, [], None),
    ]
    relations = table(out, "relations")
    assert relations.height == 12 and relations["predicate"].unique().to_list() == ["near"]
    assert table(out, "captions").height == 36


def test_rows_do_not_depend_on_file_order_and_chunk_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    root = source_files.visual_genome(tmp_path / "root")
    given = config(root, name="visual_genome", **SEPARATE)
    whole = made(given, tmp_path)
    for name in ("attributes", "relationships"):
        source_files.put(root / f"{name}.json", json.loads((root / f"{name}.json").read_text())[::-1])
    monkeypatch.setattr(tables, "_PART", 5)
    parts = made(given, tmp_path)
    for name in ("captions", "objects", "relations", "retrieval_val"):
        assert table(parts, name).equals(table(whole, name)), name
    assert (parts / "words.txt").read_bytes() == (whole / "words.txt").read_bytes()
    assert files_below(parts).keys() == files_below(whole).keys()


def test_boxes_of_visual_genome_are_clipped_to_the_image(tmp_path: Path):
    root = source_files.visual_genome(tmp_path / "root")
    graphs = json.loads((root / "scene_graphs.json").read_text())
    graphs[0]["objects"][0] |= {"x": -5, "w": 20}
    graphs[1]["objects"][0] |= {"x": 900}
    source_files.put(root / "scene_graphs.json", graphs)
    out = made(config(root, name="visual_genome", scene_graphs="scene_graphs.json"), tmp_path)
    objects = table(out, "objects")
    assert objects.filter(pl.col("object_id") == "10").select("x", "w").row(0) == (0.0, 15.0)
    assert objects.filter(pl.col("image_id") == "2").is_empty()
    (reason,) = summary(out)["set_aside"]
    assert reason.startswith("its box is outside of the image")


def test_regions_of_other_images_are_refused(tmp_path: Path):
    root = source_files.gqa(tmp_path / "root")
    source_files.put(root / "region_descriptions.json", [{"id": 7, "regions": []}])
    with pytest.raises(InputError, match="no caption belongs to an image of the scene graphs"):
        made(config(root, name="gqa", **REGIONS), tmp_path)


def test_sorting_in_parts_equals_sorting_at_once(monkeypatch: pytest.MonkeyPatch):
    rows = pl.DataFrame(
        {"image_id": [str(at * 7 % 11) for at in range(60)], "object_id": [str(-at) for at in range(60)]}
    )
    whole = rows.sort("image_id", "object_id")
    for size in (1, 4, 25, 60):
        monkeypatch.setattr(tables, "_PART", size)
        assert pl.concat(tables._sorted_parts(rows, ["object_id"])).equals(whole)


@pytest.mark.realdata
@pytest.mark.skipif(not REAL_GRAPHS.is_file(), reason="no real data beside the checkout")
def test_real_gqa_scene_graphs_become_tables(tmp_path: Path):
    graphs = json.loads(REAL_GRAPHS.read_text())
    for number, (image_id, graph) in enumerate(graphs.items()):
        (tmp_path / "root" / "images").mkdir(parents=True, exist_ok=True)
        content = source_files.image(number, size=(graph["width"], graph["height"]))
        (tmp_path / "root" / "images" / f"{image_id}.jpg").write_bytes(content)
    (tmp_path / "root" / "train.json").write_bytes(REAL_GRAPHS.read_bytes())
    out = made(config(tmp_path / "root", name="gqa", scene_graphs={"train": "train.json"}), tmp_path)
    assert table(out, "images").height == len(graphs) == 14 and summary(out)["set_aside"] == {}
    assert table(out, "objects").height == sum(len(graph["objects"]) for graph in graphs.values())
