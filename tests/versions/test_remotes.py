"""A remote that cannot be asked is told from one that lacks objects."""

import subprocess
from pathlib import Path

import pytest

from nearmiss.base.errors import InputError
from nearmiss.versions import objects
from nearmiss.versions.objects import Cache
from nearmiss.versions.workspace import Locked

STAGE = Locked("data", Path("results/tiny/data"), "0" * 32 + ".dir", {})


@pytest.mark.parametrize(
    ("status", "errors", "words"),
    [
        (
            0,
            "WARNING: Some of the cache files do not exist neither locally nor on remote.",
            "does not have 1 of 1 objects\n",
        ),
        (
            1,
            "ERROR: failed to connect to s3 (b/x) - no route\nERROR: 1 files failed",
            "cannot be reached: failed to connect",
        ),
        (
            255,
            "ERROR: unexpected error - ssh is supported, but requires 'dvc-ssh'",
            "cannot be reached: unexpected error",
        ),
        (1, "ERROR: failed to fetch data from the cloud", r"does not have 1 of 1 objects \(DVC: failed to fetch"),
    ],
)
def test_what_is_said_of_a_remote(tmp_path, monkeypatch, status, errors, words):
    cache = Cache.__new__(Cache)
    cache.folder = tmp_path
    monkeypatch.setattr(objects, "remote_of", lambda asked: asked)
    monkeypatch.setattr(
        objects, "dvc", lambda *_: subprocess.CompletedProcess([], status, "Everything is fine.", errors)
    )
    with pytest.raises(InputError, match=words) as caught:
        objects.fetch(cache, [STAGE], "store")
    assert "'store'" in caught.value.problem
    assert caught.value.record == "results/tiny/data/"
