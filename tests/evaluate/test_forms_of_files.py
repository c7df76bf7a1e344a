"""Benchmarks in Parquet, in tables and in folders: items, records set aside, and what counts as missing."""

import csv
import json
from pathlib import Path

import caption_benchmark_files
import evaluating
import image_benchmark_files
import polars as pl
import pytest
import sample_files
from benchmark_files import read
from sample_files import put_text

import small_open_clip
from nearmiss.base.errors import InputError
from nearmiss.engine.benchmarks.benchmark import ItemBenchmark, Options
from nearmiss.engine.benchmarks.colorfoil import foiled
from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.engine.benchmarks.registry import reader

CAPTIONS = Path(__file__).parents[3] / "shared" / "realdata" / "coco_captions_val2017"


def reasons(benchmark: ItemBenchmark) -> list[tuple[str, str]]:
    return [(each.record, each.reason) for each in benchmark.coverage.malformed]


def parquet(root: Path, name: str, change: dict[str, object]) -> Path:
    """The benchmark's file with `change` in its second row."""
    image_benchmark_files.pairs_in_parquet(root)
    file = root / name / "data" / "test-00000-of-00001.parquet"
    rows = pl.read_parquet(file).to_dicts()
    rows[1] |= change
    pl.DataFrame(rows, infer_schema_length=None).write_parquet(file, row_group_size=2)
    return file


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("bivlc", {"image": None}, "'image' holds no image"),
        ("bivlc", {"negative_image": {"bytes": b"", "path": "1.jpg"}}, "'negative_image' holds no image"),
        ("bivlc", {"negative_caption": " "}, "'negative_caption' is an empty text"),
        ("bivlc", {"type": None}, "'type' is null, not a text"),
        ("vismin", {"image_1": None}, "'image_1' holds no image"),
        ("vismin", {"text_0": None}, "'text_0' is null, not a text"),
    ],
)
def test_a_row_without_an_image_or_a_text_is_set_aside(tmp_path, name, change, reason):
    count = pl.read_parquet(parquet(tmp_path, name, change)).height
    benchmark = read(tmp_path, name)
    assert reasons(benchmark) == [("row 1", reason)]
    assert benchmark.items.height == count - 1
    assert benchmark.embedded.keys() == {image for images in benchmark.items["images"] for image in images}


def test_each_embedded_image_is_the_one_of_its_row(tmp_path):
    image_benchmark_files.pairs_in_parquet(tmp_path)
    embedded = read(tmp_path, "bivlc").embedded
    for number in range(3):
        for column, seed in (("image", 120), ("negative_image", 123)):
            shown = embedded[f"bivlc/test-00000-of-00001-{number:06d}-{column}"].open()
            assert (sample_files.noise(seed + number) == shown).all()


def test_an_embedded_image_that_does_not_decode_is_missing(tmp_path):
    small_open_clip.register(tmp_path)
    parquet(tmp_path / "data", "bivlc", {"image": {"bytes": b"no image", "path": "1.jpg"}})
    result = evaluating.runner(tmp_path)(tmp_path / "data", "bivlc")
    assert not result["complete"]
    assert result["benchmarks"]["bivlc"]["images_missing"] == ["bivlc/test-00000-of-00001-000001-image"]


@pytest.mark.parametrize(("content", "problem"), [(b"no table", "not readable Parquet"), (None, "lacks the columns")])
def test_a_file_with_another_schema_is_refused(tmp_path, content, problem):
    file = tmp_path / "vismin" / "data" / "test.parquet"
    file.parent.mkdir(parents=True)
    if content is None:
        pl.DataFrame({"caption": ["A dog."]}).write_parquet(file)
    else:
        file.write_bytes(content)
    with pytest.raises(InputError, match=problem):
        read(tmp_path, "vismin")


def test_negatives_of_several_changes_are_excluded(tmp_path):
    image_benchmark_files.svo_probes(tmp_path)
    benchmark = read(tmp_path, "svo_probes")
    assert benchmark.coverage.excluded.total() == 1
    assert sorted(benchmark.items["subset"]) == ["object", "subject", "verb"]
    assert not benchmark.coverage.malformed


def test_a_value_that_is_not_boolean_is_set_aside(tmp_path):
    image_benchmark_files.svo_probes(tmp_path)
    file = tmp_path / "svo_probes" / "svo_probes.csv"
    put_text(file, file.read_text(encoding="utf-8").replace("False,True,False", "False,maybe,False"))
    assert reasons(read(tmp_path, "svo_probes")) == [("row 1", "'verb_neg' is neither true nor false")]


