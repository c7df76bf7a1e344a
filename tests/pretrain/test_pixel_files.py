"""Files of pixels: a full disk is an error and never the end of the process, and a damaged file is never read."""

import errno
import json
import os
import secrets
import shutil
import signal
import tarfile
from functools import partial
from pathlib import Path
from random import Random

import numpy as np
import pytest
import toy_training as toy
from PIL import Image

from kills import SHARD_CALLS, fork_and_kill
from nearmiss.base.errors import InputError
from nearmiss.base.seeding import array_rng
from nearmiss.engine.images.arrays import open_array, reserve_array
from nearmiss.engine.images.decode import open_rgb
from nearmiss.engine.images.members import location_of
from nearmiss.engine.images.shards import open_shards, shard_name, write_shards
from nearmiss.engine.images.store import IDS, PIXELS, Store, write_store
from nearmiss.stages.pretrain import store

SHAPE = (5, 4, 4, 3)


def drawn():
    return array_rng(0, "pixels").integers(0, 256, SHAPE, dtype=np.uint8)


def write(file, shape, rows):
    """Write all rows as one shard."""
    (written,) = write_shards(file.parent / "shards", shape, secrets.token_hex(4), lambda _: iter(rows))
    written.replace(file)


def opened(file):
    return open_array(file, what="the pixels", remedy="make them again")


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
        reserve_array(Path("/dev/full"), (2, 300, 300, 3), np.uint8)


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
    write(tmp_path / "store" / PIXELS / shard_name(0), shape, np.zeros(shape, dtype=np.uint8))
    with pytest.raises(InputError, match="the store's pixels are"):
        Store(tmp_path / "store")


def in_shards(folder, size=2):
    write_shards(folder, SHAPE, "", lambda rows: iter(drawn()[list(rows)]), size=size)
    return open_shards(folder, what="the pixels", remedy="make them again")


