"""Entries of a catalog: needs, licenses, receipts, trust on first use, and what is not downloaded twice."""

import json
import os
import shutil
import signal
import subprocess
from random import Random
from types import SimpleNamespace

import pytest
from published import entry, remote, tarred, write_catalog, zipped

from nearmiss.base.errors import InputError
from nearmiss.base.files import sha256
from nearmiss.engine.downloads.catalog import load_catalog
from nearmiss.engine.downloads.download import download
from nearmiss.engine.downloads.plan import plan_of
from nearmiss.engine.downloads.receipts import checksums_file, read_receipt, receipt_file

IMAGES = {f"val/{number}.jpg": Random(number).randbytes(100_000) for number in range(8)}
ZIP = {"unpack": "zip", "into": "c", "provides": ["c/val"]}
LABELS = b'{"labels": []}'


@pytest.fixture
def catalog(server, tmp_path):
    """An entry of a file without a hash, and the archives that it needs."""
    (tmp_path / "root").mkdir()
    images = remote(server, "c/val.zip", zipped(IMAGES), **ZIP)
    more = remote(
        server, "c/more.tar.gz", tarred({"9.jpg": b"9"}), unpack="tar", into="c/val", provides=["c/val/9.jpg"]
    )
    labels = remote(server, "labels.json", LABELS, known=False)
    entries = {"images": entry(images, more), "labels": entry(labels, needs=["images"])}
    return write_catalog(tmp_path / "catalog.json", entries)


def run(catalog, tmp_path, network, names=("labels",), **options):
    options = {"accept": ["all"], **options}
    return download(list(names), tmp_path / "root", catalog=load_catalog(catalog), network=network, **options)


def tree(root):
    return {path.relative_to(root).as_posix(): sha256(path) for path in sorted(root.rglob("*")) if path.is_file()}


def without_locks(files):
    return {name: digest for name, digest in files.items() if "/locks/" not in name}


def test_needed_entries_come_with_it_and_nothing_is_downloaded_twice(server, network, catalog, tmp_path):
    done = run(catalog, tmp_path, network)
    root = tmp_path / "root"
    assert {name: (root / "c" / name).read_bytes() for name in IMAGES} == IMAGES
    assert (root / "labels.json").read_bytes() == LABELS and (root / "c" / "val" / "9.jpg").is_file()
    assert not (root / "c" / "val.zip").exists() and not (root / ".nearmiss" / "unpack" / "images").exists()
    assert [each.name for each in done.plan.todo] == ["images", "labels"]
    before, requests = tree(root), len(server.requests)
    assert run(catalog, tmp_path, network, accept=[], offline=True).plan.todo == []
    assert tree(root) == before and len(server.requests) == requests


def test_a_receipt_has_files_hashes_addresses_and_the_accepted_license(server, network, catalog, tmp_path):
    run(catalog, tmp_path, network)
    receipt = read_receipt(tmp_path / "root", "images")
    assert receipt["license_accepted"] == "MIT"
    assert [file["url"] for file in receipt["files"]] == [server.url("c/more.tar.gz"), server.url("c/val.zip")]
    assert receipt["unpacked"]["c/val.zip"] == {"files": 8, "bytes": 800_000}


def test_archives_are_kept_on_request(network, catalog, tmp_path):
    run(catalog, tmp_path, network, keep_archives=True)
    assert (tmp_path / "root" / "c" / "val.zip").is_file()


def test_a_license_that_is_not_accepted_stops_everything(server, network, catalog, tmp_path):
    with pytest.raises(InputError) as refused:
        run(catalog, tmp_path, network, accept=["labels"])
    assert "license not accepted: images" in str(refused.value) and "license not accepted: labels" not in str(
        refused.value
    )
    assert not server.requests and not list((tmp_path / "root").iterdir())


