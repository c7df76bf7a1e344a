"""Files of pixels: a full disk is an error and never the end of the process, and a damaged file is never read."""

import errno
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import toy_training as toy
from PIL import Image

from nearmiss.base.errors import InputError
from nearmiss.base.seeding import array_rng
from nearmiss.engine.images.decode import open_rgb
from nearmiss.engine.images.pixels import open_pixels, write_pixels
from nearmiss.engine.images.store import IDS, PIXELS, Store, write_store
from nearmiss.stages.pretrain import store

SHAPE = (5, 4, 4, 3)


def drawn():
    return array_rng(0, "pixels").integers(0, 256, SHAPE, dtype=np.uint8)


def write(file, shape, rows):
    """Write all rows in one call."""
    write_pixels(file, shape, "", lambda start: iter(rows[start:]))


def opened(file):
    return open_pixels(file, what="the pixels", remedy="make them again")


def test_pixel_files_are_npy_files_and_are_read_back(tmp_path):
    write(tmp_path / "ours.npy", SHAPE, drawn())
    np.save(tmp_path / "theirs.npy", drawn())
    assert (tmp_path / "ours.npy").read_bytes() == (tmp_path / "theirs.npy").read_bytes()
    found = opened(tmp_path / "ours.npy")
    assert np.array_equal(found, drawn()) and isinstance(found, np.memmap)


def test_disk_space_is_allocated_before_the_first_image_is_decoded(toy_files, tmp_path, monkeypatch):
    def full(handle, start, size):
        assert size >= toy.IMAGES * 24 * 24 * 3
        raise OSError(errno.ENOSPC, "No space left on device")

    def never(*_):
        raise AssertionError("an image was decoded")

    monkeypatch.setattr(os, "posix_fallocate", full)
    monkeypatch.setattr("nearmiss.engine.images.store.open_rgb", never)
    images = toy_files / "tables" / "images.parquet"
    with pytest.raises(OSError, match="No space left"):
        store.run(
            config=toy.CONFIG, images=images, root=toy_files, out=tmp_path / "store", state=tmp_path / "store-state"
        )
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("support", ["none", "refused"])
def test_bytes_are_the_same_without_preallocation(tmp_path, monkeypatch, support):
    def unsupported(*_):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    if support == "none":
        monkeypatch.delattr(os, "posix_fallocate")
    else:
        monkeypatch.setattr(os, "posix_fallocate", unsupported)
    write(tmp_path / "pixels.npy", SHAPE, drawn())
    assert np.array_equal(np.load(tmp_path / "pixels.npy"), drawn())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_an_error_without_preallocation(monkeypatch):
    monkeypatch.delattr(os, "posix_fallocate")
    with pytest.raises(OSError, match="No space left"):
        write(Path("/dev/full"), (2, 300, 300, 3), np.zeros((2, 300, 300, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    "rows", [drawn()[:4], np.concatenate([drawn(), drawn()[:1]]), drawn()[:, :3], drawn().astype(np.float32)]
)
def test_rows_of_another_shape_or_type_are_refused(tmp_path, rows):
    with pytest.raises(ValueError, match="row"):
        write(tmp_path / "pixels.npy", SHAPE, rows)


def test_every_flipped_bit_of_the_header_is_reported_or_has_no_effect(tmp_path):
    file = tmp_path / "pixels.npy"
    write(file, SHAPE, drawn())
    content = file.read_bytes()
    for place in range(len(content) - drawn().nbytes):
        for bit in range(8):
            damaged = bytearray(content)
            damaged[place] ^= 1 << bit
            file.write_bytes(damaged)
            try:
                found = opened(file)
                assert np.array_equal(found, drawn())
            except InputError as error:
                assert str(file) in str(error)


@pytest.mark.parametrize("length", [0, 5, 60, 128, 300, -1])
def test_a_truncated_file_is_reported(tmp_path, length):
    file = tmp_path / "pixels.npy"
    write(file, SHAPE, drawn())
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(InputError, match="the pixels do not load"):
        opened(file)


def test_a_file_with_additional_bytes_is_reported(tmp_path):
    write(tmp_path / "pixels.npy", SHAPE, drawn())
    with (tmp_path / "pixels.npy").open("ab") as handle:
        handle.write(b"\0")
    with pytest.raises(InputError, match="bytes"):
        opened(tmp_path / "pixels.npy")


OTHER = {
    "objects": np.array([{"a": 1}], dtype=object),
    "floats": np.zeros(SHAPE, dtype=np.float32),
    "signed": np.zeros(SHAPE, dtype=np.int8),
    "by columns": np.asfortranarray(drawn()),
}


@pytest.mark.parametrize("kind", OTHER)
def test_an_array_of_another_type_is_refused(tmp_path, kind):
    np.save(tmp_path / "pixels.npy", OTHER[kind])
    with pytest.raises(InputError, match="the pixels do not load"):
        opened(tmp_path / "pixels.npy")


def test_an_archive_of_arrays_is_refused(tmp_path):
    with (tmp_path / "pixels.npy").open("wb") as handle:
        np.savez(handle, drawn())
    with pytest.raises(InputError, match="the pixels do not load"):
        opened(tmp_path / "pixels.npy")


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ({"a": 1}, "list of strings"),
        ([1, 2], "list of strings"),
        (["train-00"] * toy.IMAGES, "twice"),
        (["train-00"], "for 1 ids"),
    ],
)
def test_ids_that_do_not_match_the_rows_are_refused(toy_files, tmp_path, ids, message):
    shutil.copytree(toy_files / "store", tmp_path / "store")
    (tmp_path / "store" / IDS).write_text(json.dumps(ids))
    with pytest.raises(InputError, match=message):
        Store(tmp_path / "store")


