"""Published benchmarks read from files in their authors' formats: what is asked, what is left out, what is refused."""

import json
from pathlib import Path

import benchmark_files
import pytest

from nearmiss.base.errors import InputError
from nearmiss.engine.benchmarks import image_folders, karpathy
from nearmiss.engine.benchmarks.published import Folders, Sheet, filled, moves
from nearmiss.engine.benchmarks.registry import READERS
from nearmiss.engine.scoring.published import kept

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "published_items.json"
SHOWN = 20  # items of each benchmark that the golden file holds


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return benchmark_files.write(tmp_path_factory.mktemp("data"))


@pytest.fixture
def lexicon(monkeypatch):
    """The built-in tagger in place of a trained one, which a clean clone does not have."""
    from nearmiss.engine.benchmarks import aro_order
    from nearmiss.engine.text.tagging import tag

    monkeypatch.setattr(aro_order, "tag", lambda texts, pipeline: tag(texts))


def read(root: Path, name: str) -> Sheet:
    reader = READERS[name]
    return filled(reader.SOURCE, reader.fill, Folders(root, tagger="lexicon"))


@pytest.mark.usefixtures("lexicon")
def test_the_first_items_of_every_benchmark_are_the_golden_ones(root):
    found = {name: items(read(root, name)) for name in sorted(READERS)}
    assert found == json.loads(GOLDEN.read_text(encoding="utf-8"))


def items(sheet: Sheet) -> list[dict[str, object]]:
    columns = ("item_id", "subset", "concept", "operator", "images", "captions", "truth", "crop")
    frame = sheet.items().join(sheet.groups(), on="item_id").sort("place")
    return frame.select(*columns, "part", "stratum").head(SHOWN).to_dicts()


def test_every_benchmark_reads_its_file_in_a_hundred_lines():
    for reader in READERS.values():
        assert len(Path(reader.__file__).read_text(encoding="utf-8").splitlines()) <= 100, reader.__name__


def test_aro_leaves_out_symmetric_relations_and_rare_pairs_of_attributes(root):
    sheet = read(root, "aro")
    groups = kept(sheet.groups().with_row_index("item"), sheet.source.rule)
    assert set(groups["stratum"]) == {"eating", "holding", "paved_white"}


def test_vl_checklist_as_published_asks_the_first_items_of_each_file(root):
    sheet = read(root, "vl_checklist")
    rule = sheet.source.as_published
    assert rule.first == 1000
    from dataclasses import replace

    groups = kept(sheet.groups().with_row_index("item"), replace(rule, first=1))
    assert groups.height == groups["part"].n_unique() == 3


def test_items_that_cannot_be_told_apart_are_named(root):
    assert len(read(root, "sugarcrepe").alike) == 7
    assert len(read(root, "vl_checklist").alike) == 3


def test_valse_asks_what_annotators_agreed_on(root):
    sheet = read(root, "valse")
    assert sheet.left_out == {"fewer than two annotators chose the caption": 6}
    assert sheet.items().height == 6


def test_inpaintcoco_counts_rows_that_cannot_be_used(root):
    sheet = read(root, "inpaintcoco")
    assert sheet.left_out == {"empty caption": 1, "degenerate mask": 1}
    assert sheet.carried.keys() == {image for (one, two) in sheet.items()["images"] for image in (one, two)}


def test_one_word_has_no_other_order(root, lexicon):
    assert read(root, "aro_order").left_out == {"a caption that reads the same in every order": 1}


def test_order_needs_a_tagger(root):
    reader = READERS["aro_order"]
    with pytest.raises(InputError, match="needs a tagger"):
        filled(reader.SOURCE, reader.fill, Folders(root))


def test_eccv_adds_positives_to_the_original_ones(root):
    gallery = karpathy.read("retrieval_coco", Folders(root))
    assert gallery.own.tolist() == [[True, True, False, False], [False, False, True, True]]
    assert gallery.right.tolist() == [[True, True, False, False], [True, False, True, True]]


def test_classes_have_a_prompt_for_each_template(root):
    labelled = image_folders.read("imagefolder/animals", Folders(root))
    assert labelled.prompts[1] == ["a photo of a dog.", "a drawing of a dog."]
    assert labelled.labels == [0, 1]


def test_cifar_is_read_without_unpickling(root):
    labelled = image_folders.read("cifar10", Folders(root))
    assert labelled.labels == [0, 1, 2]
    first = labelled.carried[labelled.images[0]].opened()
    assert (benchmark_files.noise(0) == first).all()


def test_a_folder_may_lie_elsewhere(tmp_path):
    folders = Folders(tmp_path, moves(["coco/val2017=/data/coco", "coco=/other"]))
    assert folders.path("coco/val2017/1.jpg") == Path("/data/coco/1.jpg")
    assert folders.path("coco/annotations/a.json") == Path("/other/annotations/a.json")
    with pytest.raises(InputError, match="NAME=PATH"):
        moves(["coco"])


@pytest.mark.parametrize(
    ("name", "path", "content", "words"),
    [
        (
            "sugarcrepe",
            "sugarcrepe/data/swap_obj.json",
            '{"0": {"filename": "1.jpg", "caption": "A"}}',
            "negative_caption",
        ),
        ("sugarcrepe", "sugarcrepe/data/swap_obj.json", '{"0": {"filen', "swap_obj.json"),
        ("sugarcrepe", "sugarcrepe/data/swap_obj.json", "[]", "JSON object"),
        ("cola", "cola/COLA_multiobjects_matching_benchmark.json", '[["a", "b"]]', "cola"),
        ("crepe", "crepe/prod_vg_hard_negs_atom_complexity_4.csv", "a,b\n1,2\n", "lacks the columns"),
        ("vsr", "vsr/random/test.jsonl", '{"image": "a", "caption": "b", "label": 3}', "label is 3"),
        ("hnc", "hnc/hnc_test.json", '{"1": {"captions": {"0": {"caption": "a", "label": 2}}}}', "label"),
        ("aro", "aro/visual_genome_relation.json", '[{"true_caption": "a"}]', "false_caption"),
    ],
)
def test_a_file_of_another_form_is_refused_with_its_record(tmp_path, name, path, content, words):
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.write_text(content, encoding="utf-8")
    reader = READERS[name]
    with pytest.raises(InputError, match=words):
        filled(reader.SOURCE, reader.fill, Folders(tmp_path))