def test_the_hash_of_the_first_download_is_required_later(server, network, catalog, tmp_path):
    first = run(catalog, tmp_path, network)
    assert list(first.recorded) == ["labels.json"]
    root = tmp_path / "root"
    (root / "labels.json").unlink()
    server.files["labels.json"].body = b"another version"
    with pytest.raises(InputError, match=r"expected .*\n.*\n.*\n.*checksums.tsv"):
        run(catalog, tmp_path, network)
    lines = checksums_file(root).read_text().splitlines()
    checksums_file(root).write_text("\n".join(line for line in lines if "labels" not in line) + "\n")
    assert run(catalog, tmp_path, network).recorded["labels.json"].bytes == 15


def test_files_of_the_user_count_as_present(server, network, catalog, tmp_path):
    for name, content in {**IMAGES, "val/9.jpg": b"mine"}.items():
        path = tmp_path / "root" / "c" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert [each.name for each in run(catalog, tmp_path, network).plan.todo] == ["labels"]
    assert server.paths() == ["labels.json"]


def test_an_archive_of_the_user_is_used_and_kept(server, network, catalog, tmp_path):
    archive = tmp_path / "root" / "c" / "val.zip"
    archive.parent.mkdir(parents=True)
    archive.write_bytes(server.files["c/val.zip"].body)
    run(catalog, tmp_path, network)
    assert archive.is_file() and "c/val.zip" not in server.paths()


def test_a_different_file_in_place_of_an_archive_is_refused(network, catalog, tmp_path):
    archive = tmp_path / "root" / "c" / "val.zip"
    archive.parent.mkdir(parents=True)
    archive.write_bytes(b"mine")
    with pytest.raises(InputError, match="not the published one"):
        run(catalog, tmp_path, network)
    assert archive.read_bytes() == b"mine"


def test_a_mirror_is_tried_first(server, network, catalog, tmp_path):
    server.files["mirror/labels.json"] = server.files["labels.json"]
    run(catalog, tmp_path, network, mirror=server.url("mirror/"))
    assert "mirror/labels.json" in server.paths() and "labels.json" not in server.paths()
    assert "c/val.zip" in server.paths()  # the mirror has no archive


def test_offline_names_what_is_missing(network, catalog, tmp_path):
    with pytest.raises(InputError, match="offline, and files are missing: images, labels"):
        run(catalog, tmp_path, network, offline=True)


def test_too_little_disk_space_is_refused_before_downloading(server, network, catalog, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1_000_000))
    with pytest.raises(InputError, match=r"too little disk space: 1.6 MB needed, 1 MB free"):
        run(catalog, tmp_path, network)
    assert not server.requests


def test_a_full_disk_is_reported_and_the_download_resumes(network, catalog, tmp_path, monkeypatch):
    real, calls = shutil.disk_usage, []

    def filling(path):
        calls.append(path)
        return real(path) if len(calls) == 1 else SimpleNamespace(free=1000)

    monkeypatch.setattr(shutil, "disk_usage", filling)
    with pytest.raises(InputError, match="too little space on the disk to unpack"):
        run(catalog, tmp_path, network)
    assert not (tmp_path / "root" / "c" / "val").exists()
    monkeypatch.undo()
    run(catalog, tmp_path, network)
    assert len(list((tmp_path / "root" / "c" / "val").iterdir())) == 9


