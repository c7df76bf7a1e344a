"""Records of published files that are not what the authors publish: left out and reported, and never guessed at."""

import csv
import json
from pathlib import Path

import gallery_files
import image_benchmark_files
import pytest
import sample_files
from benchmark_files import read
from sample_files import put_text

from nearmiss.base.errors import InputError
from nearmiss.engine.benchmarks.benchmark import ItemBenchmark, Options
from nearmiss.engine.benchmarks.csv_records import csv_records
from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.engine.benchmarks.fields import Unreadable
from nearmiss.engine.benchmarks.registry import reader

HEADER = ["", "image_id", "caption", "hard_negs", "x", "y", "width", "height"]
GOOD = ["0", "1", "Bird on tree", "['Cat on tree', 'Bird on car']", "1", "2", "20", "20"]
SWAP = "sugarcrepe/data/swap_obj.json"
RECORD = {"filename": "1.jpg", "caption": "A cat.", "negative_caption": "A dog."}


def crepe(root: Path, *rows: list[str]) -> ItemBenchmark:
    """The atom part with these rows behind one that is sound."""
    file = root / "crepe" / "prod_vg_hard_negs_atom_complexity_4.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows([HEADER, GOOD, *rows])
    return read(root, "crepe")


def changed(**cells: str) -> list[str]:
    return [cells.get(name, cell) for name, cell in zip(HEADER, GOOD, strict=True)]


def captions(benchmark: ItemBenchmark) -> list[list[str]]:
    return benchmark.items["captions"].to_list()


def reasons(benchmark: ItemBenchmark) -> list[tuple[str, str]]:
    return [(each.record, each.reason) for each in benchmark.coverage.malformed]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("['Cat on mat', 'Dog on", "'hard_negs' is not a Python literal"),
        ("'Cat on mat'", "'hard_negs' is a text, not a list of texts"),
        ("{'Cat on mat': 1}", "'hard_negs' is an object, not a list of texts"),
        ("{'Cat on mat'}", "'hard_negs' is another value, not a list of texts"),
        ("None", "'hard_negs' is null, not a list of texts"),
        ("3", "'hard_negs' is a number, not a list of texts"),
        ("[['Cat on mat']]", "'hard_negs', entry 0 is a list, not a text"),
        ("['Cat on mat', 3]", "'hard_negs', entry 1 is a number, not a text"),
        ("['Cat on mat', ' ']", "'hard_negs', entry 1 is an empty text"),
        ("[]", "'hard_negs' has fewer than 1 texts"),
        ("['Cat on mat' 'Bird on car']", "'hard_negs' has texts without a comma between them"),
        ("[" * 100_000, "'hard_negs' is not a Python literal"),
        ("-" * 100_000 + "1", "'hard_negs' is not a Python literal"),
        ("1" * 5000, "'hard_negs' is not a Python literal"),
        ("nan", "'hard_negs' is not a Python literal"),
        ("", "'hard_negs' is an empty text"),
    ],
)
def test_negatives_that_are_not_a_list_of_texts_exclude_one_record(tmp_path, cell, reason):
    benchmark = crepe(tmp_path, changed(hard_negs=cell), changed(image_id="2"))
    assert captions(benchmark) == [["Bird on tree", "Cat on tree", "Bird on car"]] * 2
    assert reasons(benchmark) == [("row 1", reason)]
    assert benchmark.coverage.malformed[0].file == "crepe/prod_vg_hard_negs_atom_complexity_4.csv"


def test_every_form_of_a_list_of_texts_is_read(tmp_path):
    benchmark = crepe(
        tmp_path, changed(hard_negs='["Cat\'s on mat"]'), changed(hard_negs="('a', 'b')"), changed(hard_negs=" ['a'] ")
    )
    assert captions(benchmark)[1:] == [
        ["Bird on tree", "Cat's on mat"],
        ["Bird on tree", "a", "b"],
        ["Bird on tree", "a"],
    ]


