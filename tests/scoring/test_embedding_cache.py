"""Kept embeddings: found by what an image holds, damaged files found and made again, texts of any length."""

import os

import numpy as np
import pytest
from PIL import Image

from nearmiss.base.checked import read_checked, write_checked
from nearmiss.engine.scoring.cache import Cache
from nearmiss.engine.scoring.contents import contents


def numbered(rows):
    return np.array([[row, 2 * row, 3 * row] for row in rows], dtype=np.float32)


def never(rows):
    raise AssertionError("something was encoded again")


def read(cache: Cache, keys: list[str], encode) -> list[list[float] | None]:
    values, rows = cache.get(keys, encode, shard=2)
    return [values[row].tolist() if row >= 0 else None for row in rows]


def test_embeddings_are_returned_in_the_requested_order(tmp_path):
    keys = ["a", "b", "c", "d", "e"]
    made = read(Cache(tmp_path, "text"), keys, numbered)
    assert made == numbered(range(5)).tolist()
    assert read(Cache(tmp_path, "text"), keys[::-1], never) == made[::-1]
    assert read(Cache(tmp_path, "text"), ["c"], never) == [made[2]]
    with pytest.raises(AssertionError, match="encoded again"):
        read(Cache(tmp_path, "image"), keys, never)


def test_the_size_of_a_key_does_not_grow_with_the_text(tmp_path):
    Cache(tmp_path, "text").get(["x" * 1_000_000, *(f"key {number}" for number in range(1000))], numbered)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 2_000_000
    assert read(Cache(tmp_path, "text"), ["x" * 1_000_000], never) == [[0, 0, 0]]


def test_keys_that_differ_only_at_the_end_are_distinct(tmp_path):
    keys = ["a", "a\0", "a ", "\ud800", "é", "e\u0301"]
    assert read(Cache(tmp_path, "text"), keys, numbered) == numbered(range(6)).tolist()
    assert read(Cache(tmp_path, "text"), keys, never) == numbered(range(6)).tolist()


@pytest.mark.parametrize("unfit", [{1}, {0, 1, 2, 3}, {0, 1}])
def test_inputs_that_cannot_be_encoded_are_tried_once(tmp_path, unfit):
    """A shard may contain nothing that can be encoded; its width is then unknown."""

    def encode(rows):
        if set(rows) <= unfit:
            return np.full((len(rows), 0), np.nan, dtype=np.float32)
        return np.array([[np.nan] * 3 if row in unfit else [row] * 3 for row in rows], dtype=np.float32)

    keys = ["a", "b", "c", "d"]
    made = read(Cache(tmp_path, "image"), keys, encode)
    assert made == [None if row in unfit else [row] * 3 for row in range(4)]
    assert read(Cache(tmp_path, "image"), keys, never) == made


def test_every_flipped_bit_and_truncation_is_reported(tmp_path, capsys):
    keys = [f"key {number}" for number in range(4)]
    made = read(Cache(tmp_path, "text"), keys, numbered)
    files = set(tmp_path.iterdir())
    file = min(files)
    content = file.read_bytes()
    random = np.random.default_rng(0)
    damaged = [content[:length] for length in (0, 1, 100, len(content) - 1)] + [content + b"\0"]
    for place in random.integers(0, len(content), 60).tolist():
        flipped = bytearray(content)
        flipped[place] ^= 1 << int(random.integers(8))
        damaged.append(bytes(flipped))
    for each in damaged:
        file.write_bytes(each)
        requested = []
        assert (
            read(
                Cache(tmp_path, "text"),
                keys,
                lambda rows, requested=requested: requested.extend(rows) or numbered(rows),
            )
            == made
        )
        assert requested == [0, 1]  # the other file is as it was
        (again,) = set(tmp_path.iterdir()) - files
        again.unlink()
        (line,) = capsys.readouterr().err.splitlines()
        assert f"{file} is damaged and is computed again" in line


