"""Messages distinguish a remote that cannot be read from one that lacks objects or holds damaged ones."""

import json
import subprocess
from pathlib import Path

import pytest

from nearmiss.base.errors import InputError
from nearmiss.versions import objects
from nearmiss.versions.objects import Cache
from nearmiss.versions.workspace import Locked

LIST = "0" * 32 + ".dir"
FILE = "1" * 32
STAGE = Locked("data", Path("results/tiny/data"), LIST, {})


def list_is(state: str) -> dict[str, str]:
    return {"object": LIST, "state": state}


def file_is(state: str) -> dict[str, str]:
    return {"object": FILE, "state": state, "list": LIST, "name": "images.parquet"}


@pytest.mark.parametrize(
    ("error", "states", "words", "record"),
    [
        ("", [list_is("absent")], "does not have 1 of 1 objects\n", "data/"),
        ("failed to fetch data", [list_is("absent")], r"1 of 1 objects \(DVC: failed to fetch", "data/"),
        ("unexpected error", [list_is("damaged")], "damaged objects in remote 'store': 1", "data/"),
        ("1 files failed", [list_is("whole"), file_is("absent")], "does not have 1 of 2", "data/images.parquet"),
        ("1 files failed", [list_is("whole"), file_is("damaged")], "damaged objects .*: 1", "data/images.parquet"),
        ("failed to connect to s3 (b/x)", None, "cannot be reached: failed to connect", "data/"),
        ("unexpected error - ssh requires 'dvc-ssh'", None, "cannot be reached: unexpected error", "data/"),
    ],
)
def test_the_message_about_a_remote(tmp_path, monkeypatch, error, states, words, record):
    cache = Cache.__new__(Cache)
    cache.folder = tmp_path
    warning = "WARNING: Some of the cache files do not exist neither locally nor on remote."
    fetched = subprocess.CompletedProcess(
        [], bool(error), "Everything is fine.", f"ERROR: {error}" if error else warning
    )
    monkeypatch.setattr(objects, "remote_of", lambda remote: remote)
    monkeypatch.setattr(objects, "dvc", lambda *_: fetched)
    answer = subprocess.CompletedProcess([], states is None, json.dumps(states), "")
    monkeypatch.setattr(objects, "remote_states", lambda *_: answer)
    with pytest.raises(InputError, match=words) as caught:
        objects.fetch(cache, [STAGE], "store")
    assert "'store'" in caught.value.problem
    assert caught.value.record == f"results/tiny/{record}"