@pytest.mark.parametrize("size", [1, 2, 3, 5, 9])
def test_shards_are_read_as_one_array(tmp_path, size):
    found, whole = in_shards(tmp_path, size), drawn()
    assert len(list(tmp_path.glob("rows-*.npy"))) == -(-5 // size)
    assert found.shape == whole.shape and len(found) == 5
    for rows in (np.array([4, 0, 3, 0]), np.array([], dtype=np.int64), slice(1, 4), slice(None), 2, np.int64(4)):
        assert np.array_equal(found[rows], whole[rows])
    for rows in (np.array([0, 5]), 5):
        with pytest.raises(IndexError):
            found[rows]


def test_rows_are_computed_in_the_given_order_within_a_shard(tmp_path):
    requested = []

    def rows(numbers):
        requested.extend(numbers)
        return iter(drawn()[list(numbers)])

    write_shards(tmp_path, SHAPE, "", rows, order=lambda row: -row, size=3)
    assert requested == [2, 1, 0, 4, 3]
    assert np.array_equal(open_shards(tmp_path, what="", remedy="")[:], drawn())


@pytest.mark.parametrize("number", [0, 1])
def test_a_missing_shard_is_named(tmp_path, number):
    in_shards(tmp_path)
    (tmp_path / shard_name(number)).unlink()
    with pytest.raises(InputError, match="are missing") as error:
        open_shards(tmp_path, what="the pixels", remedy="make them again")
    assert shard_name(number) in str(error.value)


def test_a_store_without_its_last_shard_is_refused(photographs, tmp_path):
    built(tmp_path / "store", photographs, tmp_path / "state")
    (tmp_path / "store" / PIXELS / shard_name(12)).unlink()
    with pytest.raises(InputError, match="for 50 ids"):
        Store(tmp_path / "store")


def test_shards_of_different_images_are_refused(tmp_path):
    in_shards(tmp_path)
    np.save(tmp_path / shard_name(1), drawn()[:1])
    with pytest.raises(InputError, match=shard_name(1)):
        open_shards(tmp_path, what="the pixels", remedy="make them again")


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
    """The bytes of a store's shards, of four images each."""
    folder.mkdir(exist_ok=True)
    write_store(folder, [file.stem for file in files], files, 8, resize, state=state, shard=4, **more)
    return b"".join(file.read_bytes() for file in sorted((folder / PIXELS).iterdir()))


def stop_at(monkeypatch, count: int, error: type[BaseException] = KeyboardInterrupt) -> list[Path]:
    """Raise at the decoding of image `count` from now on; returns a list that grows by the decoded files."""
    decoded: list[Path] = []

    def stopping(file: Path) -> Image.Image:
        decoded.append(file)
        if len(decoded) == count + 1:
            raise error
        return open_rgb(file)

    monkeypatch.setattr("nearmiss.engine.images.store.open_rgb", stopping)
    return decoded


@pytest.mark.parametrize("stopped_at", [0, 3, 4, 17, 49])
def test_an_interrupted_store_resumes_with_the_same_bytes(photographs, tmp_path, monkeypatch, stopped_at):
    whole = built(tmp_path / "whole", photographs, tmp_path / "other")
    stop_at(monkeypatch, stopped_at)
    with pytest.raises(KeyboardInterrupt):
        built(tmp_path / "again", photographs, tmp_path / "state")
    assert not (tmp_path / "again" / PIXELS).exists()
    decoded = stop_at(monkeypatch, 50)
    assert built(tmp_path / "again", photographs, tmp_path / "state") == whole
    assert len(decoded) == 50 - stopped_at // 4 * 4  # complete shards are not decoded again


def test_a_store_that_was_killed_before_it_was_complete_decodes_nothing_again(photographs, tmp_path, monkeypatch):
    """Shards stay in the state until the caller removes it, which is after the results are in place."""
    whole = built(tmp_path / "one", photographs, tmp_path / "state")
    decoded = stop_at(monkeypatch, 0)
    assert built(tmp_path / "two", photographs, tmp_path / "state") == whole
    assert not decoded


def test_a_store_killed_at_ten_steps_has_the_same_bytes(photographs, tmp_path):
    """Killed where it decodes, flushes, renames or links: by the number of a call, drawn from a seed, not by time."""
    names = sorted(photographs)
    whole = built(tmp_path / "whole", names, tmp_path / "other")
    for moment in Random(0).sample(range(1, 58), 10):  # a build makes 57 such calls
        build = partial(built, tmp_path / f"killed-{moment}", names, tmp_path / "state")
        assert fork_and_kill(build, moment, [*SHARD_CALLS, "nearmiss.engine.images.store.open_rgb"]) == signal.SIGKILL
        assert not list(tmp_path.glob("killed-*/image_ids.json"))
        shutil.rmtree(tmp_path / f"killed-{moment}", ignore_errors=True)
        assert built(tmp_path / f"again-{moment}", names, tmp_path / "state") == whole
        shutil.rmtree(tmp_path / "state")


@pytest.mark.parametrize("what", ["a file", "settings", "order", "shard size"])
def test_a_store_of_other_inputs_is_not_resumed(photographs, tmp_path, what):
    torn = photographs[30].read_bytes()
    photographs[30].write_bytes(b"torn")
    with pytest.raises(InputError, match="does not decode"):
        built(tmp_path / "store", photographs, tmp_path / "state")
    photographs[30].write_bytes(torn)
    if what == "a file":
        shutil.copy(photographs[1], photographs[0])
    files = photographs[::-1] if what == "order" else photographs
    more = {"settings": {"interpolation": "other"}} if what == "settings" else {}
    fresh = built(tmp_path / "fresh", files, tmp_path / "other", **more)
    if what == "shard size":
        (tmp_path / "sized").mkdir()
        write_store(
            tmp_path / "sized", [file.stem for file in files], files, 8, resize, state=tmp_path / "state", shard=7
        )
        assert np.array_equal(Store(tmp_path / "sized").pixels[:], Store(tmp_path / "fresh").pixels[:])
    else:
        assert built(tmp_path / "store", files, tmp_path / "state", **more) == fresh


def test_the_bytes_of_a_store_do_not_depend_on_the_workers(photographs, tmp_path):
    assert built(tmp_path / "one", photographs, tmp_path / "a") == built(
        tmp_path / "three", photographs, tmp_path / "b", workers=3
    )


def test_images_of_an_archive_are_read_in_its_order_without_extraction(photographs, tmp_path, monkeypatch):
    """Rows are sorted by id; the archive is read from front to back for each shard."""
    with tarfile.open(tmp_path / "0.tar", "w") as archive:
        for file in photographs[::-1]:
            archive.add(file, file.name)
    files = [tmp_path / "0.tar" / file.name for file in photographs]
    for file in photographs:
        file.rename(file.with_suffix(".moved"))
    decoded = stop_at(monkeypatch, 50)
    built(tmp_path / "store", files, tmp_path / "state")
    offsets = [location_of(file)[1] for file in decoded]
    assert all(offsets[at : at + 4] == sorted(offsets[at : at + 4]) for at in range(0, 50, 4))
    row = Store(tmp_path / "store").row("17")
    with Image.open(photographs[17].with_suffix(".moved")) as image:
        assert np.array_equal(Store(tmp_path / "store").pixels[row], resize(image))