@pytest.mark.parametrize("shape", [(toy.IMAGES, 24, 20, 3), (toy.IMAGES, 24, 24, 4), (toy.IMAGES, 24 * 24 * 3)])
def test_pixels_that_are_not_square_rgb_are_refused(toy_files, tmp_path, shape):
    shutil.copytree(toy_files / "store", tmp_path / "store")
    write(tmp_path / "store" / PIXELS, shape, np.zeros(shape, dtype=np.uint8))
    with pytest.raises(InputError, match="the store's pixels are"):
        Store(tmp_path / "store")


def resize(image: Image.Image) -> np.ndarray:
    return np.asarray(image.resize((8, 8)), dtype=np.uint8)


@pytest.fixture
def photographs(tmp_path: Path) -> list[Path]:
    """Fifty small images."""
    files = [tmp_path / f"{number}.png" for number in range(50)]
    for number, file in enumerate(files):
        Image.fromarray(np.random.default_rng(number).integers(0, 256, (9, 7, 3), dtype=np.uint8)).save(file)
    return files


def built(folder: Path, files: list[Path], state: Path, **more: object) -> bytes:
    folder.mkdir(exist_ok=True)
    write_store(folder, [file.stem for file in files], files, 8, resize, state=state, **more)
    return (folder / PIXELS).read_bytes()


@pytest.mark.parametrize("stopped_at", [0, 3, 4, 17, 49])
def test_an_interrupted_store_resumes_with_the_same_bytes(photographs, tmp_path, monkeypatch, stopped_at):
    monkeypatch.setattr("nearmiss.engine.images.pixels._RECORDED", 4)
    whole = built(tmp_path / "whole", photographs, tmp_path / "state")
    decoded = []

    def stopping(file):
        decoded.append(file)
        if len(decoded) == stopped_at + 1:
            raise KeyboardInterrupt
        return open_rgb(file)

    monkeypatch.setattr("nearmiss.engine.images.store.open_rgb", stopping)
    with pytest.raises(KeyboardInterrupt):
        built(tmp_path / "again", photographs, tmp_path / "state")
    assert not (tmp_path / "again" / PIXELS).exists()
    decoded.clear()
    monkeypatch.setattr("nearmiss.engine.images.store.open_rgb", lambda file: decoded.append(file) or open_rgb(file))
    assert built(tmp_path / "again", photographs, tmp_path / "state") == whole
    assert len(decoded) == 50 - stopped_at // 4 * 4  # what was recorded is not decoded again
    assert not list((tmp_path / "state").iterdir())


@pytest.mark.parametrize("what", ["a file", "settings", "order"])
def test_a_store_of_other_inputs_is_not_resumed(photographs, tmp_path, monkeypatch, what):
    monkeypatch.setattr("nearmiss.engine.images.pixels._RECORDED", 4)
    torn = photographs[30].read_bytes()
    photographs[30].write_bytes(b"torn")
    with pytest.raises(InputError, match="does not decode"):
        built(tmp_path / "store", photographs, tmp_path / "state")
    photographs[30].write_bytes(torn)
    if what == "a file":
        shutil.copy(photographs[1], photographs[0])
    files = photographs[::-1] if what == "order" else photographs
    settings = {"interpolation": "other"} if what == "settings" else None
    fresh = built(tmp_path / "fresh", files, tmp_path / "other", settings=settings)
    assert built(tmp_path / "store", files, tmp_path / "state", settings=settings) == fresh


def test_the_bytes_of_a_store_do_not_depend_on_the_workers(photographs, tmp_path):
    assert built(tmp_path / "one", photographs, tmp_path / "a") == built(
        tmp_path / "three", photographs, tmp_path / "b", workers=3
    )