@pytest.mark.parametrize(("written", "read"), [("1.0", "1"), ("2407890.00", "2407890"), ("7", "7"), (" 7 ", "7")])
def test_ids_that_pandas_wrote_as_floats_are_read(tmp_path, written, read):
    assert crepe(tmp_path, changed(image_id=written)).items["images"].to_list()[1] == [f"vg/images/{read}.jpg"]


@pytest.mark.parametrize(
    ("lines", "lost", "kept"),
    [
        (["1,1,Dog on mat,['x']"], 1, ["Last"]),  # cells are missing
        (["1,1,Dog, on mat,['x'],1,2,20,20"], 1, ["Last"]),  # a comma too many
        (["1,1,\"Dog on mat,['x'],1,2,20,20"], 1, ["Last"]),  # a quote that is never closed
        (["1,1,\"Dog\" on mat,['x'],1,2,20,20"], 1, ["Last"]),
        (["", "1,1,Dog on mat,['x'],1,2,20,20"], 0, ["Dog on mat", "Last"]),
        (["1,1,\"Dog\non mat\",['x'],1,2,20,20"], 0, ["Dog\non mat", "Last"]),
        (["1,1,Dog\u2028on mat,['x'],1,2,20,20"], 0, ["Dog\u2028on mat", "Last"]),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_malformed_line_excludes_no_other_line(tmp_path, lines, lost, kept, end):
    whole = [",".join(HEADER), *lines, "2,1,Last,['y'],1,2,20,20"]
    file = tmp_path / "crepe" / "prod_vg_hard_negs_atom_complexity_4.csv"
    put_text(file, "\ufeff" + end.join(whole) + end)
    benchmark = read(tmp_path, "crepe")
    assert [found[0] for found in captions(benchmark)] == kept
    assert len(benchmark.coverage.malformed) == lost


def test_a_table_is_read_at_most_once_per_malformed_line(tmp_path):
    count = 3000
    file = put_text(tmp_path / "a.csv", "a,b\n" + '1,"x\n' * count)
    found = list(csv_records(file, ["a", "b"]))
    assert len(found) == count
    assert all(isinstance(cells, Unreadable) for _, cells in found)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"width": "0"}, "a box holds no pixel"),
        ({"height": "-3"}, "a box holds no pixel"),
        ({"width": "0.3"}, "a box holds no pixel"),  # of no width once it is in whole pixels
        ({"x": "nan"}, "a box is not four finite numbers"),
        ({"width": "inf"}, "a box is not four finite numbers"),
        ({"width": "1e9", "height": "1e9"}, "a box is larger than any image"),
        ({"x": "left"}, "'x' is not a number"),
        ({"x": ""}, "'x' is an empty text"),
    ],
)
def test_a_box_without_pixels_excludes_its_record(tmp_path, cells, reason):
    benchmark = crepe(tmp_path, changed(**cells))
    assert benchmark.items.height == 1
    assert reasons(benchmark) == [("row 1", reason)]


def test_a_box_that_extends_beyond_the_image_is_kept(tmp_path):
    assert crepe(tmp_path, changed(x="-5", width="500")).items["crop"].to_list()[1] == [-5, 2, 500, 20]


def test_a_file_without_usable_records_is_refused_with_its_first_fault(tmp_path):
    put_text(tmp_path / SWAP, json.dumps({"7": {**RECORD, "caption": None}, "8": {**RECORD, "filename": 3}}))
    with pytest.raises(InputError) as refused:
        read(tmp_path, "sugarcrepe")
    assert "none of the 2 records" in refused.value.problem
    assert "'caption' is null, not a text" in refused.value.problem
    assert (refused.value.file, refused.value.record) == (tmp_path / SWAP, "id 7")