def test_a_file_of_another_width_is_not_used(tmp_path, capsys):
    read(Cache(tmp_path, "text"), ["a"], numbered)
    Cache(tmp_path, "text")._keep([b"x" * 32], np.zeros((1, 5), dtype=np.float32), [])
    assert read(Cache(tmp_path, "text"), ["a"], never) == [[0, 0, 0]]
    assert "damaged" in capsys.readouterr().err


def test_a_checked_file_is_read_as_it_was_written(tmp_path):
    file = write_checked(tmp_path, "probe", ".json", b"{}")
    assert list(read_checked(tmp_path, "probe", ".json")) == [(file, b"{}")]
    file.rename(tmp_path / "probe-0.json")
    assert list(read_checked(tmp_path, "probe", ".json")) == []
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def pictures(tmp_path):
    """Two images of equal size in bytes, a file that is not an image, and their keys."""
    folder = tmp_path / "images"
    folder.mkdir()
    for name, color in (("a", (1, 2, 3)), ("b", (3, 2, 1))):
        Image.new("RGB", (6, 4), color).save(folder / f"{name}.bmp")
    (folder / "c.bmp").write_text("no picture")
    for file in folder.iterdir():
        settle(file)
    return {file.stem: file for file in sorted(folder.iterdir())}


def settle(file):
    """Date a file back, as one that has lain there for a while."""
    os.utime(file, ns=(10**18, 10**18))


@pytest.fixture
def old(monkeypatch):
    """A clock that is an hour ahead, so that every file has stood unchanged for a while."""
    from nearmiss.engine.scoring import contents as module

    now = module.time.time_ns
    monkeypatch.setattr(module.time, "time_ns", lambda: now() + 3600 * 10**9)


@pytest.fixture
def reads(monkeypatch):
    """The files whose bytes are read."""
    from nearmiss.engine.scoring import contents as module

    found = []
    real = module._read
    monkeypatch.setattr(module, "_read", lambda file: found.append(file.name) or real(file))
    return found


def test_a_file_is_identified_by_its_bytes(pictures, tmp_path, old, reads):
    first = contents(pictures, tmp_path / "cache")
    assert first["a"].digest != first["b"].digest
    assert [first[name].size for name in "abc"] == [(6, 4), (6, 4), None]
    assert sorted(reads) == ["a.bmp", "b.bmp", "c.bmp"]
    reads.clear()
    assert contents(pictures, tmp_path / "cache") == first
    assert reads == []  # a second run only checks the file system
    assert "d" not in contents({"d": tmp_path / "none.bmp", "e": tmp_path}, tmp_path / "cache")


@pytest.mark.parametrize("how", ["rename", "write"])
def test_a_changed_file_of_equal_size_and_time_is_detected(pictures, tmp_path, old, how):
    before = contents(pictures, tmp_path / "cache")
    if how == "rename":
        pictures["b"].replace(pictures["a"])
    else:
        pictures["a"].write_bytes(pictures["b"].read_bytes())
    settle(pictures["a"])
    assert contents({"a": pictures["a"]}, tmp_path / "cache")["a"] == before["b"]


def test_a_file_that_was_written_just_now_is_read_again(pictures, tmp_path, reads):
    """Within a tick of the file system's clock it may change without another time."""
    contents(pictures, tmp_path / "cache")
    contents(pictures, tmp_path / "cache")
    assert len(reads) == 6


def test_damaged_hashes_are_computed_again(pictures, tmp_path, old, reads, capsys):
    first = contents(pictures, tmp_path / "cache")
    (file,) = (tmp_path / "cache").iterdir()
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))
    reads.clear()
    assert contents(pictures, tmp_path / "cache") == first
    assert len(reads) == 3
    assert "is damaged" in capsys.readouterr().err


def test_later_requests_add_files(pictures, tmp_path, old, reads):
    contents({"a": pictures["a"]}, tmp_path / "cache")
    contents({"b": pictures["b"]}, tmp_path / "cache")
    reads.clear()
    contents(pictures, tmp_path / "cache")
    assert reads == ["c.bmp"]
    assert len(list((tmp_path / "cache").iterdir())) == 1
