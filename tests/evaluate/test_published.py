"""Published benchmarks read from files in their authors' formats: items, exclusions and refusals."""

import json
from dataclasses import replace
from pathlib import Path

import benchmark_files
import pytest
import sample_files

from nearmiss.base.errors import InputError
from nearmiss.engine.benchmarks import builder as builder_module
from nearmiss.engine.benchmarks.benchmark import ItemBenchmark, Options
from nearmiss.engine.benchmarks.builder import ItemBuilder, counted
from nearmiss.engine.benchmarks.data_root import DataRoot, moves
from nearmiss.engine.benchmarks.registry import reader
from nearmiss.engine.benchmarks.spec import BENCHMARKS

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "published_items.json"
KINDS = {
    "world",
    "retrieval",
    "classification",
    "cifar10",
    *(f"retrieval_{name}" for name in ("coco", "flickr30k", "flickr8k", "negbench", "negbench_negated")),
}
"""Benchmarks that are not read from records into items."""
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


def read(root: Path, name: str) -> ItemBenchmark:
    found = reader(name).load(DataRoot(root), Options(tagger="lexicon"))
    assert isinstance(found, ItemBenchmark)
    return found


@pytest.mark.usefixtures("lexicon")
def test_first_items_equal_the_golden_file(root):
    found = {name: first_items(root, name) for name in sorted(BENCHMARKS) if name not in KINDS}
    assert found == json.loads(GOLDEN.read_text(encoding="utf-8"))


def first_items(root: Path, name: str) -> list[dict[str, object]]:
    """The first items in the order of the files, those that the measurement excludes among them."""
    published = reader(name)
    builder = ItemBuilder(published.card, DataRoot(root), Options(tagger="lexicon"))
    published.add_items(builder)
    columns = ("item_id", "subset", "concept", "operator", "images", "captions", "truth", "crop", "stratum")
    return [{column: row[column] for column in columns} for row in builder.rows[:SHOWN]]


def test_every_benchmark_file_is_short():
    modules = {entry.partition(":")[0] for entry in BENCHMARKS.values()} - {"world", "karpathy", "image_folders"}
    for module in sorted(modules):
        file = Path(builder_module.__file__).with_name(f"{module}.py")
        assert len(file.read_text(encoding="utf-8").splitlines()) <= 130, module


def test_the_registry_names_every_benchmark_by_its_card():
    for name in BENCHMARKS:
        assert reader(name).card.name == name
    with pytest.raises(InputError, match="no benchmark is called 'sugar_crepe'") as refused:
        reader("sugar_crepe")
    assert "sugarcrepe" in refused.value.remedy


def test_aro_leaves_out_symmetric_relations_and_rare_pairs_of_attributes(root):
    benchmark = read(root, "aro")
    assert set(benchmark.items["stratum"]) == {"eating", "holding", "paved_white"}


def test_vl_checklist_released_mode_uses_the_first_items_of_each_file(root):
    benchmark = read(root, "vl_checklist")
    rule = benchmark.card.rules(released=True)
    assert rule.max_items == 1000
    items = counted(benchmark.items, replace(rule, max_items=1))
    assert items.height == items["subset"].n_unique() == 3


def test_indistinguishable_items_are_named(root):
    assert len(read(root, "sugarcrepe").coverage.equal_captions) == 7
    assert len(read(root, "vl_checklist").coverage.equal_captions) == 3


def test_valse_uses_items_with_annotator_agreement(root):
    benchmark = read(root, "valse")
    assert benchmark.coverage.excluded == {"fewer than two annotators chose the caption": 6}
    assert benchmark.items.height == 6


def test_inpaintcoco_counts_rows_that_cannot_be_used(root):
    benchmark = read(root, "inpaintcoco")
    assert sorted(each.reason for each in benchmark.coverage.malformed) == ["degenerate mask", "empty caption"]
    assert benchmark.embedded.keys() == {image for (one, two) in benchmark.items["images"] for image in (one, two)}


def test_one_word_has_no_permutation(root, lexicon):
    assert read(root, "aro_order").coverage.excluded == {"a caption that reads the same in every order": 1}


def test_word_order_needs_a_tagger(root):
    with pytest.raises(InputError, match="needs a tagger"):
        reader("aro_order").load(DataRoot(root), Options())


def test_eccv_adds_positives_to_the_original_ones(root):
    gallery = reader("retrieval_coco").load(DataRoot(root), Options())
    assert gallery.own.tolist() == [[True, True, False, False], [False, False, True, True]]
    assert gallery.right.tolist() == [[True, True, False, False], [True, False, True, True]]


def test_classes_have_a_prompt_for_each_template(root):
    (task,) = reader("imagefolder/animals").load(DataRoot(root), Options()).tasks
    assert task.prompts[1] == ["a photo of a dog.", "a drawing of a dog."]
    assert task.labels == [0, 1]


def test_cifar_is_read_without_unpickling(root):
    benchmark = reader("cifar10").load(DataRoot(root), Options())
    (task,) = benchmark.tasks
    assert task.labels == [0, 1, 2]
    first = benchmark.embedded[task.images[0]].open()
    assert (sample_files.noise(0) == first).all()


def test_folders_of_a_data_root_can_be_moved(tmp_path):
    folders = DataRoot(tmp_path, moves(["coco/val2017=/data/coco", "coco=/other"]))
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
def test_a_file_with_another_schema_is_refused_with_its_record(tmp_path, name, path, content, words):
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=words):
        read(tmp_path, name)