def test_records_with_a_duplicate_id_are_excluded(tmp_path):
    one, other = (json.dumps({**RECORD, "caption": word}) for word in ("A cat.", "A cow."))
    put_text(tmp_path / SWAP, f'{{"0": {one}, "0": {other}, "1": {one}}}')
    benchmark = read(tmp_path, "sugarcrepe")
    assert benchmark.items["item_id"].to_list() == ["sugarcrepe/swap_obj/1"]
    assert reasons(benchmark) == [("id 0", "two records of a file have one id")]


def test_a_record_with_a_duplicate_field_is_excluded(tmp_path):
    put_text(tmp_path / SWAP, f'{{"0": {json.dumps(RECORD)[:-1]}, "caption": "A cow."}}, "1": {json.dumps(RECORD)}}}')
    assert reasons(read(tmp_path, "sugarcrepe")) == [("id 0", "a record has 'caption' twice")]


def test_a_duplicate_id_of_a_list_is_scored_once(tmp_path):
    triple = {**RECORD, "caption2": "One cat."}
    records = [{**triple, "id": 1}, {**triple, "id": 1.0, "caption": "A cow."}, {**triple, "id": True}]
    put_text(tmp_path / "sugarcrepe_pp" / "data" / "swap_obj.json", json.dumps(records))
    benchmark = read(tmp_path, "sugarcrepe_pp")
    assert captions(benchmark) == [["A cat.", "One cat.", "A dog."]]
    assert reasons(benchmark) == [
        ("record 1", "two items of a benchmark have one id"),
        ("record 2", "'id' is true or false, not a number"),
    ]


@pytest.mark.parametrize(
    ("name", "file", "records", "reason"),
    [
        (
            "vl_checklist",
            "vl_checklist/Attribute/vg/color.json",
            [["1.jpg", {"POS": ["red"], "NEG": ["blue"]}], ["1.jpg", {"POS": "brown knob", "NEG": "teal knob"}]],
            "'POS' is a text, not a list of texts",
        ),
        ("whatsup", "whatsup/vg_qa_one_obj.json", [[1, "left", "right"], "abc"], "a record is a text, not a list"),
        (
            "whatsup",
            "whatsup/controlled_images_dataset.json",
            [
                {"image_path": "a.jpg", "caption_options": ["on", "under"]},
                {"image_path": "a.jpg", "caption_options": "on"},
            ],
            "'caption_options' is a text, not a list of texts",
        ),
        (
            "whatsup",
            "whatsup/vg_qa_one_obj.json",
            [[1, "left", "right"], [2, "left"]],
            "a record has fewer than 2 texts",
        ),
        (
            "cola",
            "cola/COLA_multiobjects_matching_benchmark.json",
            [["a.jpg", "one", "b.jpg", "two"], "abcd"],
            "a record is a text, not a list of texts",
        ),
        (
            "aro",
            "aro/visual_genome_attribution.json",
            [
                {**dict.fromkeys(("bbox_x", "bbox_y", "bbox_w", "bbox_h"), 9), "image_path": "1.jpg"}
                | {"true_caption": "a", "false_caption": "b", "attributes": attributes}
                for attributes in (["old", "new"], "old")
            ],
            "'attributes' is a text, not a list of texts",
        ),
        ("aro_order", "flickr30k/flickr30k_test.json", [{"image": "1.jpg", "caption": {"red bus": 1}}], "an object"),
    ],
)
def test_a_string_is_not_a_list_of_letters(tmp_path, lexicon, name, file, records, reason):
    put_text(tmp_path / file, json.dumps(records))
    if len(records) == 1:
        with pytest.raises(InputError, match=reason):
            read(tmp_path, name)
        return
    benchmark = read(tmp_path, name)
    assert benchmark.coverage.n_read == 1
    assert reasons(benchmark) == [("record 1", reason)]


