"""Images inside of tar archives: the index agrees with tarfile, and everything that opens images reads members."""

import io
import tarfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import source_files
from nearmiss.base.errors import InputError
from nearmiss.base.manifest import verify_files
from nearmiss.engine.images import members
from nearmiss.engine.images.decode import check_images, open_rgb
from nearmiss.engine.images.store import Store, write_store
from nearmiss.engine.scoring.contents import contents

NAMES = st.text(st.sampled_from("abc.é_"), min_size=1, max_size=120).filter(lambda name: name.strip("."))
FORMATS = st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return source_files.put_shard(tmp_path / "0.tar", {"a/1.png": source_files.image(1, ".png"), "b.txt": b"text"})


@given(files=st.dictionaries(NAMES, st.binary(max_size=1500), max_size=6), form=FORMATS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_members_are_read_as_tarfile_reads_them(tmp_path: Path, files: dict[str, bytes], form: int):
    path = tmp_path / "any.tar"
    with tarfile.open(path, "w", format=form) as made:
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        made.addfile(folder)
        for name, content in files.items():
            if form == tarfile.USTAR_FORMAT and len(name.encode()) > 100:
                continue
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            made.addfile(entry, io.BytesIO(content))
    with tarfile.open(path) as read:
        expected = {entry.name: read.extractfile(entry).read() for entry in read if entry.isreg()}  # type: ignore[union-attr]
    members._index.cache_clear()
    index = members.archive_index(path)
    assert index.flaw is None and set(index.members) == set(expected)
    assert {name: members.read_content(Path(f"{path}//{name}")) for name in expected} == expected


def test_a_path_is_split_at_the_archive(archive: Path):
    root = archive.parent
    assert members.split_member(root / "0.tar//a/1.png") == (archive, "a/1.png")
    assert members.split_member(archive) is None and members.split_member(root / "1.tar" / "a.png") is None
    (root / "folder.tar").mkdir()
    (root / "folder.tar" / "x.png").write_bytes(b"1")
    assert members.read_content(root / "folder.tar" / "x.png") == b"1"


def test_everything_that_opens_images_opens_members(archive: Path):
    root, file = archive.parent, "0.tar//a/1.png"
    size = {"width": [source_files.WIDTH], "height": [source_files.HEIGHT]}
    check_images(pl.DataFrame({"image_id": ["1"], "file": [file], **size}), root)
    image = open_rgb(root / file)
    assert image.size == (source_files.WIDTH, source_files.HEIGHT)
    found = contents({"one": root / file, "none": root / "0.tar//c.png"}, root / "cache")
    assert set(found) == {"one"} and found["one"].size == image.size
    assert found["one"].digest == members.content_sha256(root / file)
    assert verify_files(root, [file], members.content_sha256)
    resize = lambda image: np.asarray(image.resize((8, 8)))  # noqa: E731
    write_store(root, ["1"], [root / file], 8, resize, state=root / "state")
    assert Store(root).ids == ["1"]


def test_a_replaced_archive_is_read_again(archive: Path):
    file = archive.parent / "0.tar//b.txt"
    assert members.read_content(file) == b"text"
    source_files.put_shard(archive, {"b.txt": b"another text"})
    assert members.read_content(file) == b"another text"


@pytest.mark.parametrize("cut", [200, 700, 1600])
def test_a_truncated_archive_gives_the_members_before_the_damage(tmp_path: Path, cut: int):
    path = source_files.put_shard(tmp_path / "0.tar", {"a": b"1" * 600, "b": b"2" * 600})
    content = path.read_bytes()
    path.write_bytes(content[:cut])
    if cut == 200:
        with pytest.raises(InputError, match="no tar archive"):
            members.archive_index(path)
        return
    index = members.archive_index(path)
    assert index.flaw == "the archive is truncated" and set(index.members) == ({"a"} if cut == 1600 else set())


def test_an_invalid_archive_is_refused(tmp_path: Path):
    with tarfile.open(tmp_path / "0.tar", "w:gz"):
        pass
    with pytest.raises(InputError, match="an archive is compressed"):
        members.archive_index(tmp_path / "0.tar")
    with pytest.raises(InputError, match="an archive cannot be read"):
        members.archive_index(tmp_path / "1.tar")
    with pytest.raises(InputError, match="an image is missing"):
        open_rgb(source_files.put_shard(tmp_path / "2.tar", {"a": b""}) / "b.png")
