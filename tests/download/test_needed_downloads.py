"""What an experiment downloads: entries of its data source and its benchmarks, checked before any job starts."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from nearmiss.base.errors import InputError
from nearmiss.config import resolve
from nearmiss.downloads import check_downloads, needed_downloads
from nearmiss.engine.downloads.receipts import receipt_file

ARMS = {"base": {"objective": [{"term": "contrastive"}], "num_negatives": 0}}
COCO = {"name": "coco", "captions": "annotations/captions_val2017.json", "download": ["coco_2017_val_images"]}


@pytest.fixture(autouse=True)
def much_space(monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10**13))


def experiment(root: Path, *benchmarks: str, source: dict | None = None, missing: str = "report", **download: object):
    return resolve(
        {
            "experiment": "x",
            "data": {"source": source or {"name": "world"}},
            "arms": ARMS,
            "compare": {"controls": []},
            "inpaint": {"operations": []},
            "finetune": {"tasks": []},
            "robustness": {"corruptions": []},
            "evaluate": {"benchmarks": list(benchmarks) or ["retrieval"], "missing": missing},
            "download": {"root": str(root), "accept": ["all"], **download},
        }
    )


def test_benchmarks_are_read_from_the_folder_of_downloads(tmp_path):
    assert experiment(tmp_path, "sugarcrepe").evaluate.data_root == str(tmp_path)
    assert experiment(tmp_path).evaluate.data_root is None


def test_a_benchmark_needs_the_entries_of_its_files_and_images(tmp_path):
    needed = needed_downloads(experiment(tmp_path, "sugarcrepe"))
    assert needed.evaluate == needed.jobs == {"sugarcrepe", "coco_2017_val_images"}
    assert not needed.robustness and not needed.source
    assert needed.receipts(needed.evaluate) == sorted(str(receipt_file(tmp_path, name)) for name in needed.jobs)


def test_benchmarks_whose_images_are_excluded_from_training_are_downloaded_first(tmp_path):
    source = {**COCO, "root": str(tmp_path / "coco")}
    needed = needed_downloads(experiment(tmp_path, "sugarcrepe", source=source))
    assert needed.held_out == needed.evaluate == {"sugarcrepe", "coco_2017_val_images"}


def test_a_source_needs_the_entries_that_it_declares(tmp_path):
    needed = needed_downloads(experiment(tmp_path, source={**COCO, "root": str(tmp_path / "coco")}))
    assert needed.source == needed.jobs == {"coco_2017_val_images"}
    assert needed.provides(tmp_path / "coco" / "val2017")
    assert not needed.provides(tmp_path / "coco" / "annotations" / "captions_val2017.json")
    assert not needed.provides(Path("/elsewhere/coco/val2017"))


def test_a_source_accepts_missing_files_only_where_they_are_downloaded(tmp_path):
    given = experiment(tmp_path, source={**COCO, "root": str(tmp_path / "coco")})
    with pytest.raises(InputError, match="no file of captions"):
        given.data.source.check(needed_downloads(given).provides)
    with pytest.raises(InputError, match="no folder of images"):
        given.data.source.check()


def test_files_of_the_user_have_no_download_job(tmp_path):
    image = tmp_path / "coco" / "val2017" / "1.jpg"
    image.parent.mkdir(parents=True)
    image.write_bytes(b"1")
    given = experiment(tmp_path, "sugarcrepe")
    assert needed_downloads(given).jobs == {"sugarcrepe"}
    receipt = receipt_file(tmp_path, "coco_2017_val_images")
    receipt.parent.mkdir(parents=True)
    receipt.write_text(json.dumps({}))
    assert needed_downloads(given).jobs == {"sugarcrepe", "coco_2017_val_images"}


def test_without_a_root_nothing_is_downloaded(tmp_path):
    given = resolve({"experiment": "x"})
    assert given.download.root is None
    assert not needed_downloads(given).entries
    check_downloads(given, needed_downloads(given))


def test_all_faults_are_in_one_message(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10**9))
    given = experiment(tmp_path, "winoground", "retrieval_flickr30k", "retrieval_coco", accept=["winoground"])
    with pytest.raises(InputError) as refused:
        check_downloads(given, needed_downloads(given))
    message = str(refused.value)
    for words in (
        "license not accepted: karpathy_splits",
        "token missing: winoground",
        "to fetch by hand: flickr30k_images: Fill in the form",
        "flickr30k/images",
        "too little disk space",
        "--accept karpathy_splits coco_2014_val_images",
    ):
        assert words in message


@pytest.mark.parametrize("missing", ["allow", "report"])
def test_manual_downloads_can_be_optional(tmp_path, missing):
    given = experiment(tmp_path, "retrieval_flickr30k", missing=missing)
    if missing == "allow":
        check_downloads(given, needed_downloads(given))
    else:
        with pytest.raises(InputError, match="to fetch by hand: flickr30k_images"):
            check_downloads(given, needed_downloads(given))


def test_images_that_no_item_needs_may_be_missing(tmp_path):
    given = experiment(tmp_path, "valse")
    assert "visdial_images" in needed_downloads(given).evaluate
    check_downloads(given, needed_downloads(given))


def test_a_receipt_whose_files_are_gone_is_removed(tmp_path):
    receipt = receipt_file(tmp_path, "sugarcrepe")
    receipt.parent.mkdir(parents=True)
    receipt.write_text(json.dumps({}))
    given = experiment(tmp_path, "sugarcrepe")
    check_downloads(given, needed_downloads(given))
    assert not receipt.exists()


def test_an_unknown_entry_is_refused(tmp_path):
    source = {**COCO, "root": str(tmp_path), "download": ["coco_2018"]}
    with pytest.raises(InputError, match="no entry 'coco_2018'"):
        needed_downloads(experiment(tmp_path, source=source))