@pytest.fixture
def lexicon(monkeypatch):
    """The built-in tagger in place of a trained one, which a clean clone does not have."""
    from nearmiss.engine.benchmarks import aro_order
    from nearmiss.engine.text.tagging import tag

    monkeypatch.setattr(aro_order, "tag", lambda texts, pipeline: tag(texts))


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1e"])
def test_only_line_feeds_separate_records(tmp_path, mark):
    caption = f"The cat is{mark}under the bed."
    line = json.dumps({"image": "a.jpg", "caption": caption, "label": 1}, ensure_ascii=False)
    put_text(tmp_path / "vsr" / "random" / "test.jsonl", f"{line}\r\n\n{line}\n")
    benchmark = read(tmp_path, "vsr")
    assert captions(benchmark) == [[caption], [caption]]
    assert benchmark.items["item_id"].to_list() == ["vsr/random/1", "vsr/random/3"]


def test_a_truncated_line_excludes_no_other_line(tmp_path):
    line = json.dumps({"image": "a.jpg", "caption": "A cat.", "label": 1})
    put_text(tmp_path / "vsr" / "random" / "test.jsonl", f"{line}\n{line[:-9]}\n{line}")
    benchmark = read(tmp_path, "vsr")
    assert benchmark.items.height == 2
    assert reasons(benchmark) == [("line 2", "a line is not JSON")]


@pytest.mark.parametrize("name", ["../../secret.jpg", "a\0.jpg", ""])
def test_images_are_read_only_from_their_folder(tmp_path, name):
    put_text(tmp_path / SWAP, json.dumps({"0": RECORD, "1": {**RECORD, "filename": name}}))
    benchmark = read(tmp_path, "sugarcrepe")
    assert benchmark.items["images"].to_list() == [["coco/val2017/1.jpg"]]
    assert len(benchmark.coverage.malformed) == 1


def test_files_of_equal_name_have_separate_hashes(tmp_path):
    record = json.dumps([["1.jpg", {"POS": ["red"], "NEG": ["blue"]}]])
    files = [f"vl_checklist/{aspect}/vg/color.json" for aspect in ("Attribute", "Relation")]
    for file in files:
        put_text(tmp_path / file, record)
    assert sorted(read(tmp_path, "vl_checklist").coverage.hashes) == files


def test_pairs_from_files_of_equal_name_are_separate(tmp_path):
    image_benchmark_files.inpaintcoco(tmp_path)
    other = tmp_path / "inpaintcoco" / "other" / "test-00000-of-00001.parquet"
    other.parent.mkdir()
    other.write_bytes((tmp_path / "inpaintcoco" / "data" / other.name).read_bytes())
    benchmark = read(tmp_path, "inpaintcoco")
    assert benchmark.items.height == 2
    assert len(benchmark.embedded) == 4
    assert {each.reason for each in benchmark.coverage.malformed} == {"empty caption", "degenerate mask"}


def test_a_class_whose_folder_is_missing_or_empty_is_named(tmp_path):
    root = tmp_path / "classification" / "pets"
    sample_files.picture(root / "cat" / "1.png", 1)
    (root / "empty").mkdir()
    sample_files.put(root / "classes.json", {"cat": "cat", "empty": "ferret", "hoarse": "horse"})
    labeled = reader("imagefolder/pets").load(DataRoot(tmp_path), Options())
    assert labeled.coverage.files_missing == ["classification/pets/empty", "classification/pets/hoarse"]
    assert labeled.tasks[0].classes == ["cat", "ferret", "horse"]


@pytest.mark.parametrize(
    "classes",
    [
        '{"a": "cat", "a": "dog"}',
        '{"../b": "cat"}',
        '{".": "cat"}',
        '{"a": 3}',
        '{"a": " "}',
        '["a"]',
        '{"a": ["cat"]}',
    ],
)
def test_classes_without_a_folder_of_their_own_are_refused(tmp_path, classes):
    root = tmp_path / "classification" / "pets"
    sample_files.picture(root / "a" / "1.png", 1)
    put_text(root / "classes.json", classes)
    with pytest.raises(InputError):
        reader("imagefolder/pets").load(DataRoot(tmp_path), Options())


