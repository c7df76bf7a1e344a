"""Command `nearmiss download`: the table, the plan, and what a download prints."""

import pytest
from published import entry, remote, write_catalog, zipped

from nearmiss.base.errors import InputError
from nearmiss.commands.app import app
from nearmiss.commands.download import download  # noqa: F401  (adds the command)


@pytest.fixture
def own(server, tmp_path):
    images = remote(
        server, "toys/images.zip", zipped({"1.jpg": b"1"}), unpack="zip", into="toys", provides=["toys/1.jpg"]
    )
    labels = remote(server, "toys/labels.json", b"[]", known=False)
    hand = {"title": "t", "license": {"name": "research"}, "by_hand": {"instructions": "Write.", "provides": ["hand"]}}
    return write_catalog(tmp_path / "own.json", {"toys": entry(images, labels, needs=["hand"]), "hand": hand})


def command(capsys, *arguments):
    app(["download", *map(str, arguments)], exit_on_error=False, result_action="return_value")
    return capsys.readouterr().out


def test_the_table_names_every_entry_and_its_state(capsys, tmp_path, own):
    (tmp_path / "root" / "cifar100" / "cifar-100-binary").mkdir(parents=True)
    (tmp_path / "root" / "cifar100" / "cifar-100-binary" / "test.bin").write_bytes(b"1")
    lines = command(capsys, "--root", tmp_path / "root", "--catalog", own).splitlines()
    states = {line.split()[0]: line.split()[-1] for line in lines if line}
    assert states["sugarcrepe"] == "missing" and states["cifar100"] == "present" and states["toys"] == "missing"
    assert max(map(len, lines)) <= 80


def test_a_dry_run_prints_the_plan_and_downloads_nothing(capsys, tmp_path, own, server):
    printed = command(capsys, "toys", "--root", tmp_path / "root", "--catalog", own, "--dry-run")
    for words in ("toys/images.zip", "--accept toys", "by hand", "Write.", "minutes at 10 MB/s", "disk:", "unknown"):
        assert words in printed
    assert not server.requests and not (tmp_path / "root").exists()


def test_a_download_prints_manual_steps_and_records(capsys, tmp_path, own):
    arguments = ["toys", "--root", tmp_path / "root", "--catalog", own]
    printed = command(capsys, *arguments, "--accept", "toys")
    for words in (
        "by hand:\n  hand: Write. Files go to hand.",
        "toys/labels.json",
        "sha256: ",
        "downloaded: toys",
    ):
        assert words in printed
    assert "nothing, all files exist" in command(capsys, *arguments, "--offline")
    states = command(capsys, "--root", tmp_path / "root", "--catalog", own).splitlines()
    assert any(line.startswith("toys") and line.endswith("downloaded") for line in states)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["toys"], "needs a data root"), (["toys", "--root", "x", "--accept", "toy"], "no entry 'toy'")],
)
def test_mistakes_are_one_message(capsys, own, arguments, words):
    with pytest.raises(InputError, match=words):
        command(capsys, *arguments, "--catalog", own)
