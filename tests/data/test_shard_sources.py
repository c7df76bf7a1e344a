"""WebDataset shards as a source."""

from pathlib import Path

from photograph_sources import (
    SHARDS,
    config,
    made,
    summary,
    table,
)

import source_files


def test_shards_as_tables(tmp_path: Path):
    root = source_files.shards(tmp_path / "root")
    out = made(config(root, **SHARDS), tmp_path)
    images = table(out, "images")
    assert images.height == 20 and images.row(0)[:2] == ("000000000", "00000.tar//000000000.jpg")
    assert table(out, "captions").row(0)[:3] == ("000000000#0", "000000000", source_files.text(0))
    several = table(made(config(root, **SHARDS, caption_field="others"), tmp_path), "captions")
    assert several.height == 40 and several["text"][1] == source_files.text(0, 2)


def test_a_folder_is_read_as_a_shard(tmp_path: Path):
    for shard in ("00000", "00001"):
        (tmp_path / "root" / shard).mkdir(parents=True)
        for name, content in source_files.shard_members(int(shard)).items():
            (tmp_path / "root" / shard / name).write_bytes(content)
    images = table(made(config(tmp_path / "root", **SHARDS, shards="0000*"), tmp_path), "images")
    assert images.height == 20 and images["file"][19] == "00001/000010009.jpg"


def test_keys_that_two_shards_share_are_qualified(tmp_path: Path):
    for shard in range(2):
        source_files.put_shard(tmp_path / f"{shard}.tar", source_files.shard_members(0))
    images = table(made(config(tmp_path, **SHARDS), tmp_path), "images")
    assert images.height == 20 and images["image_id"][0] == "0/000000000"


def test_faulty_shard_members_are_set_aside_and_counted(tmp_path: Path):
    root = source_files.shards(tmp_path / "root", 3)
    members = source_files.shard_members(0)
    del members["000000001.txt"], members["000000001.json"], members["000000002.jpg"]
    members["000000003.txt"] = b" \n"
    members["000000004.txt"] = b"\xff\xfe a cat"
    members["000000005.jpg"] = members["000000005.jpg"][:300]
    listed = [*members.items(), ("000000006.jpg", source_files.image(99))]
    source_files.put_shard(root / "00000.tar", listed)
    whole = (root / "00001.tar").read_bytes()
    (root / "00001.tar").write_bytes(whole[: len(whole) // 2])
    (root / "00003.tar").write_bytes(b"<html>404</html>" * 100)
    out = made(config(root, **SHARDS), tmp_path)
    counted = summary(out)["set_aside"]
    assert counted["the sample has no text"] == 2
    assert counted["its text is not UTF-8"] == counted["its key occurs twice"] == 1
    assert counted["the image does not decode"] == 1
    assert counted["the archive is truncated"] == counted["the file is no tar archive"] == 1
    kept = table(out, "images")
    assert {"000000000", "000000007", "000010000", "000020009"} <= set(kept["image_id"])
    assert not {f"00000000{at}" for at in range(1, 7)} & set(kept["image_id"])