def test_an_image_in_the_folders_of_two_classes_is_refused(tmp_path):
    root = tmp_path / "classification" / "pets"
    sample_files.picture(root / "a" / "b" / "1.png", 1)
    sample_files.put(root / "classes.json", {"a": "animal", "a/b": "cat"})
    with pytest.raises(InputError, match="two classes"):
        reader("imagefolder/pets").load(DataRoot(tmp_path), Options())


def test_a_cifar_class_without_images_is_named(tmp_path):
    gallery_files.general(tmp_path)
    (tmp_path / "cifar10/cifar-10-batches-bin" / "batches.meta.txt").write_text("airplane\nautomobile\nbird\ncat\n")
    assert reader("cifar10").load(DataRoot(tmp_path), Options()).coverage.files_missing == [
        "cifar10/cifar-10-batches-bin/test_batch.bin: cat"
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sentences": "abc"}, "'sentences' of a record has the wrong type: 'abc'"),
        ({"sentences": []}, "an image has no sentence"),
        ({"filename": None}, "'filename' of a record has the wrong type: None"),
        ({"filename": "../x.jpg"}, "the name of an image is no path in its folder"),
        ({"split": 3}, "'split' of a record has the wrong type: 3"),
    ],
)
def test_an_unreadable_gallery_record_is_excluded(tmp_path, change, reason):
    gallery_files.general(tmp_path)
    file = tmp_path / "flickr8k" / "dataset_flickr8k.json"
    document = json.loads(file.read_text())
    document["images"].insert(2, {**document["images"][0], **change})
    document["images"].pop(0)
    sample_files.put(file, document)
    gallery = reader("retrieval_flickr8k").load(DataRoot(tmp_path), Options())
    assert gallery.images == ["flickr8k/images/000000000002.jpg"]
    assert gallery.own.shape == (1, 2)
    assert [each.reason for each in gallery.coverage.malformed] == [reason]


def test_a_sentence_that_is_not_text_excludes_no_other_sentence(tmp_path):
    gallery_files.general(tmp_path)
    file = tmp_path / "flickr8k" / "dataset_flickr8k.json"
    document = json.loads(file.read_text())
    document["images"][0]["sentences"][0] = {"raw": float("nan")}
    sample_files.put(file, document)
    gallery = reader("retrieval_flickr8k").load(DataRoot(tmp_path), Options())
    assert gallery.captions[0] == "flickr8k photograph 0"
    assert gallery.own.sum(axis=1).tolist() == [1, 2]
    assert [(each.record, each.reason) for each in gallery.coverage.malformed] == [
        ("image 0, sentence 0", "'raw' of a record has the wrong type: nan")
    ]


def test_gallery_records_with_a_duplicate_image_are_excluded(tmp_path):
    gallery_files.general(tmp_path)
    file = tmp_path / "flickr8k" / "dataset_flickr8k.json"
    document = json.loads(file.read_text())
    first, second, third = document["images"]
    sample_files.put(file, {"images": [first, second, {**first}, third]})
    gallery = reader("retrieval_flickr8k").load(DataRoot(tmp_path), Options())
    assert gallery.images == ["flickr8k/images/000000000002.jpg"]
    left_out = [(each.record, each.reason) for each in gallery.coverage.malformed]
    assert left_out == [(f"image {number}", "two records name one image") for number in (0, 2)]


def test_faults_of_other_splits_do_not_affect_a_gallery(tmp_path):
    gallery_files.general(tmp_path)
    file = tmp_path / "flickr8k" / "dataset_flickr8k.json"
    document = json.loads(file.read_text())
    document["images"][2]["sentences"] = None
    sample_files.put(file, document)
    gallery = reader("retrieval_flickr8k").load(DataRoot(tmp_path), Options())
    assert len(gallery.images) == 2 and not gallery.coverage.malformed
