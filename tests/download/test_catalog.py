"""The catalog: every file of every benchmark is in it once, and a file of the user's own is checked."""

import json

import pytest
from published import entry

from nearmiss.base.errors import InputError
from nearmiss.engine.benchmarks.registry import reader
from nearmiss.engine.benchmarks.spec import BENCHMARKS, OWN
from nearmiss.engine.downloads.catalog import covers, load_catalog, providers, with_needs

CATALOG = load_catalog()
PUBLISHED = [name for name in BENCHMARKS if name not in OWN or name == "inpaintcoco"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_file_and_folder_of_a_benchmark_is_provided_by_one_entry(name):
    card = reader(name).card
    for wanted in (*card.files, *card.images):
        found = providers(wanted, CATALOG)
        assert len(found) == 1, (wanted, [each.name for each in found])


def test_no_two_entries_write_to_one_path():
    paths = [file.path for each in CATALOG.values() for file in each.files]
    provided = [path for each in CATALOG.values() for path in set(each.provides)]
    assert len(set(paths)) == len(paths) and len(set(provided)) == len(provided)


def test_every_file_of_github_is_named_by_commit_and_has_its_hash():
    for each in CATALOG.values():
        for file in each.files:
            if file.urls[0].startswith("https://raw.githubusercontent.com/"):
                assert len(file.urls[0].split("/")[5]) == 40
                assert file.sha256 or file.path == "crepe/prod_hard_negatives.zip" or "vl_checklist" in file.path


@pytest.mark.parametrize(
    ("provided", "wanted", "answer"),
    [
        ("coco/val2017", "coco/val2017", True),
        ("coco/val2017", "coco/val2017/1.jpg", True),
        ("coco/val2017", "coco/val20", False),
        ("valse/data/existence.json", "valse/data/*.json", True),
        ("valse/data/existence.json", "valse/images", False),
        ("crepe/a_4.csv", "crepe/**/a_*.csv", True),
        ("crepe/atom/a_4.csv", "crepe/**/a_*.csv", True),
    ],
)
def test_covering_entries_are_found(provided, wanted, answer):
    assert covers(provided, wanted) is answer


def test_needed_entries_come_first():
    assert [each.name for each in with_needs(["aro_order"], CATALOG)] == [
        "coco_2014_val_images",
        "flickr30k_images_for_aro",
        "aro_order",
    ]


def test_an_unknown_name_is_refused_with_similar_ones():
    with pytest.raises(InputError, match=r"(?s)no entry 'sugarcrep'.*choose from: .*sugarcrepe"):
        with_needs(["sugarcrep"], CATALOG)


def test_own_entries_are_added_or_replace_others(tmp_path):
    file = tmp_path / "own.yaml"
    own = {"path": "mine.json", "urls": ["https://example.org/mine.json"]}
    file.write_text(json.dumps({"mine": entry(own, needs=["cifar10"]), "cola": entry(own)}))
    found = load_catalog(file)
    assert set(found) == {*CATALOG, "mine"} and found["cola"].title == "a test"


FILE = {"path": "a.json", "urls": ["https://example.org/a.json"]}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("[1]", "a catalog is a map"),
        ("a: [", "malformed YAML"),
        ("a: 1", "an entry is a map"),
        (json.dumps({"a": entry()}), "either 'files' or 'by_hand'"),
        (json.dumps({"A b": entry(FILE)}), "A b.name"),
        (json.dumps({"a": entry(FILE, needs=["b"])}), "no entry 'b'"),
        (json.dumps({"a": entry({**FILE, "sha": "1"})}), "a.files.0.sha"),
        (json.dumps({"a": entry({**FILE, "sha256": "1"})}), "a.files.0.sha256"),
        (json.dumps({"a": entry({**FILE, "path": "../a.json"})}), "relative"),
        (json.dumps({"a": entry({**FILE, "path": "/a.json"})}), "relative"),
        (json.dumps({"a": entry({**FILE, "path": ".nearmiss/a.json"})}), "outside of .nearmiss"),
        (json.dumps({"a": entry({**FILE, "urls": ["ftp://example.org/a"]})}), "not an http or https address"),
        (json.dumps({"a": entry({**FILE, "unpack": "zip"})}), "names what it provides"),
        (json.dumps({"a": entry({**FILE, "members": {"a": "../b"}})}), "belong to an archive"),
    ],
)
def test_a_malformed_catalog_is_refused_with_its_key(tmp_path, document, words):
    file = tmp_path / "own.yaml"
    file.write_text(document)
    with pytest.raises(InputError) as refused:
        load_catalog(file)
    assert words in str(refused.value) and (str(file) in str(refused.value))
