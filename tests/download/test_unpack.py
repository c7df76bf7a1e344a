"""Archives of unknown origin: what is unsafe, damaged or too large is refused in one message, and nothing is moved."""

import tarfile
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from published import tarred, zipped

from nearmiss.base.errors import InputError
from nearmiss.engine.downloads.unpack import move_into, unpack

PLENTY = 2**40


def unpacked(tmp_path: Path, content: bytes, kind: str, members: dict[str, str] | None = None, free: int = PLENTY):
    archive = tmp_path / f"archive.{kind}"
    archive.write_bytes(content)
    found = unpack(archive, kind, tmp_path / "staging", members or {}, free=free)
    move_into(tmp_path / "staging", tmp_path / "root")
    return found


def tree(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("kind", "make"), [("zip", zipped), ("tar", tarred)])
def test_members_keep_their_paths(tmp_path, kind, make):
    members = {"a/b.txt": b"one", "c.txt": b"two"}
    found = unpacked(tmp_path, make(members), kind)
    assert tree(tmp_path / "root") == members
    assert (found.files, found.bytes) == (2, 6)


def test_members_are_chosen_and_placed(tmp_path):
    members = {
        "p-1/data/x/a.json": b"1",
        "p-1/README": b"2",
        "VG/7.jpg": b"3",
        "list.json": b"4",
        "__MACOSX/8.jpg": b"",
    }
    unpacked(tmp_path, zipped(members), "zip", {"p-1/data": "data", "*.jpg": "images", "list.json": "coco/list.json"})
    assert tree(tmp_path / "root") == {"data/x/a.json": b"1", "images/7.jpg": b"3", "coco/list.json": b"4"}


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def device() -> tarfile.TarInfo:
    info = tarfile.TarInfo("null")
    info.type, info.devmajor, info.devminor = tarfile.CHRTYPE, 1, 3
    return info


def zip_link() -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("link")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("kind", "content", "words"),
    [
        pytest.param("zip", zipped({"../x": b"1"}), "leaves the folder", id="zip-parent"),
        pytest.param("zip", zipped({"a/../../x": b"1"}), "leaves the folder", id="zip-inner-parent"),
        pytest.param("zip", zipped({"/tmp/x": b"1"}), "leaves the folder", id="zip-absolute"),
        pytest.param("zip", zipped({"a\\..\\x": b"1"}), "leaves the folder", id="zip-backslashes"),
        pytest.param("zip", zip_link(), "a link or a device", id="zip-link"),
        pytest.param("zip", zipped({"a": b"\0" * 50_000_000}), "expands to more than 100 times", id="zip-bomb"),
        pytest.param("zip", zipped({"a": b"1" * 1000})[:-30], "damaged or cut short", id="zip-truncated"),
        pytest.param("zip", b"<html>", "damaged or cut short", id="zip-html"),
        pytest.param("tar", tarred({"../x": b"1"}), "leaves the folder", id="tar-parent"),
        pytest.param("tar", tarred({"/x": b"1"}), "leaves the folder", id="tar-absolute"),
        pytest.param("tar", tarred({}, link("a", "/etc/passwd")), "a link or a device", id="tar-link"),
        pytest.param(
            "tar", tarred({"a": b"1"}, link("b", "../../x", tarfile.LNKTYPE)), "a link or a device", id="tar-hard-link"
        ),
        pytest.param("tar", tarred({}, device()), "a link or a device", id="tar-device"),
        pytest.param("tar", tarred({"a": b"\0" * 50_000_000}), "expands to more than 100 times", id="tar-bomb"),
        pytest.param("tar", tarred({"a": b"12345" * 9999})[:-30], "damaged or cut short", id="tar-truncated"),
        pytest.param("tar", tarred({"a": b"1"})[:-4], "damaged or cut short", id="tar-truncated-at-its-end"),
        pytest.param("tar", tarred({"a": b"1", "./a": b"2"}), "have one path", id="tar-twice"),
    ],
)
def test_an_unsafe_archive_is_refused(tmp_path, kind, content, words):
    with pytest.raises(InputError, match=words):
        unpacked(tmp_path, content, kind)
    assert {path.name for path in tmp_path.iterdir()} <= {f"archive.{kind}", "staging"}


def test_an_archive_without_the_expected_members_is_refused(tmp_path):
    with pytest.raises(InputError, match="none of the files"):
        unpacked(tmp_path, zipped({"a": b"1"}), "zip", {"b": "b"})


def test_too_little_space_is_found_while_unpacking(tmp_path):
    with pytest.raises(InputError, match="too little space"):
        unpacked(tmp_path, zipped({"a": b"1" * 100}), "zip", free=50)


def test_a_file_of_the_user_is_not_replaced(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "b").write_text("mine")
    with pytest.raises(InputError, match="differs from the downloaded one"):
        unpacked(tmp_path, zipped({"a": b"1", "b": b"2"}), "zip")
    assert tree(tmp_path / "root") == {"b": b"mine"}


def test_folders_are_merged(tmp_path):
    (tmp_path / "root" / "images").mkdir(parents=True)
    (tmp_path / "root" / "images" / "1.jpg").write_bytes(b"1")
    unpacked(tmp_path, zipped({"images/1.jpg": b"1", "images/2.jpg": b"2"}), "zip")
    assert tree(tmp_path / "root") == {"images/1.jpg": b"1", "images/2.jpg": b"2"}