def test_questions_are_paired_in_table_order(tmp_path):
    image_benchmark_files.mmvp_vlm(tmp_path)
    file = tmp_path / "mmvp_vlm" / "Questions.csv"
    with file.open("a", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerow([5, "Color", "a green door"])
    benchmark = read(tmp_path, "mmvp_vlm")
    assert reasons(benchmark) == [("rows 4 and 5", "a record has no entry 1")]
    item = benchmark.items.filter(subset="Color").to_dicts()[0]
    assert item["captions"] == ["a photo of a red door", "a photo of a blue door"]
    assert item["images"] == [f"mmvp_vlm/MLLM_VLM Images/Color/{number}.jpg" for number in (1, 2)]


@pytest.mark.parametrize("label", [3, -1])
def test_a_label_without_a_candidate_is_set_aside(tmp_path, label):
    image_benchmark_files.spec(tmp_path)
    record = {"query": "one apple", "keys": ["images/0.jpg", "images/1.jpg"], "label": label}
    put_text(tmp_path / "spec" / "count" / "text2image.json", json.dumps([record]))
    assert reasons(read(tmp_path, "spec")) == [("record 0", "'label' is not the place of a candidate")]


def test_frames_are_sorted_by_number(tmp_path):
    image_benchmark_files.imagecode(tmp_path)
    item = read(tmp_path, "imagecode").items.filter(subset="video").to_dicts()[0]
    numbers = [int(image.rpartition("img")[2].removesuffix(".jpg")) for image in item["images"]]
    assert numbers == list(range(0, 110, 11))
    assert [row[0] for row in item["truth"]] == [number == 22 for number in numbers]


def test_an_item_with_too_few_images_is_expected_and_not_scored(tmp_path):
    small_open_clip.register(tmp_path)
    image_benchmark_files.imagecode(tmp_path / "data")
    next((tmp_path / "data" / "imagecode" / "image-sets").glob("open-images*/img3.jpg")).unlink()
    result = evaluating.runner(tmp_path)(tmp_path / "data", "imagecode")
    (row,) = [row for row in result["metrics"] if (row["subset"], row["metric"]) == ("static", "score")]
    assert (row["n_scored"], row["n_expected"], row["value"]) == (0, 2, None)
    assert not result["complete"]


def test_an_item_with_too_many_images_is_set_aside(tmp_path):
    image_benchmark_files.imagecode(tmp_path)
    for folder in (tmp_path / "imagecode" / "image-sets").glob("open-images*"):
        sample_files.picture(folder / "img10.jpg", 1)
    name = "set open-images-1815_f91d"
    assert reasons(read(tmp_path, "imagecode")) == [(name, "the folder of a set has more than ten images")]


@pytest.mark.parametrize(
    ("caption", "same"),
    [
        ("A red bus and a white car", "A {} bus and a {} car"),
        ("A bored cat on a red mat", "A bored cat on a {} mat"),
        ("red on red", "{0} on {0}"),
    ],
)
def test_only_whole_color_words_are_replaced(caption, same):
    before, after = caption.split(" "), foiled(caption).split(" ")
    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    assert " ".join(after) == same.format(*changed)
    assert foiled(caption) == foiled(caption) != caption


def test_gray_is_not_replaced_by_grey():
    assert not any("grey" in foiled(f"A gray cat, number {number}") for number in range(100))


def test_colorfoil_uses_the_first_caption_with_a_color(tmp_path):
    caption_benchmark_files.colorfoil(tmp_path)
    benchmark = read(tmp_path, "colorfoil")
    assert [captions[0] for captions in benchmark.items["captions"]] == ["A red bus and a white car.", "A gray cat."]
    assert benchmark.coverage.excluded == {"an image without colors": 1}


@pytest.mark.realdata
@pytest.mark.skipif(not CAPTIONS.is_dir(), reason="COCO's captions are not at hand")
def test_colorfoil_has_the_published_number_of_items(tmp_path):
    root = DataRoot(tmp_path, {"coco/annotations": CAPTIONS})
    benchmark = reader("colorfoil").load(root, Options())
    assert isinstance(benchmark, ItemBenchmark)
    assert (benchmark.items.height, benchmark.coverage.excluded.total()) == (2507, 4)


def test_an_empty_caption_sets_aside_no_other_caption(tmp_path):
    caption_benchmark_files.negbench(tmp_path)
    file = tmp_path / "negbench" / "COCO_val_retrieval.csv"
    put_text(file, file.read_text(encoding="utf-8").replace("A man in a kitchen, but there is no chair.", ""))
    gallery = reader("retrieval_negbench").load(DataRoot(tmp_path), Options())
    assert gallery.captions == ["No fork is present at the table's end."]
    (left_out,) = gallery.coverage.malformed
    assert (left_out.record, left_out.reason) == ("row 0, caption 0", "'0' is an empty text")


def test_only_the_first_group_of_sentences_is_used(tmp_path):
    caption_benchmark_files.bla(tmp_path)
    file = tmp_path / "bla" / "annotations" / "coordination_captions.json"
    (record,) = json.loads(file.read_text(encoding="utf-8"))
    other = {key: "another sentence" for key in ("True1", "True2", "False1", "False2")}
    put_text(
        file,
        json.dumps(
            [
                {**record, "image_id": "73", "caption_group": [*record["caption_group"], other]},
                {**record, "caption_group": []},
            ]
        ),
    )
    benchmark = read(tmp_path, "bla")
    assert benchmark.items.filter(subset="coordination")["captions"][0][0] == "the woman feeds the man"
    assert reasons(benchmark) == [("record 1", "a record has no entry 0")]


def test_negatives_of_the_curated_test_set_follow_their_positives(tmp_path):
    captions = {
        "0": {"caption": "There is no tooth that is broken.", "label": 0, "type": "verify_object_attribute"},
        "1": {"caption": "The fence is behind the elephant.", "label": 1, "type": "relation", "replaced": None},
        "2": {"caption": "The fence is behind the trunk.", "label": 0, "type": "relation", "replaced": None},
        "3": {"caption": "four tree", "label": 1, "type": "object_count", "replaced": None},
    }
    put_text(tmp_path / "hnc" / "hnc_clean_strict_test.json", json.dumps({"n100552.jpg": captions, "n2.jpg": {}}))
    benchmark = read(tmp_path, "hnc")
    (item,) = benchmark.items.to_dicts()
    assert (item["subset"], item["images"]) == ("clean/relation", ["gqa/images/n100552.jpg"])
    assert item["captions"] == ["The fence is behind the elephant.", "The fence is behind the trunk."]
    assert reasons(benchmark) == [
        ("image n100552.jpg, caption 0", "no positive is before it"),
        ("image n2.jpg", "'captions' is empty"),
    ]