def test_a_missing_permission_is_reported(network, catalog, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    (tmp_path / "root").chmod(0o500)
    with pytest.raises(InputError, match="no permission to write"):
        run(catalog, tmp_path, network)


def test_an_archive_without_cataloged_files_is_refused(server, network, catalog, tmp_path):
    wrong = entry(remote(server, "x.zip", zipped({"a": b"1"}), unpack="zip", into="x", provides=["x/b"]))
    write_catalog(catalog, {"wrong": wrong})
    with pytest.raises(InputError, match=r"(?s)promises.*x/b"):
        run(catalog, tmp_path, network, names=["wrong"])
    assert read_receipt(tmp_path / "root", "wrong") is None


def test_a_truncated_archive_is_downloaded_again(server, network, catalog, tmp_path):
    whole = server.files["c/val.zip"].body
    write_catalog(catalog, {"images": entry(remote(server, "c/val.zip", whole[:-40], known=False, **ZIP))})
    with pytest.raises(InputError, match="damaged or cut short"):
        run(catalog, tmp_path, network, names=["images"])
    server.files["c/val.zip"].body = whole
    run(catalog, tmp_path, network, names=["images"])
    assert len(list((tmp_path / "root" / "c" / "val").iterdir())) == 8


def test_the_plan_counts_remaining_downloads(server, catalog, tmp_path):
    entries = load_catalog(catalog)
    whole = plan_of([entries["images"]], tmp_path / "root")
    assert whole.fetch == sum(len(server.files[path].body) for path in ("c/val.zip", "c/more.tar.gz"))
    part = tmp_path / "root" / "c" / "val.zip.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"1" * 1000)
    assert plan_of([entries["images"]], tmp_path / "root").fetch == whole.fetch - 1000
    assert plan_of([entries["labels"]], tmp_path / "root").unsized == ["labels.json"]


# Ends the process without any cleaning up, before the Nth call that changes something on the disk or the Nth piece of a
# body that arrives; prints their number.
KILLED = """
import os, pathlib, sys
from pathlib import Path
from nearmiss.engine.downloads import fetch
from nearmiss.engine.downloads.catalog import load_catalog
from nearmiss.engine.downloads.download import download
calls, last = 0, int(sys.argv[3])
def count():
    global calls
    calls += 1
    if calls == last:
        os.kill(os.getpid(), 9)
def counted(function):
    def call(*arguments, **options):
        count()
        return function(*arguments, **options)
    return call
def arriving(response):
    for chunk in response.iter_content(fetch.CHUNK):
        count()
        yield chunk
for name in ("rename", "replace", "unlink", "mkdir", "open"):
    setattr(pathlib.Path, name, counted(getattr(pathlib.Path, name)))
fetch.CHUNK, fetch._chunks = 2**15, arriving
download(["labels"], Path(sys.argv[1]), catalog=load_catalog(Path(sys.argv[2])), accept=["all"])
print(calls)
"""


def test_downloads_killed_at_ten_steps_finish_with_the_same_bytes(network, catalog, tmp_path, python):
    (tmp_path / "killed.py").write_text(KILLED)

    def started(last: int) -> subprocess.CompletedProcess:
        shutil.rmtree(tmp_path / "root")
        (tmp_path / "root").mkdir()
        command = [python, "-P", str(tmp_path / "killed.py"), str(tmp_path / "root"), str(catalog), str(last)]
        return subprocess.run(command, check=False, capture_output=True, text=True)

    steps = int(started(0).stdout)
    expected = without_locks(tree(tmp_path / "root"))
    for step in Random(0).sample(range(1, steps), 10):
        assert started(step).returncode == -signal.SIGKILL
        run(catalog, tmp_path, network)
        assert without_locks(tree(tmp_path / "root")) == expected, step


def test_a_damaged_receipt_is_ignored(network, catalog, tmp_path):
    run(catalog, tmp_path, network)
    receipt_file(tmp_path / "root", "images").write_text("{")
    assert read_receipt(tmp_path / "root", "images") is None


def test_a_damaged_list_of_checksums_is_named(network, catalog, tmp_path):
    checksums_file(tmp_path / "root").parent.mkdir()
    checksums_file(tmp_path / "root").write_text("path\nlabels.json\n")
    with pytest.raises(InputError, match=r"(?s)checksums is malformed.*line 2"):
        run(catalog, tmp_path, network)


def test_a_receipt_is_json_without_a_date(network, catalog, tmp_path):
    run(catalog, tmp_path, network)
    assert set(json.loads(receipt_file(tmp_path / "root", "labels").read_text())) == {
        "name",
        "license_accepted",
        "files",
        "unpacked",
    }
